# SPDX-License-Identifier: BSD-3-Clause
"""test_assurance.py - docs/assurance.md names proofs and tests that exist, for all promises of the
headers that it lists.
"""

import os
import re
import unittest
from pathlib import Path

from test_claims import is_there as test_is_there

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
NAME = re.compile(r"\[([a-z]+[.:]\w+)\]")
HEADERS = ("copy.h", "iter.h", "badblocks.h")
# A comment, and the function that it is about.
FUNCTION = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*MCSAFE_API[^;(]*?(\w+)\(", re.S)
PARAGRAPH = re.compile(r"@par ([A-Z]?[a-z]+(?: [a-z]+)*?)(?:\n|  | [A-Z])")
# What no test can show: the origin of an interface. And times, which no test asserts.
LEFT_OUT = {"Source", "Cost"}


def is_there(name: str) -> bool:
    """Whether there is such a proof or test."""
    kind, _, proof = name.partition(":")
    if kind == "proof":
        return (SOURCE / "proofs" / f"{proof}.c").is_file()
    return test_is_there(name)


def promises(header: str) -> dict[str, set[str]]:
    """What the comment of each function names: errors, and paragraphs."""
    found = {}
    for comment, function in FUNCTION.findall(header):
        errors = set(re.findall(r"-E[A-Z]+\b", comment))
        found[function] = errors | set(PARAGRAPH.findall(comment)) - LEFT_OUT
    return found


def rows(document: str, header: str) -> list[tuple[str, str, str]]:
    """The rows about a header: function, promise, and what shows it."""
    _, _, section = document.partition(f"### `mcsafe/{header}`\n")
    lines = re.findall(r"^\| (.+?) \| (.+?) \|(.*)\|$", section.split("\n#", 1)[0], re.M)
    return [(name.strip("`()"), promise, shown) for name, promise, shown in lines[1:]]


def missing(document: str, header: str, source: str) -> list[str]:
    """What a header promises and the document does not list."""
    found = rows(document, header)
    general = " ".join(promise for name, promise, _ in found if name == "All")
    lost = [f"{name}: nothing shows that: {promise}" for name, promise, shown in found
            if not NAME.search(shown) and "not shown" not in promise]  # fmt: skip
    for function, promised in promises(source).items():
        told = [promise for name, promise, _ in found if name == function]
        if not told:
            lost.append(function)
        text = " ".join([*told, general])
        lost += [f"{function}: {each}" for each in sorted(promised)
                 if not re.search(rf"{each}\b", text)]  # fmt: skip
    return lost


class Assurance(unittest.TestCase):
    """The names in the document."""

    def setUp(self) -> None:
        self.document = (SOURCE / "docs/assurance.md").read_text()
        self.named = set(NAME.findall(self.document))

    def test_what_is_named_exists(self) -> None:
        self.assertIn("copy.no_faults", self.named)
        for name in sorted(self.named):
            with self.subTest(name):
                self.assertTrue(is_there(name))

    def test_each_proof_is_named(self) -> None:
        proofs = {f"proof:{path.stem}" for path in (SOURCE / "proofs").glob("*.c")}
        self.assertNotEqual(proofs, set())
        self.assertEqual(proofs, {name for name in self.named if name.startswith("proof:")})

    def test_each_promise_of_a_header_is_listed(self) -> None:
        for header in HEADERS:
            source = (SOURCE / "include/mcsafe" / header).read_text()
            with self.subTest(header):
                self.assertGreater(len(promises(source)), 5)
                self.assertEqual(missing(self.document, header, source), [])

    def test_a_promise_that_is_not_listed_is_found(self) -> None:
        source = (SOURCE / "include/mcsafe/badblocks.h").read_text()
        for line, lost in (
            ("`mcsafe_badblocks_count()`", "mcsafe_badblocks_count"),
            ("`mcsafe_badblocks_create()`", "mcsafe_badblocks_create: -ENOMEM"),
            ("`mcsafe_badblocks_next()` | Changes", "mcsafe_badblocks_next: Changes"),
        ):
            with self.subTest(line):
                document = re.sub(rf"^\| {re.escape(line)}.*\n", "", self.document, flags=re.M)
                found = missing(document, "badblocks.h", source)
                self.assertTrue(any(each.startswith(lost) for each in found), found)

    def test_a_name_that_is_wrong_is_found(self) -> None:
        for name in ("proof:no", "copy.no", "no.model"):
            with self.subTest(name):
                self.assertFalse(is_there(name))


if __name__ == "__main__":
    unittest.main()
