# SPDX-License-Identifier: BSD-3-Clause
"""test_dialogue.py - the kit that replays manual pages finds what differs."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import dialogue


class Dialogue(unittest.TestCase):
    """Replays blocks of text in place of those of a page."""

    def replay(self, *blocks: str, **options) -> int:
        """Replay these blocks in a new directory."""
        told = [dialogue.steps(block) for block in blocks]
        with (
            tempfile.TemporaryDirectory(prefix="mcsafe dialogue ") as scratch,
            mock.patch.object(dialogue, "dialogues", return_value=told),
        ):
            return dialogue.replay("page.1", Path(scratch), **options)

    def test_a_right_dialogue_passes(self) -> None:
        """Both streams are read, and $? is that of the command before."""
        shown = "$ echo one; echo two >&2; false\none\ntwo\n$ echo $?\n1\n$ true\n"
        self.assertEqual(self.replay(shown), 3)

    def test_what_differs_is_told(self) -> None:
        """The message has the command, what is shown, and what came."""
        for wrong in ("$ echo 12\n1\n", "$ echo 1\n", "$ true\n1\n", "$ echo 'a.c'\nabc\n"):
            with self.subTest(wrong), self.assertRaisesRegex(AssertionError, r"^page\.1: \$ "):
                self.replay(wrong)

    def test_a_command_of_two_lines(self) -> None:
        """The backslash stays in the command, and the shell joins the lines."""
        self.assertEqual(self.replay("$ echo a \\\n> b\na b\n"), 1)

    def test_dots_stand_for_any_text(self) -> None:
        """In a line they stay in that line; alone in a line they stand for lines."""
        self.assertEqual(self.replay("$ seq 9\n1\n...\n8\n9\n"), 1)
        self.assertEqual(self.replay("$ echo /tmp/x: no\n...: no\n"), 1)
        with self.assertRaises(AssertionError):
            self.replay("$ echo a; echo b\na...\n")

    def test_free_texts(self) -> None:
        """A text of the page is replaced by a regular expression."""
        self.assertEqual(self.replay("$ echo pid 17.\npid 4711.\n", free={"4711": r"\d+"}), 1)
        with self.assertRaises(AssertionError):
            self.replay("$ echo pid x.\npid 4711.\n", free={"4711": r"\d+"})

    def test_a_command_that_ends_the_shell_is_an_error(self) -> None:
        """Otherwise the commands after it would not be compared."""
        with self.assertRaises(ValueError):
            self.replay("$ exit 0\n$ true\n")

    def test_a_page_without_a_dialogue_is_an_error(self) -> None:
        """A test that compares nothing must not pass."""
        with self.assertRaisesRegex(AssertionError, "no dialogue"):
            self.replay()


if __name__ == "__main__":
    unittest.main()
