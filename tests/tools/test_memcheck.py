# SPDX-License-Identifier: BSD-3-Clause
"""test_memcheck.py - what valgrind says of the commands: nothing. Its words are the arguments.

The other scripts of this folder start programs hundreds of times. With valgrind they would take
long, so this one starts each command in its main ways. `run` and `inject` need ptrace(2), or trace
what they start.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tool import ERROR, FINE, LOST, MCSAFE

FAULTY = os.environ["MCSAFE_FAULTY"]
PAGE = 4096
FOUND = 99  # the exit status if valgrind has found something
VALGRIND = [*sys.argv[1:], f"--error-exitcode={FOUND}", "--leak-check=full"]
# A command that ends with an error does not free what it has.
LOOSE = ["--show-leak-kinds=none", "--errors-for-leak-kinds=none"]
STRICT = ["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]


class Memcheck(unittest.TestCase):
    """A file of nine pages, and what the commands write beside it."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe memcheck ")
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        (self.dir / "src").write_bytes(bytes(range(256)) * (8 * PAGE // 256))
        os.truncate(self.dir / "src", 9 * PAGE)

    def check(self, status: int, *words: str, program: str = MCSAFE, **faults: str) -> str:
        """Run a command, which must end with this status, and return what it wrote."""
        leaks = LOOSE if status == ERROR else STRICT
        done = subprocess.run(
            [*VALGRIND, *leaks, program, *words],
            env={**os.environ, "FAULTY_FILE": str(self.dir / "src"), **faults},
            cwd=self.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", check=False,
        )
        said = "".join(line for line in done.stderr.splitlines(True) if line[:2] == "==")
        self.assertEqual(said, "", words)
        self.assertEqual(done.returncode, status, (words, done.stderr))
        return done.stdout

    def test_a_program_with_errors_is_found_out(self) -> None:
        """Otherwise the others prove nothing: valgrind is asked to tell of memory that stays."""
        done = subprocess.run(
            [*VALGRIND, "--errors-for-leak-kinds=all", "--show-leak-kinds=all"]
            + [MCSAFE, "cat", "-x"],
            capture_output=True, text=True, check=False,
        )
        self.assertEqual(done.returncode, FOUND, done.stderr)

    def test_usage(self) -> None:
        """The options are read before all else."""
        self.check(FINE, "copy", "--help")
        self.check(ERROR, "copy", "-f", "--no-such-option=1", "src")
        self.check(ERROR, "scrub", "--rate")
        self.check(ERROR, "copy", "nothing", "dst")

    def test_copy(self) -> None:
        """All is good, a part is lost, and the copy goes on."""
        self.check(FINE, "copy", "src", "dst", "--map=map", "--json")
        self.check(FINE, "copy", "src", "dst", "--map=map", "--retry=1")
        bad = {"FAULTY_BAD": f"{PAGE}+{2 * PAGE},{5 * PAGE}+{PAGE}"}
        words = ("copy", "src", "lost", "--map=other", "--fill=7")
        self.check(LOST, *words, "--method=read", program=FAULTY, **bad)
        self.check(LOST, *words, "--retry=2", "--json", program=FAULTY, **bad)
        words = ("copy", "--force", "--sparse", "--method=map", "src", "lost")
        self.check(LOST, *words, program=FAULTY, FAULTY_KIND="protect", **bad)

    def test_cat(self) -> None:
        """All is good, and a part is lost."""
        self.assertEqual(len(self.check(FINE, "cat", "--offset=1", "src")), 9 * PAGE - 1)
        bad = {"FAULTY_BAD": f"{PAGE}+{PAGE}"}
        self.check(LOST, "cat", "--method=read", "--skip", "src", program=FAULTY, **bad)

    def test_scrub(self) -> None:
        """Known ranges, a list, and a state that is not of this file."""
        (self.dir / "known").write_text("4096 64\n8192 4096\n")
        self.check(LOST, "scrub", "--load=known", "--save=list", "--resume=state", "src")
        self.check(FINE, "scrub", "--json", "src")
        (self.dir / "state").write_text("# mcsafe scrub: 4096 of 8192 bytes checked\n")
        self.check(ERROR, "scrub", "--resume=state", "src")

    def test_badblocks(self) -> None:
        """Each list, and each form."""
        (self.dir / "known").write_text("4096 64\n8192 4096\n")
        (self.dir / "cxl").write_text(
            '[{"memdev":"mem0","media_errors":[{"offset":"0x40","length":64,"flags":"Scanning,"}]}]'
        )
        self.check(LOST, "badblocks", "--load=known", "--cxl=cxl", "--json")
        self.check(LOST, "badblocks", "--load=known", "--blocks=512")
        self.check(LOST, "badblocks", "--cxl=cxl", "--save=list", "--no-ask", "src")
        self.check(ERROR, "badblocks", "--cxl=known")

    def test_repair(self) -> None:
        """Of a mirror, with zeros, and not at all."""
        (self.dir / "mirror").write_bytes(b"m" * 9 * PAGE)
        words = ("repair", "--yes", "--no-ask", "--range=4096+100", "src")
        self.check(FINE, *words, "--from=mirror", "--save=list")
        self.check(FINE, *words, "--zero", "--json")
        self.check(FINE, "repair", "--dry-run", "--zero", "--range=1+1", "src")
        self.check(ERROR, "repair", "--yes", "--from=src", "--range=1+1", "src")

    def test_info(self) -> None:
        """It also says what valgrind lets it do."""
        self.check(FINE, "info")
        self.check(FINE, "info", "--json")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
