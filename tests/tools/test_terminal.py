# SPDX-License-Identifier: BSD-3-Clause
"""test_terminal.py - what a person sees of the commands of mcsafe, on terminals of two widths."""

import os
import re
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import victims
from screen import Screen

PAGE = 4096
MIB = 1 << 20
WIDTHS = (40, 80)
# mcsafe_faulty: a clock that each look sets forward shows progress however fast the machine is.
CLOCK = {"FAULTY_CLOCK": "200", "FAULTY_FILE": "data"}


class Terminal(unittest.TestCase):
    """A directory with a file, and the command mcsafe."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe terminal ")
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        self.data = self.directory / "data"
        (self.directory / "bin").mkdir()
        for name, variable in (
            ("mcsafe", "MCSAFE"),
            ("faulty", "MCSAFE_FAULTY"),
            ("victim", "MCSAFE_VICTIM"),
        ):
            (self.directory / "bin" / name).symlink_to(os.environ[variable])
        self.environment = {"PATH": f"{self.directory}/bin:{os.environ['PATH']}"}

    @contextmanager
    def screen(self, columns: int, **environment: str) -> Iterator[Screen]:
        """A screen. Nothing on it may have a colour, or be wider than the terminal."""
        shown = Screen(self, self.directory, columns, {**self.environment, **environment})
        yield shown
        self.assertFalse(shown.has_attributes())
        self.assertLessEqual(max(map(len, shown.lines())), columns)

    def piped(self, line: str, **environment: str) -> str:
        """Run a line of a shell without a terminal. Returns what it writes, in which no escape
        sequence may be."""
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", line],
            cwd=self.directory,
            env={**os.environ, **self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        self.assertNotRegex(done.stdout, "[\x1b\r]")
        return done.stdout.rstrip("\n")


class Progress(Terminal):
    """The line that tells how far a command has come."""

    def test_copy(self) -> None:
        """It stays in one line of the screen, which a narrow terminal does not wrap."""
        lost = "12.0 KiB lost"
        rest = [
            "mcsafe copy: data: 12288 of 4194304 bytes are lost:",
            "  12288 bytes at offset 8192: Input/output error",
        ]
        patterns = {
            40: rf"\d+ KiB \(\d+ %\), {lost}",
            80: rf"\d+ KiB of 4\.0 MiB \(\d+ %\), [0-9.]+ [KM]iB/s, {lost}",
        }
        self.data.write_bytes(b"a" * 4 * MIB)
        # After some pieces, the copy stops itself.
        environment = {**CLOCK, "FAULTY_BAD": f"{2 * PAGE}+{3 * PAGE}", "FAULTY_SIGNAL": "8:19"}
        for columns in WIDTHS:
            (self.directory / "copy").unlink(missing_ok=True)
            with self.subTest(columns), self.screen(columns, **environment) as screen:
                screen.type("faulty copy data copy")
                screen.until(r"^\[1\]\+  Stopped.*\n\$\Z")
                first, progress, stopped, *_ = screen.lines()
                self.assertEqual((first, stopped[:12]), ("$ faulty copy data copy", "[1]+  Stoppe"))
                self.assertRegex(progress, rf"\A{patterns[columns]}\Z")
                screen.type("fg")
                screen.until(r"^\$ fg\n(.*\n)+\$\Z")
                shown = screen.lines(joined=True)
                shown = shown[shown.index("$ fg") + 1:]
                self.assertEqual(shown, ["faulty copy data copy", *rest, "$"])
        (self.directory / "copy").unlink()
        del environment["FAULTY_SIGNAL"]
        self.assertEqual(self.piped("faulty copy data copy", **environment).split("\n"), rest)

    def test_scrub(self) -> None:
        """Ctrl-Z and fg leave it, and Ctrl-C takes it away."""
        end = [
            "data: SIZE of 64.0 MiB checked, 0 B bad, 0 B unreadable for now",
            "  stopped; --resume would keep the state",
        ]
        with self.data.open("wb") as file:
            file.truncate(64 * MIB)
        for columns in WIDTHS:
            with self.subTest(columns), self.screen(columns) as screen:
                screen.type("mcsafe scrub --rate=256K data")
                screen.until(r"^[0-9.]+ [KM]iB of 64\.0 MiB \(\d+ %\)")
                screen.press("C-z")
                screen.until(r"\^Z\n\[1\]\+  Stopped.*\n\$\Z")
                screen.type("fg")
                screen.until(r"^\$ fg\nmcsafe scrub .*\n.* %\).*\Z")
                screen.press("C-c")
                screen.until(r"^\$ fg\nmcsafe scrub .*\n(.*\n)+\$\Z")
                shown = re.sub(r": .* of", ": SIZE of", screen.text(joined=True)).split("\n")
                shown = shown[shown.index("$ fg") + 2:]
                self.assertEqual(shown, [*end, "$"])
        with self.data.open("wb") as file:
            file.truncate(MIB)
        self.assertEqual(
            self.piped("mcsafe scrub --rate=4M data"),
            "data: 1.0 MiB of 1.0 MiB checked, 0 B bad, 0 B unreadable for now",
        )


class Messages(Terminal):
    """What the commands say at their end."""

    def test_cat(self) -> None:
        """A message begins a line, also if the file does not end one."""
        rest = [
            "mcsafe cat: data: 4096 bytes are lost:",
            "  4096 bytes at offset 4096: Input/output error",
        ]
        self.data.write_bytes(b"a" * (PAGE - 10) + b"\nlast word" + b"b" * PAGE)
        command = "faulty cat --method=read --skip --offset=4087 data"
        environment = {"FAULTY_FILE": "data", "FAULTY_BAD": f"{PAGE}+{PAGE}"}
        for columns in WIDTHS:
            with self.subTest(columns), self.screen(columns, **environment) as screen:
                screen.type(command)
                screen.until(r"error\n\$\Z")
                self.assertEqual(
                    screen.lines(joined=True), [f"$ {command}", "last word", *rest, "$"]
                )
        # A pipe gets the bytes of the file, and nothing more.
        self.assertEqual(self.piped(command, **environment), "last word" + "\n".join(rest))

    def test_run(self) -> None:
        """The report is that of a pipe, wrapped by the terminal alone."""
        command = "mcsafe run victim read data"
        self.data.write_bytes(b"a" * 16 * PAGE)
        report = re.sub(r"\(\d+\)", "(PID)", self.piped(command)).split("\n")
        self.assertEqual(len(report), 4)
        self.assertTrue(report[0].startswith("lived: "))
        for columns in WIDTHS:
            self.data.write_bytes(b"a" * 16 * PAGE)
            with self.subTest(columns), self.screen(columns) as screen:
                screen.type(command)
                screen.until(r"ended with status \d+\n\$\Z")
                shown = re.sub(r"\(\d+\)", "(PID)", screen.text(joined=True)).split("\n")
                self.assertEqual(shown, [f"$ {command}", *report, "$"])

    def test_job_control_of_run(self) -> None:
        """The keys Ctrl-Z and Ctrl-C, and fg, do what they do to the program alone."""
        for columns in WIDTHS:
            shown = []
            for before in ("", "mcsafe run "):
                with self.subTest(columns), self.screen(columns) as screen:
                    screen.type(f"{before}victim wait handled")
                    screen.until("^ready$")
                    screen.press("C-z")
                    screen.until(r"^\^Z\n\[1\]\+  Stopped.*\n\$\Z")
                    screen.type("fg")
                    screen.until(r"^\$ fg\n.*victim wait handled\ncontinued\Z")
                    screen.press("C-c")
                    screen.until(r"^\^C\$\Z")
                    screen.type("echo $?")
                    screen.until(r"\n\d+\n\$\Z")
                    shown.append(screen.text(joined=True).replace("mcsafe run ", ""))
            self.assertEqual(shown[0], shown[1])
            self.assertRegex(shown[1], r"\n5\n\$\Z")


if __name__ == "__main__":
    victims.main()
