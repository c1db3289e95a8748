# SPDX-License-Identifier: BSD-3-Clause
"""test_abi.py - programs that were linked with what abi/ has can use the library of this tree."""

import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import abi

# Changes to the headers after which old programs do not work, and what must be said.
BREAKING = [
    # Another type of a parameter, one parameter more, another type of the result.
    ("copy.h", r"\bsize_t mcsafe_memset\(", "unsigned mcsafe_memset(", "mcsafe_memset"),
    ("handler.h", r"\bmcsafe_install\(void\)", "mcsafe_install(int flags)", "mcsafe_install"),
    ("scan.h", r"\bmcsafe_strnlen\(const char", "mcsafe_strnlen(const short", "mcsafe_strnlen"),
    # A member more, one in another place, one of another size.
    ("fault.h", r"(struct mcsafe_fault \{)", r"\1 long more;", "mcsafe_fault"),
    ("shield.h", r"(struct mcsafe_shield_options \{)", r"\1 char more;", "mcsafe_shield_options"),
    # Another number for a name that programs have compiled in.
    ("fault.h", "MCSAFE_CAUSE_IO = 2", "MCSAFE_CAUSE_IO = 9", "MCSAFE_CAUSE_IO was 2, and is 9"),
]


class Interface(unittest.TestCase):
    """The stored interface, the present one, and changed ones."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.functions = abi.exported(abi.LIBRARIES["libmcsafe"].read_text())

    def built(self, functions: list[str], change: tuple[str, str, str] | None = None) -> Path:
        """Build an interface, perhaps after a change to a copy of the headers."""
        include = abi.SOURCE / "include"
        if change:
            name, pattern, replacement = change
            shutil.copytree(include, self.scratch / "include", dirs_exist_ok=True)
            include = self.scratch / "include"
            header = include / "mcsafe" / name
            text, n = re.subn(pattern, replacement, header.read_text())
            self.assertEqual(n, 1, f"{name} has {n} times {pattern}")
            header.write_text(text)
        return abi.interface(functions, include, self.scratch)

    def present(self, functions: list[str]) -> Path:
        """Store the present interface of these functions."""
        path = self.scratch / "present.abi"
        path.write_text(abi.dump(self.built(functions)))
        return path

    def test_nothing_has_changed_but_additions(self) -> None:
        for library, script in abi.LIBRARIES.items():
            with self.subTest(library):
                built = self.built(abi.exported(script.read_text()))
                said = abi.changes(abi.stored(library), built)
                self.assertEqual(said, "", f"\n{said}\n`./dev abi --update` stores the change")

    def test_all_functions_are_compared(self) -> None:
        self.assertGreater(len(self.functions), 100)
        text = self.present(self.functions).read_text()
        for name in self.functions:
            self.assertIn(f"pointer_to_{name}'", text)

    def test_an_addition_passes(self) -> None:
        *fewer, _ = self.functions
        old = self.present(fewer)
        self.assertEqual(abi.changes(old, self.built(self.functions)), "")
        more = ("fault.h", r"(enum mcsafe_cause \{[^}]*[^}\s,]),?(\s*\})", r"\1, MCSAFE_MORE\2")
        self.assertEqual(abi.changes(old, self.built(self.functions, more)), "")

    def test_a_removal_is_reported(self) -> None:
        *fewer, last = self.functions
        self.assertIn(last, abi.changes(self.present(self.functions), self.built(fewer)))

    def test_a_change_is_reported_with_its_reason(self) -> None:
        old = self.present(self.functions)
        for name, pattern, replacement, said in BREAKING:
            with self.subTest(pattern):
                built = self.built(self.functions, (name, pattern, replacement))
                self.assertIn(said, abi.changes(old, built))

    def test_nothing_of_a_machine_is_stored(self) -> None:
        for library in abi.LIBRARIES:
            self.assertNotRegex(abi.stored(library).read_text(), r"path=|/home|/tmp")


if __name__ == "__main__":
    if not shutil.which("abidiff"):
        failure = os.environ.get("MCSAFE_NO_SKIP") == "1"
        print("FAILED" if failure else "SKIPPED", "abigail-tools is not installed")
        sys.exit(1 if failure else 77)
    unittest.main()
