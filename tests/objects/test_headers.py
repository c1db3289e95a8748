# SPDX-License-Identifier: BSD-3-Clause
"""test_headers.py - every public header compiles alone, twice, in strict C11 and in C++11 to 23."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import built

WARNINGS = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror"]
HEADERS = sorted((built.SOURCE / "include" / "mcsafe").glob("*.h"))
CXX_HEADERS = sorted((built.SOURCE / "include" / "mcsafe").glob("*.hpp"))
CXX17_HEADERS = [header for header in CXX_HEADERS if header.name == "mcsafe.hpp"]
CXX11_HEADERS = [header for header in CXX_HEADERS if header.name != "mcsafe.hpp"]
CXX = os.environ["MCSAFE_CXX"]


class Headers(unittest.TestCase):
    """One translation unit for each header."""

    def compile(self, headers: list[Path], compiler: str, suffix: str, *flags: str) -> None:
        """It is included twice. The declaration is there because a translation unit must not be
        empty."""
        self.assertTrue({"copy.h", "guard.hpp", "mcsafe.hpp"} & {header.name for header in headers})
        for header in headers:
            with self.subTest(header.name), tempfile.TemporaryDirectory() as directory:
                unit = Path(directory, f"unit{suffix}")
                unit.write_text(f"#include <mcsafe/{header.name}>\n" * 2 + "extern int unit;\n")
                command = [compiler, *flags, *WARNINGS, "-fsyntax-only"]
                done = subprocess.run(
                    [*command, f"-I{built.SOURCE / 'include'}", unit],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_headers_compile_in_strict_c11(self) -> None:
        self.compile(HEADERS, built.CC, ".c", "-std=c11")

    def test_headers_compile_in_cxx(self) -> None:
        self.compile(HEADERS + CXX11_HEADERS, CXX, ".cc", "-std=c++11")
        for standard in ("-std=c++17", "-std=c++20", "-std=c++2b"):
            self.compile(HEADERS + CXX_HEADERS, CXX, ".cc", standard)

    def test_headers_compile_in_cxx_without_exceptions(self) -> None:
        self.compile(CXX11_HEADERS, CXX, ".cc", "-std=c++11", "-fno-exceptions")
        self.compile(CXX17_HEADERS, CXX, ".cc", "-std=c++17", "-fno-exceptions", "-fno-rtti")

    def test_an_older_standard_is_refused_in_a_line(self) -> None:
        done = subprocess.run(
            [CXX, "-std=c++14", "-fsyntax-only", f"-I{built.SOURCE / 'include'}", "-x", "c++", "-"],
            input="#include <mcsafe/mcsafe.hpp>\n", capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("mcsafe/mcsafe.hpp needs C++17", done.stderr)


if __name__ == "__main__":
    if not CXX:
        failure = os.environ.get("MCSAFE_NO_SKIP") == "1"
        print("FAILED" if failure else "SKIPPED", "there is no C++ compiler", file=sys.stderr)
        sys.exit(1 if failure else 77)
    unittest.main()
