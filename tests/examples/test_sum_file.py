# SPDX-License-Identifier: BSD-3-Clause
"""test_sum_file.py PROGRAM - each way finds the sum, and where the file was truncated."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
PAGE = 4096
SIZE = 5 * PAGE + 100
WAYS = ("copy", "guard", "shield")


class SumFile(unittest.TestCase):
    """A file of ones, whose sum is its size."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe examples ")
        self.addCleanup(scratch.cleanup)
        self.path = Path(scratch.name) / "a file"
        self.path.write_bytes(b"\1" * SIZE)

    def run_with(self, *args: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [PROGRAM, *args], text=True, capture_output=True, check=False, timeout=30
        )
        return done.returncode, done.stdout, done.stderr

    def run_truncated(self, way: str, size: int) -> tuple[int, str, str]:
        """Truncate the file once the program has mapped it."""
        with subprocess.Popen(
            [PROGRAM, way, "--wait", str(self.path)],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            self.assertEqual(process.stdout.readline(), "mapped\n")
            os.truncate(self.path, size)
            out, err = process.communicate("\n", timeout=30)
        return process.returncode, out, err

    def test_a_whole_file(self) -> None:
        for way in WAYS:
            with self.subTest(way):
                self.assertEqual(self.run_with(way, str(self.path)), (0, f"sum: {SIZE}\n", ""))
                self.assertEqual(self.run_truncated(way, SIZE), (0, f"sum: {SIZE}\n", ""))

    def test_an_empty_file(self) -> None:
        self.path.write_bytes(b"")
        for way in WAYS:
            with self.subTest(way):
                self.assertEqual(self.run_with(way, str(self.path)), (0, "sum: 0\n", ""))

    def test_a_truncated_file(self) -> None:
        for way, size in (("copy", 3 * PAGE), ("copy", 5000), ("guard", 3 * PAGE), ("guard", 0)):
            with self.subTest(way):
                self.path.write_bytes(b"\1" * SIZE)
                text = f"sum_file: {self.path}: truncated at byte {size}\n"
                self.assertEqual(self.run_truncated(way, size), (1, "", text))

    def test_a_truncated_file_under_a_shield(self) -> None:
        text = f"sum_file: {self.path}: zeros stood in for {3 * PAGE} bytes at byte {3 * PAGE}\n"
        self.assertEqual(
            self.run_truncated("shield", 3 * PAGE), (1, f"sum: {3 * PAGE}\n", text)
        )

    def test_what_cannot_be_mapped(self) -> None:
        for way in WAYS:
            with self.subTest(way):
                status, out, err = self.run_with(way, "/nowhere/at/all")
                self.assertEqual((status, out), (2, ""))
                self.assertIn("/nowhere/at/all: No such file or directory", err)
        for args in ((), ("copy",), ("nonsense", "file"), ("copy", "--wait")):
            status, out, err = self.run_with(*args)
            self.assertEqual((status, out), (2, ""))


if __name__ == "__main__":
    unittest.main()
