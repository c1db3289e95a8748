# SPDX-License-Identifier: BSD-3-Clause
"""test_architecture.py - docs/architecture.md is short, and everything that it names exists."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
PAGE = SOURCE / "docs" / "architecture.md"
RULE = re.compile(r"^\| (C\d+) \|", re.M)
# "C11" is also the name of the language, so it never counts as a rule that is cited.
CITED = re.compile(r"(?<![\w.])C(\d+)(?![\w+.])")
PATH = re.compile(r"`((?:asm|src|tests|docs|include|build/dev)/[\w./-]+)`")
FUNCTION = re.compile(r"`(\w+)\(\)`")
TEXT = {".c", ".h", ".S", ".inc", ".def", ".hpp", ".cpp", ".py", ".md", ".in", ".toml", ".txt"}
LANGUAGE = 11


def tracked() -> list[Path]:
    """Text files of the tree. Without git: all files but those that were built."""
    done = subprocess.run(
        ["git", "-C", str(SOURCE), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    names = done.stdout.splitlines() if done.returncode == 0 else []
    paths = [SOURCE / name for name in names] or [
        path for path in SOURCE.rglob("*") if "build" not in path.relative_to(SOURCE).parts
    ]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]


def cited_rules(text: str) -> set[int]:
    """The numbers of the rules that a text cites."""
    return {int(number) for number in CITED.findall(text)} - {LANGUAGE}


class Architecture(unittest.TestCase):
    """Compares the page with the tree."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.page = PAGE.read_text()
        cls.rules = {int(rule[1:]) for rule in RULE.findall(cls.page)}

    def test_the_page_is_short(self) -> None:
        lines = self.page.splitlines()
        self.assertLessEqual(len(lines), 200)
        for line in lines:
            if not line.startswith("|"):
                self.assertLessEqual(len(line), 100, line)

    def test_the_rules_are_numbered_from_1_to_12(self) -> None:
        self.assertEqual(self.rules, set(range(1, 13)))

    def test_each_rule_that_is_cited_stands_in_the_table(self) -> None:
        citing = 0
        for path in tracked():
            if path in (PAGE, Path(__file__)):
                continue
            rules = cited_rules(path.read_text())
            citing += bool(rules)
            self.assertLessEqual(rules, self.rules, path)
        print(f"{citing} files cite rules")
        self.assertGreater(citing, 5)

    def test_a_rule_that_is_not_there_is_found(self) -> None:
        self.assertEqual(cited_rules("/* breaks C13, as C6 says; in C11, not C++17 */"), {13, 6})

    def test_each_path_that_the_page_names_exists(self) -> None:
        paths = {
            path for path in PATH.findall(self.page) if not re.search("AREA|NAME|^build", path)
        }
        self.assertGreater(len(paths), 20)
        missing = sorted(path for path in paths if not (SOURCE / path).exists())
        self.assertEqual(missing, [])

    def test_each_function_that_the_page_names_exists(self) -> None:
        sources = "".join(
            path.read_text()
            for folder in ("src", "asm", "include")
            for path in (SOURCE / folder).rglob("*")
            if path.suffix in TEXT
        )
        functions = set(FUNCTION.findall(self.page))
        self.assertGreater(len(functions), 5)
        missing = sorted(name for name in functions if not re.search(rf"\b{name}\b", sources))
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
