# SPDX-License-Identifier: BSD-3-Clause
"""programs.py - command lines of programs of Debian that die of SIGBUS, and live under mcsafe run.

A table has a line for each, and each line is a test. The file is truncated when the program has
mapped it, by run_shim.c or run_filter.c, so the fault comes at the same place in each run.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import victims
from victims import BUS, PAGE

LEFT = 2 * PAGE  # bytes that are left of the file
TEXT = b"a line\nthe needle\n" + b"0123456789abcde\n" * (512 << 10)


@dataclass
class Line:
    """A command line, what kills it, and what becomes of it under mcsafe run.

    FILE in a word is the file that is truncated, and DIR the directory of the test.
    """

    name: str
    words: str
    make: Callable[["Programs"], Path]  # makes the files. Returns the one to truncate.
    status: int | None = 0  # under mcsafe run; None: an error of its own, whichever
    told: str = "^"  # a pattern of what it writes then
    plain: int = BUS  # without mcsafe run: a program that starts the one that dies ends with 1
    cry: str = "^"  # a pattern of what it writes then
    needs: str = ""  # the program that dies, if another starts it
    raw: bool = False  # it makes system calls without libc
    may_abort: bool = False  # an assertion of its own may fail
    also: Callable[["Programs", subprocess.CompletedProcess], None] | None = None  # checks more


class Programs(victims.Case):
    """Runs command lines with a file that is truncated."""

    def truncating(self, path: Path, raw: bool = False) -> tuple[str, ...]:
        """What to put before a command, so that it loses this file."""
        # mcsafe run --preload has the variable set already.
        load = f'export LD_PRELOAD="{os.environ["MCSAFE_SHIM"]}:$LD_PRELOAD"; exec "$@"'
        how = (os.environ["MCSAFE_FILTER"],) if raw else ("sh", "-c", load, "sh")
        return ("env", f"MCSAFE_TEST_FILE={path}", f"MCSAFE_TEST_SIZE={LEFT}", *how)

    def ready(self, line: Line) -> tuple[Path, tuple[str, ...]]:
        """Make the files of a line. Returns the one to truncate, and the command."""
        first, *rest = shlex.split(line.words)
        dying = line.needs or first
        if shutil.which(dying) is None:
            victims.needs(f"there is no {dying}")
        path = line.make(self)
        self.assertGreater(path.stat().st_size, 2 * LEFT)
        names = {"FILE": str(path), "DIR": str(self.directory)}
        words = [re.sub("FILE|DIR", lambda match: names[match[0]], word) for word in rest]
        return path, (*self.truncating(path, line.raw), first, *words)

    def dies_and_lives(self, line: Line) -> None:
        """The program dies, and lives under mcsafe run. The report names the file."""
        path, words = self.ready(line)
        content = path.read_bytes()
        plain = self.plain(*words)
        said = plain.stdout + plain.stderr
        self.assertEqual(plain.returncode, line.plain, said)
        self.assertRegex(said, line.cry)
        self.assertEqual(path.stat().st_size, LEFT)
        path.write_bytes(content)
        done = self.guarded(*words)
        if line.may_abort and done.returncode == -signal.SIGABRT:
            self.assertGreater(self.report["lost"], 0)
        else:
            self.check_lost(done, line.status)
        self.assertRegex(done.stdout + done.stderr, line.told)
        self.assertEqual([file["path"] for file in self.report["files"]], [str(path)])
        for start, _, _ in self.ranges():
            self.assertGreaterEqual(start, LEFT)
        if line.also is not None:
            line.also(self, done)

    def recovers(self, line: Line) -> None:
        """The program answers SIGBUS itself, and is left alone, unless --always is given."""
        path, words = self.ready(line)
        content = path.read_bytes()
        for options in ((), ("--always",)):
            path.write_bytes(content)
            plain = self.plain(*words)
            self.assertEqual(plain.returncode, line.plain, plain.stderr)
            self.assertRegex(plain.stdout + plain.stderr, line.cry)
            path.write_bytes(content)
            done = self.guarded(*words, options=options)
            if options:
                self.check_lost(done, line.status)
                self.assertRegex(done.stdout + done.stderr, line.told)
                continue
            self.assertEqual(self.report["lost"], 0)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (plain.returncode, plain.stdout, plain.stderr))


def add_tests(
    case: type[Programs], table: Iterable[Line], check: Callable = Programs.dies_and_lives
) -> None:
    """Give a class a test for each line of a table."""
    for line in table:
        name = f"test_{line.name}"
        if hasattr(case, name):
            raise AssertionError(f"two tests have the name {name}")

        def test(self: Programs, line: Line = line) -> None:
            check(self, line)

        test.__doc__ = line.words
        setattr(case, name, test)


def text(case: Programs) -> Path:
    """A large file with one word near its start."""
    return case.fill(content=TEXT)
