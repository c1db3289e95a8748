# SPDX-License-Identifier: BSD-3-Clause
"""test_lines.py - no load of an engine crosses a cache line, or lies in a line that it need not read.

Valgrind's lackey prints every access of a program with its address and size: a witness that knows
nothing of the landing table, nor of the checks of MCSAFE_DEBUG. A sample of the grid of
line_copies.c by default; all of it with MCSAFE_FULL=1 (hours).
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

PROGRAM = os.environ["MCSAFE_LINE_COPIES"]
LOAD = re.compile(rb"^ [LM] ([0-9a-f]+),(\d+)$")
SAMPLE = 2500  # cases of the grid, for each routine
GRID = 513 * 64 * 64
OPERAND = 128  # where offset 0 of the source is
SIZE = 1024


def problems(*arguments: str) -> tuple[list[str], int]:
    """What is wrong with the loads of a run, and how many loads of the source there were."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        done = subprocess.run(
            ["valgrind", "--tool=lackey", "--trace-mem=yes", f"--log-file={log}", PROGRAM]
            + list(arguments),
            stdout=subprocess.PIPE,
            check=False,
        )
        where = re.match(rb"source (0x\w+) mark (0x\w+)", done.stdout)
        source, mark = (int(number, 16) for number in where.groups())
        with log.open("rb") as lines:
            found, loads = judge(lines, source, mark)
    if done.returncode != 0:
        found.append(f"exit status {done.returncode}")
    return found, loads


def judge(lines: Iterable[bytes], source: int, mark: int) -> tuple[list[str], int]:
    """Go through the trace."""
    found, loads = [], 0
    numbers: list[int] = []
    for line in lines:
        load = LOAD.match(line)
        if load is None:
            continue
        addr, size = int(load[1], 16), int(load[2])
        if mark <= addr < mark + 513 and size == 1:
            numbers = [*numbers, addr - mark][-2:]
        elif source <= addr < source + SIZE:
            loads += 1
            n, offset = numbers
            start = source + OPERAND + offset
            if addr // 64 != (addr + size - 1) // 64:
                found.append(f"n {n}, offset {offset}: {size} bytes at {addr % 64} cross a line")
            elif n == 0 or not start // 64 <= addr // 64 <= (start + n - 1) // 64:
                found.append(f"n {n}, offset {offset}: {size} bytes in a line outside")
    return found, loads


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Lines(unittest.TestCase):
    """Watches the loads."""

    def test_a_crossing_load_is_noticed(self) -> None:
        found, loads = problems("broken")
        self.assertEqual(loads, 1)
        self.assertEqual(found, ["n 8, offset 60: 8 bytes at 60 cross a line"])

    def test_no_load_crosses_a_line(self) -> None:
        step = GRID // SAMPLE | 1
        seed = int(os.environ.get("MCSAFE_TEST_SEED", str(random.randrange(2**32))), 0)
        firsts = range(step) if os.environ.get("MCSAFE_FULL") == "1" else [seed % step]
        print(f"MCSAFE_TEST_SEED={seed}: every {step}th case from {firsts[0]}", file=sys.stderr)
        for first in firsts:
            found, loads = problems(str(first), str(step))
            self.assertGreater(loads, GRID // step)
            self.assertEqual(found[:10], [])
        print(f"{loads} loads of the source", file=sys.stderr)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if program.result.skipped and program.result.wasSuccessful():
        print(*{reason for _, reason in program.result.skipped})
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    sys.exit(not program.result.wasSuccessful())
