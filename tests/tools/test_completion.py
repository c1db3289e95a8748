# SPDX-License-Identifier: BSD-3-Clause
"""test_completion.py - what bash completes after mcsafe."""

import os
import re
import subprocess
import unittest

from tool import MCSAFE, SOURCES, commands, run

FILE = SOURCES / "tools/completion/mcsafe"


def complete(*words: str, before: str = "") -> list[str]:
    """Return what bash offers for the last of the words."""
    script = (
        f'{before} source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mcsafe; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script, "bash", FILE, MCSAFE, *words],
        capture_output=True,
        text=True,
        check=True,
    )
    if done.stderr:
        raise AssertionError(done.stderr)
    return [line for line in done.stdout.split("\n") if line]


class Completion(unittest.TestCase):
    """The function is called as bash calls it."""

    def test_commands(self) -> None:
        """All of them, or those that begin so."""
        self.assertEqual(sorted(complete("")), sorted([*commands(), "--help", "--version"]))
        self.assertEqual(complete("scr"), ["scrub"])
        self.assertEqual(complete("--v"), ["--version"])

    def test_options_of_each_command(self) -> None:
        """All long options of the help are offered."""
        for command in commands():
            text = run(command, "--help").stdout
            expected = set(re.findall(r"(?:^|[ ,])(--[a-z-]+)", text, re.M))
            self.assertIn("--help", expected)
            with self.subTest(command):
                self.assertEqual({one.rstrip("=") for one in complete(command, "--")}, expected)

    def test_an_option_with_an_argument(self) -> None:
        """It ends with the sign after which the argument follows."""
        self.assertEqual(complete("scrub", "--ra"), ["--rate="])
        self.assertEqual(complete("scrub", "--reche"), ["--recheck"])

    def test_files(self) -> None:
        """They are left to bash."""
        self.assertEqual(complete("scrub", "data"), [])
        self.assertEqual(complete("scrub", "--save", "=", "li"), [])

    def test_programs(self) -> None:
        """After -- and after the options, programs are offered."""
        for words in (("--", "bash"), ("bash",), ("--all", "bash"), ("--json", "--", "bash")):
            with self.subTest(words):
                self.assertIn("bash", complete("inject", *words))
        for words in (("--junit", "bash"), ("--junit", "=", "bash"), ("--", "cat", "bash")):
            with self.subTest(words):
                self.assertNotIn("bash", complete("inject", *words))
        self.assertIn("bash", complete("inject", "--timeout", "=", "5", "bash"))
        self.assertIn("bash", complete("inject", "--timeout", "5", "bash"))

    def test_words_of_programs(self) -> None:
        """The package bash-completion is told where the program is."""
        known = '_command_offset() { COMPREPLY=("offset $1"); };'
        for words, offset in (
            (("ls", "x"), 2),
            (("--", "ls", "x"), 3),
            (("--timeout", "=", "5", "--json", "ls", "-l", "x"), 6),
            (("--timeout", "5", "ls", "x"), 4),
        ):
            with self.subTest(words):
                self.assertEqual(complete("inject", *words, before=known), [f"offset {offset}"])

    def test_bash_knows_the_function(self) -> None:
        """As the package bash-completion loads the file: by the name of the command."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", 'source "$0"; complete -p mcsafe', FILE],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout, "complete -o default -F _mcsafe mcsafe\n")
        self.assertEqual(os.path.basename(FILE), "mcsafe")


if __name__ == "__main__":
    unittest.main()
