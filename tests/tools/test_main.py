# SPDX-License-Identifier: BSD-3-Clause
"""test_main.py - what mcsafe says without a command, and with a wrong one."""

import re
import subprocess
import unittest

from tool import ERROR, FINE, MCSAFE, SOURCES, commands, run


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

    def test_wrong_options_do_not_reach_the_terminal(self) -> None:
        """Each command tells what is wrong in one line, and then where its options are listed."""
        name, shown = "\x1b[31m\nb\udcff", "\\x1b[31m\\x0ab\\xff"
        cases = [
            ([command, f"--x{name}"], f"there is no option --x{shown}")
            for command in commands()
        ]
        cases += [([command, f"-{name}"], "there is no option -\\x1b") for command in commands()]
        cases += [
            (["copy", "-\udcff"], "there is no option -\\xff"),
            (["copy", f"-f{name}"], "there is no option -\\x1b"),
            (["copy", f"--program-name={name}"], f"there is no option --program-name={shown}"),
            (["copy", f"--he{name}"], f"there is no option --he{shown}"),
            (["copy", f"--ma={name}"], f"the option --ma={shown} is ambiguous"),
            (["copy", f"--force={name}"], "--force takes no argument"),
            (["copy", f"--help={name}"], "--help takes no argument"),
            (["copy", "src", "-om"], '--offset: "m" is no number of bytes'),
            (["copy", "src", "-fm"], "--map needs an argument"),
            (["copy", "src", "--map-i"], "--map-interval needs an argument"),
            (["copy", "a", "b", "c"], "there are more names than SRC and DST"),
            (["scrub", "--rate", name], f'--rate: "{shown}" is no number of bytes above 0'),
            (["repair", "--range", name], f'--range: "{shown}" is not START+LENGTH in bytes'),
            (["run", "--on-loss", name, "true"], f'not "{shown}"'),
            (["inject", "--offset", name, "true"], f'--offset: "{shown}" is no number of bytes'),
            (["info", name], "Too many arguments"),
        ]
        for words, message in cases:
            done = subprocess.run([MCSAFE, *words], capture_output=True, check=False)
            with self.subTest(words=words):
                self.assertEqual((done.returncode, done.stdout), (ERROR, b""))
                self.assertRegex(done.stderr, rb"\A[ -~]*\n(Try [ -~]*\n)?\Z")
                self.assertIn(f"mcsafe {words[0]}: ".encode(), done.stderr)
                self.assertIn(f"{message}\n".encode(), done.stderr)

    def test_the_help_of_each_command(self) -> None:
        """It goes to standard output, and what cannot be written is an error."""
        for command in commands():
            for option in ("--help", "-?", "--usage", "--version", "-V", "--vers"):
                with self.subTest(command=command, option=option):
                    done = run(command, option)
                    self.assertEqual((done.returncode, done.stderr), (FINE, ""))
                    self.assertIn(f"mcsafe {command}", done.stdout)
                    with open("/dev/full", "w", encoding="ascii") as full:
                        done = subprocess.run(
                            [MCSAFE, command, option], stdout=full, stderr=subprocess.PIPE,
                            text=True, check=False,
                        )
                    self.assertEqual(done.returncode, ERROR)
                    self.assertEqual(
                        done.stderr,
                        f"mcsafe {command}: standard output: No space left on device\n",
                    )

    def test_what_a_program_is_given_is_no_option_of_mcsafe(self) -> None:
        """Options end at the name of the program, or at --."""
        for words in (("echo", "--help", "-x"), ("--", "echo", "--version", "--x")):
            done = run("run", *words)
            self.assertEqual((done.returncode, done.stderr), (FINE, ""))
            self.assertEqual(done.stdout, f"{' '.join(words[-2:])}\n")

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
