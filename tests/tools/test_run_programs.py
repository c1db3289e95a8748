# SPDX-License-Identifier: BSD-3-Clause
"""test_run_programs.py - programs of Debian that a truncated file kills, and mcsafe run saves.

A small library (run_shim.c) truncates the file right after the program has mapped it.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import victims
from victims import PAGE, Case

SHIM = os.environ["MCSAFE_SHIM"]
SIZE = 8 << 20
LEFT = 2 * PAGE  # bytes that are left of the file
# mcsafe run --preload has the variable set already.
SHIMMED = ("sh", "-c", f'export LD_PRELOAD="{SHIM}:$LD_PRELOAD"; exec "$@"', "sh")


class Programs(Case):
    """One test for each program."""

    def dies_and_lives(self, path: Path, status: int | None, *words: object) -> str:
        """The program dies without mcsafe run, and ends with a status of its own with it.

        Returns what it writes to standard output then. The file is made anew from a copy.
        """
        if shutil.which(str(words[0])) is None:
            victims.needs(f"there is no {words[0]}")
        copy = self.directory / "copy"
        copy.write_bytes(path.read_bytes())
        settings = ("env", f"MCSAFE_TEST_FILE={path}", f"MCSAFE_TEST_SIZE={LEFT}", *SHIMMED)
        self.check_dies(self.plain(*settings, *words))
        path.chmod(0o600)
        path.write_bytes(copy.read_bytes())
        done = self.guarded(*settings, *words)
        self.check_lost(done, status)
        self.assertIn(str(path), [file["path"] for file in self.report["files"]])
        for start, _, _ in self.ranges():
            self.assertGreaterEqual(start, LEFT)
        return done.stdout

    def text(self) -> Path:
        """A large file with one word near its start."""
        return self.fill(content=b"a line\nthe needle\n" + b"0123456789abcde\n" * (SIZE // 16))

    def test_ripgrep(self) -> None:
        """What is in the part that is left is found."""
        out = self.dies_and_lives(self.text(), 0, "rg", "-a", "--mmap", "needle", self.path)
        self.assertIn("the needle", out)

    def test_ugrep(self) -> None:
        """The same."""
        out = self.dies_and_lives(self.text(), 0, "ugrep", "--mmap", "-a", "needle", self.path)
        self.assertIn("the needle", out)

    def test_b3sum(self) -> None:
        """The sum is that of the file with zeros: so the exit status must tell of the loss."""
        out = self.dies_and_lives(self.text(), 0, "b3sum", self.path)
        content = self.path.read_bytes()
        self.fill(content=content + bytes(SIZE + 18 - len(content)))
        self.assertEqual(self.plain("b3sum", self.path).stdout, out)

    def test_look(self) -> None:
        """A binary search."""
        self.dies_and_lives(self.text(), 1, "look", "zzz", self.path)

    def test_python(self) -> None:
        """The module mmap."""
        script = "import mmap, sys\n"
        script += "f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=1)"
        script += "\nprint(m.find(b'not there'))"
        out = self.dies_and_lives(self.text(), 0, "python3", "-c", script, self.path)
        self.assertEqual(out, "-1\n")

    def test_sqlite(self) -> None:
        """A database with mmap_size. sqlite3 says itself that it is malformed."""
        base = sqlite3.connect(self.path)
        base.execute("create table t (x)")
        base.executemany("insert into t values (?)", [("x" * 3000,)] * 1000)
        base.commit()
        base.close()
        query = "pragma mmap_size = 1000000000; select sum(length(x)) from t"
        self.dies_and_lives(self.path, None, "sqlite3", self.path, query)

    def test_git(self) -> None:
        """A pack that was truncated: git ends with an error of its own."""
        where = self.directory / "repository"
        git = ("git", "-C", where, "-c", "user.name=a", "-c", "user.email=a@b.c")
        self.assertEqual(self.plain("git", "init", "-q", where).returncode, 0)
        (where / "file").write_bytes(os.urandom(1 << 20))
        for words in (("add", "file"), ("commit", "-qm", "one"), ("repack", "-adq")):
            self.assertEqual(self.plain(*git, *words).returncode, 0)
        (pack,) = where.glob(".git/objects/pack/*.pack")
        pack.chmod(0o600)
        self.dies_and_lives(pack, None, *git, "log", "-p", "--binary")
        self.assertNotEqual(self.report["status"], 0)

    def test_lmdb(self) -> None:
        """mdb_dump of a truncated environment ends by an assertion or an error of its own."""
        if shutil.which("mdb_load") is None:
            victims.needs("there is no mdb_load")
        self.path.mkdir()
        lines = "".join(f" {i:08x}\n {'78' * 500}\n" for i in range(2000))
        head = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=16777216\nHEADER=END\n"
        subprocess.run(
            ["mdb_load", str(self.path)], input=f"{head}{lines}DATA=END\n", text=True, check=True
        )
        data = self.path / "data.mdb"
        settings = ("env", f"MCSAFE_TEST_FILE={data}", f"MCSAFE_TEST_SIZE={LEFT}", *SHIMMED,
                    "mdb_dump", self.path)
        copy = data.read_bytes()
        self.check_dies(self.plain(*settings))
        data.write_bytes(copy)
        done = self.guarded(*settings)
        self.assertIn(done.returncode, (victims.LOST, -signal.SIGABRT), done.stderr)
        self.assertGreater(self.report["lost"], 0)


if __name__ == "__main__":
    victims.main()
