# SPDX-License-Identifier: BSD-3-Clause
"""test_ffi.py - mcsafe-ffi(7) gives the numbers, sizes and functions that the library has."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import headers
import manual

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
MAN = Path(os.environ["MCSAFE_MAN_DIR"])
CC = [os.environ["MCSAFE_CC"], *shlex.split(os.environ["MCSAFE_CFLAGS"])]


def enumerators() -> dict[str, int]:
    """Return the enumerators of all headers with their numbers, by the rules of C."""
    found: dict[str, int] = {}
    for path in (SOURCE / "include/mcsafe").glob("*.h"):
        code = headers.without_comments(path.read_text())
        for body in re.findall(r"\benum \w+\s*\{([^{}]*)\}", code):
            number = -1
            for item in filter(None, (part.strip() for part in body.split(","))):
                name, _, value = item.partition("=")
                number = int(value, 0) if value else number + 1
                found[name.strip()] = number
    return found


class Ffi(unittest.TestCase):
    """Compares the page with the headers and with the list of symbols."""

    @classmethod
    def setUpClass(cls) -> None:
        [cls.page] = [page for page in manual.read(MAN) if page.name == "mcsafe-ffi.7"]
        lines = cls.page.sections["DESCRIPTION"]
        cls.rows = dict(line.split("\t") for line in lines if "\t" in line)

    def test_numbers_are_those_of_the_headers(self) -> None:
        shown = {
            name: int(value) for name, value in self.rows.items() if name.startswith("MCSAFE_")
        }
        self.assertGreater(len(shown), 50)
        self.assertEqual(shown, enumerators())

    def test_sizes_and_offsets_are_those_of_the_compiler(self) -> None:
        shown = {
            name: int(value)
            for name, value in self.rows.items()
            if name.startswith("struct ") or "." in name
        }
        self.assertGreater(len(shown), 20)
        checks = "".join(
            f"_Static_assert({expression(name)} == {value}, \"{name}\");\n"
            for name, value in shown.items()
        )
        code = f"#include <stddef.h>\n#include <mcsafe/mcsafe.h>\n{checks}"
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "sizes.c"
            source.write_text(code)
            argv = [*CC, f"-I{SOURCE / 'include'}", "-fsyntax-only", str(source)]
            done = subprocess.run(argv, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_member_of_a_shown_struct_is_shown(self) -> None:
        for name in (
            "mcsafe_fault",
            "mcsafe_explanation",
            "mcsafe_range",
            "mcsafe_notice",
            "mcsafe_stats",
        ):
            found = headers.read(SOURCE / "include")
            [text] = [header.structs[name] for header in found if name in header.structs]
            members = re.findall(r"(\w+)(?:\[\w+\])*;", text)
            self.assertGreater(len(members), 1)
            self.assertEqual(
                [row.partition(".")[2] for row in self.rows if row.startswith(f"{name}.")], members
            )

    def test_functions_to_bind_are_symbols(self) -> None:
        symbols = set(re.findall(r"^\t\t(\w+);", (SOURCE / "src/mcsafe.map").read_text(), re.M))
        bound = [name for name in self.rows if re.fullmatch(r"(mcsafe|memcpy)_\w+", name)]
        self.assertGreater(len(bound), 20)
        self.assertLessEqual(set(bound), symbols)
        for name in ("mcsafe_load_u32", "MCSAFE_TRY"):
            self.assertNotIn(name, symbols)


def expression(row: str) -> str:
    """Return the C expression that a row is about."""
    if row.startswith("struct "):
        return f"sizeof({row})"
    name, _, member = row.partition(".")
    return f"offsetof(struct {name}, {member})"


if __name__ == "__main__":
    unittest.main()
