# SPDX-License-Identifier: BSD-3-Clause
"""test_lines.py - no load of a scan, word or copy crosses a cache line or reads a needless line.

Valgrind's lackey prints every access of line_scans.c with its address and size.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ["MCSAFE_LINE_SCANS"]
LOAD = re.compile(rb"^ [LM] ([0-9a-f]+),(\d+)$")
LINE, BEGIN, SIZE = 64, 128, 1024


def watch(*arguments: str) -> tuple[list[str], int]:
    """What is wrong with the loads of a run, and how many loads of the operands there were."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        done = subprocess.run(
            [
                "valgrind",
                "--tool=lackey",
                "--trace-mem=yes",
                f"--log-file={log}",
                PROGRAM,
                *arguments,
            ],
            stdout=subprocess.PIPE,
            check=False,
        )
        where = re.match(rb"a (0x\w+) b (0x\w+) mark (0x\w+)", done.stdout)
        a, b, mark = (int(number, 16) for number in where.groups())
        found, loads = [], 0
        numbers = [0, 0, 0]
        with log.open("rb") as lines:
            for match in filter(None, map(LOAD.match, lines)):
                addr, size = int(match[1], 16), int(match[2])
                if mark <= addr < mark + 256 and size == 1:
                    numbers = [*numbers[1:], addr - mark]
                for operand, offset in ((a, numbers[0]), (b, numbers[1])):
                    if operand <= addr < operand + SIZE:
                        loads += 1
                        found += problems(addr, size, operand + BEGIN + offset, numbers)
    if done.returncode != 0:
        found.append(f"exit status {done.returncode}")
    return found, loads


def problems(addr: int, size: int, start: int, numbers: list[int]) -> list[str]:
    """What is wrong with one load of an operand that begins at start."""
    last = (addr + size - 1) // LINE
    if addr // LINE != last:
        return [f"{numbers}: {size} bytes at {addr % LINE} cross a line"]
    if not start // LINE <= last <= (start + numbers[2] - 1) // LINE:
        return [f"{numbers}: {size} bytes in a line outside"]
    return []


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Lines(unittest.TestCase):
    """Watches the loads."""

    def test_what_is_wrong_is_noticed(self) -> None:
        found, loads = watch("broken")
        self.assertEqual(loads, 2)
        self.assertEqual(
            found,
            ["[60, 0, 8]: 8 bytes at 60 cross a line", "[60, 0, 8]: 8 bytes in a line outside"],
        )

    def test_no_load_crosses_a_line(self) -> None:
        found, loads = watch()
        self.assertEqual(found[:10], [])
        self.assertGreater(loads, 64 * 64 * 10)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if program.result.skipped and program.result.wasSuccessful():
        print(*{reason for _, reason in program.result.skipped})
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    sys.exit(not program.result.wasSuccessful())
