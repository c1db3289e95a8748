# SPDX-License-Identifier: BSD-3-Clause
"""test_sqlite_shield.py - SQLite on a database that is truncated while it is read.

SQLite itself is not changed. Without a shield it dies; with one it says that the database is
corrupt, and the program says what was lost.
"""

import contextlib
import os
import pty
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import tty
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
ROWS = 20000
SQL = "SELECT id, body FROM t ORDER BY id"
EX_IOERR = 74
PAGE = Path(__file__).parents[2] / "man" / "mcsafe.7.in"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


class SqliteShield(unittest.TestCase):
    """Each test has a database of its own."""

    def setUp(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = str(Path(self.directory.name) / "db")
        with sqlite3.connect(self.path) as db:
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
            db.executemany("INSERT INTO t VALUES (?, ?)", ((i, "x" * 100) for i in range(ROWS)))
        db.close()

    def test_a_whole_database_is_read(self) -> None:
        done = run(self.path, SQL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines(), [f"{i}|{'x' * 100}" for i in range(ROWS)])

    def test_without_a_shield_it_dies(self) -> None:
        done = run("--plain", "--cut", "8192", self.path, SQL)
        self.assertEqual(done.returncode, -signal.SIGBUS, done.stderr)

    def test_with_a_shield_the_damage_is_told(self) -> None:
        size = Path(self.path).stat().st_size
        done = run("--cut", "8192", self.path, SQL)
        self.assertEqual(done.returncode, EX_IOERR, done.stderr)
        self.assertIn("SQLite: database disk image is malformed", done.stderr)
        self.assertIn(f"lost: {size - 8192} bytes at 8192\n", done.stderr)

    def test_the_dialogue_of_the_manual(self) -> None:
        Path(self.path).rename(Path(self.directory.name) / "words.db")
        [dialogue] = re.findall(r"^\.EX\n(\$ .*?)^\.EE$", PAGE.read_text(), re.M | re.S)
        dialogue = dialogue.replace(r"\-", "-").replace(r"\(aq", "'")
        commands = re.findall(r"^\$ (.*)\n", dialogue, re.M)
        self.assertEqual(len(commands), 3)
        steps = (f"echo {shlex.quote('$ ' + c)}\n(exit $status)\n{c}\nstatus=$?" for c in commands)
        script = "\n".join(("status=0", *steps))
        self.assertEqual(self.shown(script), dialogue)

    def shown(self, script: str) -> str:
        """Run a script, and return what its terminal shows."""
        path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
        terminal, end = pty.openpty()
        tty.setraw(end)
        subprocess.run(
            ["sh", "-c", script],
            stdout=end,
            stderr=end,
            check=False,
            cwd=self.directory.name,
            env={**os.environ, "PATH": path},
        )
        # The kernel hands the output over in parts, some of them later. After the last one, read(2)
        # fails with EIO, because nobody has the other end open.
        os.close(end)
        shown = bytearray()
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                shown += part
        os.close(terminal)
        return shown.decode()

    def test_damage_that_is_not_read_is_not_told(self) -> None:
        size = Path(self.path).stat().st_size
        with sqlite3.connect(self.path) as db:
            db.execute("CREATE TABLE other AS SELECT * FROM t")
        db.close()
        done = run("--cut", str(size), self.path, SQL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), ROWS)


if __name__ == "__main__":
    unittest.main()
