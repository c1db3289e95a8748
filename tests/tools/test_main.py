# SPDX-License-Identifier: BSD-3-Clause
"""test_main.py - what mcsafe says without a command, and with a wrong one."""

import re
import subprocess
import unittest
from pathlib import Path

from tool import ERROR, FINE, MCSAFE, run

SOURCES = Path(__file__).resolve().parents[2]


class Main(unittest.TestCase):
    """The words before the command."""

    def test_help_lists_every_command(self) -> None:
        """Each line of commands.def is in the help, and the help goes to standard output."""
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        definitions = (SOURCES / "tools/commands.def").read_text()
        for name, summary in re.findall(r'^COMMAND\((\w+), "(.*)"\)$', definitions, re.M):
            self.assertRegex(done.stdout, rf"(?m)^  {name} +{re.escape(summary)}$")

    def test_version(self) -> None:
        """The version is that of the library's header."""
        header = (SOURCES / "include/mcsafe/version.h").read_text()
        parts = re.findall(r"#define MCSAFE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
        self.assertEqual(run("--version").stdout, f"mcsafe {'.'.join(parts)}\n")

    def test_no_command_is_an_error(self) -> None:
        """The help goes to standard error then."""
        done = run()
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("Usage: mcsafe COMMAND", done.stderr)

    def test_a_wrong_command_is_named(self) -> None:
        """The message says where the commands are listed."""
        done = run("rum")
        self.assertEqual(done.returncode, ERROR)
        self.assertEqual(
            done.stderr, 'mcsafe: there is no command "rum"; mcsafe --help lists the commands\n'
        )

    def test_control_characters_do_not_reach_the_terminal(self) -> None:
        """Names and arguments can have any byte. A message is one line."""
        name, shown = "a\x1b[31m\nb\udcff", "a\\x1b[31m\\x0ab\\xff"
        for words in (
            [name],
            ["copy", name, "dst"],
            ["copy", "--fill", name, "src", "dst"],
            ["cat", name],
            ["scrub", name],
            ["scrub", "--save", f"{name}/list", "/dev/null"],
            ["badblocks", name],
            ["repair", "--zero", name],
            ["inject", "--", name],
            ["run", name],
            ["run", "--report", f"{name}/report", "true"],
            ["run", "--fill-from", name, "true"],
        ):
            done = subprocess.run([MCSAFE, *words], capture_output=True, check=False)
            with self.subTest(words=words):
                self.assertNotEqual(done.returncode, FINE)
                self.assertRegex(done.stderr, rb"\A[ -~]*\n\Z")
                self.assertIn(shown.encode(), done.stderr)

    def test_a_program_finds_closed_what_is_closed(self) -> None:
        """mcsafe keeps the numbers of the standard streams for itself only."""
        for closed in ("0<&-", "1>&-"):
            script = f'exec "$0" run sh -c "test -e /proc/self/fd/{closed[0]}" {closed}'
            done = subprocess.run(
                ["sh", "-c", script, MCSAFE], capture_output=True, text=True, check=False
            )
            self.assertEqual((done.returncode, done.stderr), (ERROR, ""))

    def test_a_full_standard_output_is_an_error(self) -> None:
        """What could not be written is told."""
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertEqual(done.stderr, "mcsafe: standard output: No space left on device\n")


if __name__ == "__main__":
    unittest.main()
