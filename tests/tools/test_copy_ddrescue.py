# SPDX-License-Identifier: BSD-3-Clause
"""test_copy_ddrescue.py - map files that ddrescue(1) and mcsafe copy hand to each other."""

import random
import shutil
import subprocess
import unittest

from rescue import FAST, METHODS, PAGE, Rescue, bad_text, content, image_of, map_of, ranges_of
from tool import FINE, LOST

SECTOR = 512
SIZE = 40 * PAGE - 100
BAD = ranges_of([1, 9, 10, 11, 25, 39], SIZE)


class Ddrescue(Rescue):
    """The same file for both."""

    parent = FAST

    def setUp(self) -> None:
        super().setUp()
        if shutil.which("ddrescue") is None or shutil.which("ddrescuelog") is None:
            self.fail("ddrescue is missing: Debian package gddrescue")
        self.data = content(SIZE)
        self.src.write_bytes(self.data)

    def run_tool(self, *words: object) -> str:
        done = subprocess.run(
            [str(word) for word in words], cwd=self.dir, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def copy(self, *options: str, method: str = "read", **faults: object):
        environment, words = METHODS[method]
        return self.faulty(
            "copy", *words, "--map", "map", *options, "src", "dst", **environment, **faults
        )

    def begin_again(self) -> None:
        self.dst.unlink(missing_ok=True)
        self.map.unlink(missing_ok=True)

    def blocks_that(self, status: str) -> list[int]:
        """The numbers of the blocks with a status, as ddrescuelog lists them."""
        listed = self.run_tool("ddrescuelog", "-b", PAGE, f"--list-blocks={status}", "map")
        return [int(line) for line in listed.split()]

    def test_ddrescuelog_reads_our_map(self) -> None:
        """It lists the same bad blocks, and finds the map in order."""
        rng = random.Random(3)
        for _ in range(20):
            self.begin_again()
            bad = ranges_of([i for i in range(40) if rng.randrange(3) == 0], SIZE)
            self.copy(BAD=bad_text(bad))
            numbers = [start // PAGE + i for start, n in bad for i in range(-(-n // PAGE))]
            self.assertEqual(self.blocks_that("-"), numbers)
            self.assertEqual(len(self.blocks_that("+")), 40 - len(numbers))
            self.assertEqual(self.blocks_that("?*/"), [])
            # Status 0: ddrescuelog has found no unfinished block.
            done = subprocess.run(
                ["ddrescuelog", "--done-status", self.map], capture_output=True, check=False
            )
            self.assertEqual(done.returncode, 1 if bad else 0)

    def test_ddrescue_continues_ours(self) -> None:
        """It reads what was not tried, and what is bad on request only."""
        for method in METHODS:
            with self.subTest(method):
                self.begin_again()
                # The third write of a run that is stopped there.
                done = self.copy(
                    "--map-interval", "0", method=method, BAD=bad_text(BAD), SIGNAL="9:15"
                )
                self.assertEqual(done.returncode, -15)
                before = map_of(self.map)[1]
                self.assertEqual({status for _, _, status in before}, {"+", "-", "?"})
                self.run_tool("ddrescue", "-q", "src", "dst", "map")
                lost = [(start, n) for start, n, status in before if status == "-"]
                self.assertTrue(self.dst.read_bytes() == image_of(self.data, lost))
                self.run_tool("ddrescue", "-q", "-r", "1", "src", "dst", "map")
                self.assertTrue(self.dst.read_bytes() == self.data)

    def test_we_continue_what_ddrescue_began(self) -> None:
        """After it has read a part only, and after it has left failed blocks untrimmed."""
        for options in (("-s", 13 * PAGE + 7), ("-N", "-n"), ("-n",), ()):
            with self.subTest(options=options):
                self.begin_again()
                simulated = self.dir / "simulated"
                lines = "0 +\n" + "".join(f"{at} {n} {s}\n" for at, n, s in self.sectors())
                simulated.write_text(lines)
                self.run_tool("ddrescue", "-q", "-H", "simulated", *options, "src", "dst", "map")
                begun = map_of(self.map)[1]
                bad = [(start, n) for start, n, status in begun if status == "-"]
                self.assertGreater(len([1 for block in begun if block[2] != "+"]), 0)
                done = self.copy()
                self.check_lost(done, bad)
                self.assertTrue(self.dst.read_bytes() == image_of(self.data, bad))
                done = self.copy("--retry", "1")
                self.assertEqual((done.returncode, done.stderr), (FINE, b""))
                self.assertTrue(self.dst.read_bytes() == self.data)
                self.assertEqual(map_of(self.map), ("+", [(0, SIZE, "+")]))

    @staticmethod
    def sectors() -> list[tuple[int, int, str]]:
        """A map for the simulated errors of ddrescue: some sectors and some longer ranges."""
        bad = [(2 * SECTOR, SECTOR), (5 * PAGE, 3 * PAGE), (20 * PAGE + SECTOR, 9 * SECTOR)]
        blocks, at = [], 0
        for start, length in bad:
            blocks += [(at, start - at, "+"), (start, length, "-")]
            at = start + length
        return [*blocks, (at, SIZE - at, "+")]

    def test_back_and_forth_until_all_is_there(self) -> None:
        """Each of both finishes what the other one has left, in several rounds."""
        self.begin_again()
        part = 7 * PAGE + 11
        for at in range(0, SIZE, 2 * part):
            self.run_tool("ddrescue", "-q", "-i", at, "-s", part, "src", "dst", "map")
            if at + part <= SIZE:
                words = ("--offset", str(at + part), "--length", str(part))
                done = self.copy(*words, BAD=bad_text(BAD))
                self.assertIn(done.returncode, (FINE, LOST))
        lost = [(start, n) for start, n, status in map_of(self.map)[1] if status == "-"]
        self.assertGreater(len(lost), 0)
        self.assertTrue(self.dst.read_bytes() == image_of(self.data, lost))
        self.run_tool("ddrescue", "-q", "-r", "1", "src", "dst", "map")
        self.assertTrue(self.dst.read_bytes() == self.data)


if __name__ == "__main__":
    unittest.main()
