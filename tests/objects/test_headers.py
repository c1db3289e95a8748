# SPDX-License-Identifier: BSD-3-Clause
"""test_headers.py - every public header compiles alone, twice, in strict C11 and in C++17."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import built

WARNINGS = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror"]
HEADERS = sorted((built.SOURCE / "include" / "mcsafe").glob("*.h"))
CXX = os.environ["MCSAFE_CXX"]


class Headers(unittest.TestCase):
    """One translation unit for each header."""

    def compile(self, compiler: str, suffix: str, standard: str) -> None:
        """Included twice; the declaration is there since a unit must not be empty."""
        self.assertIn("copy.h", [header.name for header in HEADERS])
        for header in HEADERS:
            with self.subTest(header.name), tempfile.TemporaryDirectory() as directory:
                unit = Path(directory, f"unit{suffix}")
                unit.write_text(f"#include <mcsafe/{header.name}>\n" * 2 + "extern int unit;\n")
                command = [compiler, standard, *WARNINGS, "-fsyntax-only"]
                done = subprocess.run(
                    [*command, f"-I{built.SOURCE / 'include'}", unit],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_strict_c11(self) -> None:
        self.compile(built.CC, ".c", "-std=c11")

    def test_cxx17(self) -> None:
        self.compile(CXX, ".cc", "-std=c++17")


if __name__ == "__main__":
    if not CXX:
        failure = os.environ.get("MCSAFE_NO_SKIP") == "1"
        print("FAILED" if failure else "SKIPPED", "there is no C++ compiler", file=sys.stderr)
        sys.exit(1 if failure else 77)
    unittest.main()
