# SPDX-License-Identifier: BSD-3-Clause
"""test_readme.py - the programs of README.md run, and say what README.md says."""

import hashlib
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

import mcsafe
import support
from support import PAGE

README = (Path(os.environ["MCSAFE_SOURCE_DIR"]) / "bindings/python/README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.S)
[SAID] = re.findall(r"```text\n(.*?)```", README, re.S)
FIRST, NUMPY, SALVAGE, INJECT = PROGRAMS


class Programs(unittest.TestCase):
    """Each program, in a directory with the files that it opens."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe python ")
        self.addCleanup(scratch.cleanup)
        self.where = Path(scratch.name)

    def run_there(self, program: str, cut: int | None = None) -> tuple[int, str, str]:
        """Run a program there. The files are truncated after they were mapped, if cut is given."""
        for name in ("log", "numbers"):
            (self.where / name).write_bytes(b"\1" * 4 * PAGE)
        before = ""
        if cut is not None:
            before = f"""if True:
                import mcsafe, os
                class Cut(mcsafe.mmap):
                    def __new__(cls, fd, *arguments, **options):
                        m = super().__new__(cls, fd, *arguments, **options)
                        os.truncate(f"/proc/self/fd/{{fd}}", {cut})
                        return m
                mcsafe.mmap = Cut
                os.chdir({str(self.where)!r})
"""
        else:
            before = f"import os; os.chdir({str(self.where)!r})\n"
        done = support.run(sys.executable, "-B", "-c", before + program)
        return done.returncode, done.stdout, done.stderr

    def test_the_first_program(self) -> None:
        self.assertEqual(self.run_there(FIRST), (0, "-1\n", ""))
        status, out, said = self.run_there(FIRST, 8192)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(said, SAID.replace("/var/tmp/log", str(self.where / "log")))

    def test_the_program_with_numpy(self) -> None:
        if support.run(sys.executable, "-c", "import numpy").returncode != 0:
            support.skip("this Python has no numpy")
        self.assertEqual(self.run_there(NUMPY)[0], 0)
        self.assertEqual(self.run_there(NUMPY, 8192), (1, "", "lost: [(8192, 8192)]\n"))

    def test_the_program_that_salvages(self) -> None:
        whole, part = (hashlib.sha256(b"\1" * n + bytes(4 * PAGE - n)).hexdigest()
                       for n in (4 * PAGE, 5000))
        self.assertEqual(self.run_there(SALVAGE), (0, f"{whole}\n", ""))
        # The rest of the page in which the file ends reads as zeros.
        said = f"lost: {2 * PAGE} bytes at {2 * PAGE}\n"
        self.assertEqual(self.run_there(SALVAGE, 5000), (0, f"{part}\n", said))

    def test_the_program_that_injects(self) -> None:
        status, said, errors = self.run_there(INJECT)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(said, ("poison\n", "unknown\n", "not-mapped\n", "protected\n"))

    def test_each_member_and_function_exists(self) -> None:
        error = mcsafe.FaultError(5, "text")
        table = README[README.index("| Member |"):]
        members = re.findall(r"^\| `(\w+)` \|", table[:table.index("\n\n")], re.M)
        self.assertGreater(len(members), 5)
        for member in members:
            self.assertTrue(hasattr(error, member), member)
        for name in re.findall(r"^\| `(\w+)\(", README, re.M):
            self.assertTrue(hasattr(mcsafe, name), name)
        for name in re.findall(r"`m\.(\w+)\(", README):
            self.assertTrue(hasattr(mcsafe.mmap, name), name)


if __name__ == "__main__":
    support.main()
