# SPDX-License-Identifier: BSD-3-Clause
"""test_private_names.py - private names in the public headers are marked, and are not reserved."""

import os
import re
import unittest
from pathlib import Path

import headers

INCLUDE = Path(os.environ["MCSAFE_SOURCE_DIR"], "include")

# These headers hold nothing but macros that every public declaration, or a program, may use.
ALL_MACROS_ARE_PUBLIC = ("compiler.h", "version.h")


def identifiers(code: str) -> set[str]:
    """Return the identifiers in C or C++ code, without those in comments and strings."""
    code = re.sub(r"//[^\n]*", " ", headers.without_comments(code))
    code = re.sub(r'"(?:[^"\\\n]|\\.)*"', " ", code)
    return set(re.findall(r"\b[A-Za-z_]\w*", code))


def reserved(code: str) -> list[str]:
    """Return the identifiers with two underscores in a row, which C++ reserves everywhere.

    A name that begins with "__" belongs to the compiler, the linker or the C library: a header may
    use it.
    """
    return sorted(
        name for name in identifiers(code) if "__" in name and not name.startswith("__")
    )


def unmarked_macros(code: str) -> list[str]:
    """Return the macros that the code defines whose names do not end in an underscore."""
    found = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", headers.without_comments(code), re.M)
    return sorted(
        {name for name in found if not name.endswith("_") and not re.search(r"_H(PP)?$", name)}
    )


class PrivateNames(unittest.TestCase):
    """Reads all public headers of C and of C++."""

    @classmethod
    def setUpClass(cls) -> None:
        paths = [path for end in ("h", "hpp") for path in sorted(INCLUDE.glob(f"mcsafe/*.{end}"))]
        cls.texts = {path.name: path.read_text() for path in paths}

    def test_there_is_something_to_read(self) -> None:
        self.assertIn("guard.h", self.texts)
        self.assertIn("guard.hpp", self.texts)
        self.assertIn("mcsafe_guard_enter", identifiers(self.texts["guard.h"]))

    def test_a_reserved_name_is_found(self) -> None:
        code = 'int mcsafe__x(void) /* a__b */ { return __LINE__; } // c__d "\nchar *s = "e__f";'
        self.assertEqual(reserved(code), ["mcsafe__x"])

    def test_no_name_has_two_underscores_in_a_row(self) -> None:
        for name, text in self.texts.items():
            with self.subTest(name):
                self.assertEqual(reserved(text), [])

    def test_a_macro_without_the_mark_is_explained_to_users(self) -> None:
        explained = {
            word
            for text in self.texts.values()
            for comment in re.findall(r"/\*.*?\*/", text, re.S)
            for word in re.findall(r"\w+", comment)
        }
        for name, text in self.texts.items():
            with self.subTest(name):
                if name not in ALL_MACROS_ARE_PUBLIC:
                    self.assertEqual(sorted(set(unmarked_macros(text)) - explained), [])


if __name__ == "__main__":
    unittest.main()
