# SPDX-License-Identifier: BSD-3-Clause
"""test_lmdb_shield.py PROGRAM - LMDB on an environment that is truncated while it is read.

LMDB itself is not changed. Without a shield it dies; with one it reports an error, or reads zeros,
and the program says what was lost.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGE = 4096
MAP_SIZE = 1 << 26
KEYS = 3000
EX_IOERR = 74

program = ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


class LmdbShield(unittest.TestCase):
    """Each test has an environment of its own."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe lmdb ")
        self.addCleanup(scratch.cleanup)
        self.env = Path(scratch.name, "env")
        self.file = self.env / "data.mdb"

    def load(self, values: list[str]) -> None:
        """Have mdb_load make the environment."""
        self.env.mkdir()
        text = ["VERSION=3", "format=print", "type=btree", f"mapsize={MAP_SIZE}", "HEADER=END"]
        for i, value in enumerate(values):
            text += [f" key{i:05}", f" {value}"]
        dump = "\n".join([*text, "DATA=END", ""])
        subprocess.run(["mdb_load", self.env], input=dump, text=True, check=True)
        self.sum = sum(sum(value.encode()) for value in values)

    def test_a_whole_environment_is_read(self) -> None:
        self.load(["x" * 100] * KEYS)
        done = run(str(self.env))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{KEYS} keys, the sum of the values is {self.sum}\n")
        self.assertNotIn("lost", done.stderr)

    def test_without_a_shield_it_dies(self) -> None:
        self.load(["x" * 100] * KEYS)
        done = run("--plain", "--cut", str(2 * PAGE), str(self.env))
        self.assertEqual(done.returncode, -signal.SIGBUS, done.stderr)

    def test_with_a_shield_the_damage_is_told(self) -> None:
        self.load(["x" * 100] * KEYS)
        whole = self.file.read_bytes()
        told = set()
        for pages in range(2, len(whole) // PAGE - 2, 3):
            with self.subTest(pages=pages):
                done = run("--cut", str(pages * PAGE), str(self.env))
                self.file.write_bytes(whole)
                self.assertEqual(done.returncode, EX_IOERR, done)
                found = re.fullmatch(r"(\d+) keys, the sum of the values is \d+\n", done.stdout)
                self.assertIsNotNone(found, done.stdout)
                self.assertLess(int(found[1]), KEYS)
                lost = f"lost: {MAP_SIZE - pages * PAGE} bytes at {pages * PAGE}\n"
                self.assertTrue(done.stderr.endswith(lost), done.stderr)
                told.add(done.stderr.splitlines()[0])
        # LMDB has two ways to notice. Which one, and where, is its own business.
        for line in told:
            self.assertRegex(line, r"^LMDB: (MDB_CORRUPTED|MDB_PAGE_NOTFOUND|\S+: Assertion )")

    def test_values_that_read_as_zeros_are_told(self) -> None:
        """LMDB does not look into the pages of long values, and finds no error."""
        self.load(["short"] * 50 + ["y" * 100000])
        data = self.file.read_bytes()
        kept = data.index(b"y" * PAGE) // PAGE + 10  # pages
        done = run("--cut", str(kept * PAGE), str(self.env))
        self.assertEqual(done.returncode, EX_IOERR, done)
        lost = data[kept * PAGE :].count(b"y") * ord("y")
        self.assertEqual(done.stdout, f"51 keys, the sum of the values is {self.sum - lost}\n")
        self.assertIn("LMDB: the end\n", done.stderr)

    def test_wrong_usage(self) -> None:
        self.assertEqual(run().returncode, 1)
        done = run("/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere: No such file", done.stderr)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    if shutil.which("mdb_load") is None:
        print("SKIP: there is no mdb_load")
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main()
