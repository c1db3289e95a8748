# SPDX-License-Identifier: BSD-3-Clause
"""test_claims.py - the tests that comments of the manual pages name exist.

A comment ".\\" Shown by: NAME..." stands before what these tests show. A NAME is AREA.TEST,
AREA.TEST:FUNCTION, or a scenario of the lab.
"""

import os
import re
import tomllib
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
COMMENT = re.compile(r'^\.\\" Shown by: (.*)$', re.M)


def scenarios() -> set[str]:
    """Return the names of the lab's scenarios that have a table of their own."""
    tables = (SOURCE / "tests/vm/scenarios").glob("*.toml")
    return {name for table in tables for name in tomllib.loads(table.read_text())}


def sources(name: str) -> list[Path]:
    """Return the source of the test AREA.TEST."""
    area, _, test = name.partition(".")
    found = []
    for start in ("test_", ""):
        for end in (".c", ".cpp", ".py"):
            found.append(SOURCE / "tests" / area / f"{start}{test}{end}")
    return [path for path in found if path.is_file()]


def is_there(name: str) -> bool:
    """Whether there is such a test."""
    test, _, function = name.partition(":")
    if "." not in test:
        return name in scenarios()
    return any(re.search(rf"\b{function}\b", path.read_text()) for path in sources(test))


class Claims(unittest.TestCase):
    """The comments of the pages."""

    def test_the_tests_exist(self) -> None:
        named = {
            (page.name, name)
            for page in (SOURCE / "man").glob("*.in")
            for names in COMMENT.findall(page.read_text())
            for name in names.split()
        }
        self.assertIn("mcsafe.7.in", {page for page, _ in named})
        for page, name in sorted(named):
            with self.subTest(page):
                self.assertTrue(is_there(name), name)

    def test_a_name_that_is_wrong_is_found(self) -> None:
        for name in ("copy.no", "shield.model:test_no", "no.model", "memory-no"):
            with self.subTest(name):
                self.assertFalse(is_there(name))


if __name__ == "__main__":
    unittest.main()
