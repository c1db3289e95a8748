# SPDX-License-Identifier: BSD-3-Clause
"""test_assurance.py - the proofs and tests that docs/assurance.md names exist."""

import os
import re
import unittest
from pathlib import Path

from test_claims import is_there as test_is_there

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
NAME = re.compile(r"\[([a-z]+[.:]\w+)\]")


def is_there(name: str) -> bool:
    """Whether there is such a proof or test."""
    kind, _, proof = name.partition(":")
    if kind == "proof":
        return (SOURCE / "proofs" / f"{proof}.c").is_file()
    return test_is_there(name)


class Assurance(unittest.TestCase):
    """The names in the document."""

    def setUp(self) -> None:
        self.named = set(NAME.findall((SOURCE / "docs/assurance.md").read_text()))

    def test_what_is_named_exists(self) -> None:
        self.assertIn("copy.no_faults", self.named)
        for name in sorted(self.named):
            with self.subTest(name):
                self.assertTrue(is_there(name))

    def test_each_proof_is_named(self) -> None:
        proofs = {f"proof:{path.stem}" for path in (SOURCE / "proofs").glob("*.c")}
        self.assertNotEqual(proofs, set())
        self.assertEqual(proofs, {name for name in self.named if name.startswith("proof:")})

    def test_a_name_that_is_wrong_is_found(self) -> None:
        for name in ("proof:no", "copy.no", "no.model"):
            with self.subTest(name):
                self.assertFalse(is_there(name))


if __name__ == "__main__":
    unittest.main()
