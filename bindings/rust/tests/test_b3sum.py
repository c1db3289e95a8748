# SPDX-License-Identifier: BSD-3-Clause
"""test_b3sum.py - what becomes of Debian's b3sum, and of the example sum, if a file is truncated.

Both are programs in Rust that read a mapped file. truncate_shim.c truncates it at the same moment.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import support

EXAMPLES = support.TARGET / "debug/examples"
LEFT = 8192
CONTENT = b"0123456789abcde\n" * (64 << 10)


class Truncated(unittest.TestCase):
    """A file of 1 MiB, of which 8 KiB are left when the program has mapped it."""

    @classmethod
    def setUpClass(cls) -> None:
        if shutil.which("b3sum") is None:
            support.skip("there is no b3sum")
        built = support.cargo("build", "--locked", "--examples")
        assert built.returncode == 0, built.stderr
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe rust ")
        cls.addClassCleanup(scratch.cleanup)
        cls.path = Path(scratch.name, "file")

    def setUp(self) -> None:
        self.path.write_bytes(CONTENT)

    def truncated(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program on the file, and truncate that."""
        done = support.run(*words, self.path, LD_PRELOAD=os.environ["MCSAFE_SHIM"],
                           MCSAFE_TEST_FILE=str(self.path), MCSAFE_TEST_SIZE=str(LEFT))
        self.assertEqual(self.path.stat().st_size, LEFT, done)
        return done

    def b3sum(self, content: bytes) -> str:
        """The sum that b3sum gives without trouble."""
        self.path.write_bytes(content)
        done = support.run("b3sum", self.path)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_b3sum_dies(self) -> None:
        for options in ((), ("--num-threads", "1")):
            self.path.write_bytes(CONTENT)
            done = self.truncated("b3sum", *options)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (-signal.SIGBUS, "", ""))

    def test_b3sum_without_mapping_gives_a_wrong_sum(self) -> None:
        done = self.truncated("b3sum", "--no-mmap")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^[0-9a-f]{64} ")
        # Neither that of the file as it was, nor that of what is left.
        self.assertNotIn(done.stdout, (self.b3sum(CONTENT), self.b3sum(CONTENT[:LEFT])))

    def test_the_examples_tell_where(self) -> None:
        for name in ("sum", "tac"):
            self.path.write_bytes(CONTENT)
            done = self.truncated(EXAMPLES / name)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (1, "", f"{name}: lost from byte {LEFT} on\n"))

    def test_a_plain_map_dies_as_b3sum_does(self) -> None:
        done = self.truncated(EXAMPLES / "plain_sum")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (-signal.SIGBUS, "", ""))

    def test_both_give_a_sum_of_a_whole_file(self) -> None:
        self.assertRegex(self.b3sum(CONTENT), "^[0-9a-f]{64} ")
        done = support.run(EXAMPLES / "sum", self.path)
        self.assertEqual((done.returncode, done.stdout), (0, f"{sum(CONTENT)}\n"))


if __name__ == "__main__":
    support.main()
