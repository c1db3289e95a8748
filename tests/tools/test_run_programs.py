# SPDX-License-Identifier: BSD-3-Clause
"""test_run_programs.py - programs of Debian that a truncated file kills, and mcsafe run saves.

TABLE lists them. The larger ones are in test_run_large_programs.py.
"""

import os
import sqlite3
import subprocess
from pathlib import Path

import programs
import victims
from programs import TEXT, Line, Programs, text
from victims import PAGE

# Writes to more than the file system has room for.
SLICE = """
import mmap, sys
with open(sys.argv[1], "w+b") as file:
    file.truncate(64 * 4096)
    memory = mmap.mmap(file.fileno(), 0)
    memory[:] = b"x" * len(memory)
    print(memory[-1:])
"""


def database(case: Programs) -> Path:
    """A database of SQLite."""
    base = sqlite3.connect(case.path)
    base.execute("create table t (x)")
    base.executemany("insert into t values (?)", [("x" * 3000,)] * 1000)
    base.commit()
    base.close()
    return case.path


def pack(case: Programs) -> Path:
    """The pack of a repository of git."""
    where = case.directory / "repository"
    git = ("git", "-C", where, "-c", "user.name=a", "-c", "user.email=a@b.c")
    case.assertEqual(case.plain("git", "init", "-q", where).returncode, 0)
    (where / "file").write_bytes(os.urandom(1 << 20))
    for words in (("add", "file"), ("commit", "-qm", "one"), ("repack", "-adq")):
        case.assertEqual(case.plain(*git, *words).returncode, 0)
    (found,) = where.glob(".git/objects/pack/*.pack")
    found.chmod(0o600)
    return found


def feed(*words: object, lines: str, **options) -> None:
    """Run a program that reads these lines, and must succeed."""
    try:
        subprocess.run([str(word) for word in words], input=lines, text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, **options)
    except FileNotFoundError:
        victims.needs(f"there is no {words[0]}")


def lmdb(case: Programs) -> Path:
    """The data of an environment of LMDB."""
    case.path.mkdir()
    lines = "".join(f" {i:08x}\n {'78' * 500}\n" for i in range(2000))
    head = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=16777216\nHEADER=END\n"
    feed("mdb_load", case.path, lines=f"{head}{lines}DATA=END\n")
    return case.path / "data.mdb"


def gdbm(case: Programs) -> Path:
    """A database of GDBM."""
    lines = "".join(f"store key{i} {'v' * 50}\n" for i in range(5000))
    feed("gdbmtool", "-n", case.path, lines=lines)
    return case.path


def tdb(case: Programs) -> Path:
    """A database of TDB."""
    # tdbtool takes no path with a blank.
    lines = "".join(f"insert key{i} {'v' * 50}\n" for i in range(2000))
    feed("tdbtool", lines=f"create {case.path.name}\n{lines}", cwd=case.directory)
    return case.path


def program(case: Programs) -> Path:
    """A program in ELF."""
    return case.fill(content=Path(victims.VICTIM).read_bytes())


def index(case: Programs) -> Path:
    """An index of codesearch."""
    sources = case.directory / "sources"
    sources.mkdir()
    for i in range(20):
        lines = "".join(f"needle {number}\n" for number in range(1000 * i, 1000 * i + 300))
        (sources / f"source{i}").write_text(lines, encoding="ascii")
    feed("cindex", sources, lines="", env={**os.environ, "CSEARCHINDEX": str(case.path)})
    return case.path


def rules(case: Programs) -> Path:
    """A file that YARA looks into, and a rule."""
    rule = 'rule one { strings: $a = "not there" condition: $a }'
    (case.directory / "rules").write_text(rule, encoding="ascii")
    return text(case)


def sum_with_zeros(case: Programs, done: subprocess.CompletedProcess) -> None:
    """The sum is that of the file with zeros: so the exit status must tell of the loss."""
    case.fill(content=case.path.read_bytes().ljust(len(TEXT), b"\0"))
    case.assertEqual(case.plain("b3sum", case.path).stdout, done.stdout)


TABLE = (
    Line("ripgrep", "rg -a --mmap needle FILE", text, told="the needle"),
    Line("ag", "ag -a needle FILE", text, told="the needle"),
    Line("ugrep", "ugrep --mmap -a needle FILE", text, told="the needle"),
    Line("b3sum", "b3sum FILE", text, also=sum_with_zeros),
    Line("look", "look zzz FILE", text, 1),
    Line("python", """python3 -c 'import mmap, sys; file = open(sys.argv[1]);
print(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ).find(b"nowhere"))' FILE""", text,
         told="^-1\n"),
    Line("sqlite", """sqlite3 FILE
"pragma mmap_size = 1000000000; select sum(length(x)) from t" """, database, None,
         told="malformed"),
    Line("git_fsck", "git -C DIR/repository fsck --full", pack, None, told="error: "),
    Line("git_log", "git -C DIR/repository log -p --binary", pack, None, told="fatal: "),
    Line("mdb_dump", "mdb_dump DIR/data", lmdb, None, may_abort=True),
    Line("mdb_stat", "mdb_stat -ef DIR/data", lmdb, None, told="Environment Info"),
    Line("gdbmtool", "gdbmtool -r FILE count", gdbm, told="There are 0 items"),
    Line("gdbm_dump", "gdbm_dump FILE DIR/dump", gdbm, None, told="gdbm_dump: "),
    Line("tdbdump", "tdbdump FILE", tdb, None, told="bad magic"),
    Line("eu_readelf", "eu-readelf -a FILE", program, None, told="ELF Header"),
    # The runtime of Go has a handler, which ends the program with status 2.
    Line("csearch", "env CSEARCHINDEX=FILE csearch needle", index, None, told="corrupt index",
         plain=2, cry="unexpected fault address", needs="csearch", raw=True),
)
RECOVER = (
    Line("yara", "yara DIR/rules FILE", rules, plain=1, cry="error scanning"),
)


class Truncated(Programs):
    """A test for each line."""


programs.add_tests(Truncated, TABLE)
programs.add_tests(Truncated, RECOVER, Programs.recovers)


class Written(victims.Full):
    """What is written to a file system that is full."""

    def test_python(self) -> None:
        """The module mmap."""
        done = self.check_full("python3", "-c", SLICE, self.mount / "data", status=0)
        self.assertEqual(done.stdout, "b'x'\n")
        self.assertEqual(self.ranges(), [(16 * PAGE, 48 * PAGE, "written")])


if __name__ == "__main__":
    victims.main()
