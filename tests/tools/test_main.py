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
