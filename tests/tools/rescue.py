# SPDX-License-Identifier: BSD-3-Clause
"""rescue.py - copies of a small file whose blocks fail, and what must come of them."""

import os
import random
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import FINE, LOST

FAULTY = os.environ["MCSAFE_FAULTY"]
PAGE = 4096

# Hundreds of copies wait for fsync(2), which takes no time there.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# Each program of a sanitizer takes long to begin and to end. Then only every Nth case is tried.
STRIDE = int(os.environ.get("MCSAFE_STRIDE", "1"))

# The ways to read, and what makes them fail: environment and options.
READ = ({}, ["--method", "read"])
MAP = ({"FAULTY_KIND": "poison"}, ["--method", "map"])
MAP_END = ({"FAULTY_KIND": "eof"}, ["--method", "map"])
METHODS = {"read": READ, "map poison": MAP, "map eof": MAP_END}

Range = tuple[int, int]


def content(size: int, seed: int = 1) -> bytes:
    """Bytes without a page of zeros."""
    return random.Random(seed).randbytes(size)


def ranges_of(blocks: list[int], size: int) -> list[Range]:
    """The ranges (start, length) of pages, in bytes. Neighbours are one range."""
    found: list[Range] = []
    for block in blocks:
        start, end = block * PAGE, min((block + 1) * PAGE, size)
        if found and sum(found[-1]) == start:
            found[-1] = (found[-1][0], end - found[-1][0])
        else:
            found.append((start, end - start))
    return found


def bad_text(ranges: list[Range]) -> str:
    """Ranges for FAULTY_BAD: whole pages, because a mapping fails in pages."""
    return ",".join(f"{start}+{-(-length // PAGE) * PAGE}" for start, length in ranges)


def image_of(data: bytes, ranges: list[Range], fill: int = 0) -> bytes:
    """What a copy must be: the oracle, byte ranges one by one."""
    image = bytearray(data)
    for start, length in ranges:
        for at in range(start, start + length):
            image[at] = fill
    return bytes(image)


def map_of(path: Path) -> tuple[str, list[tuple[int, int, str]]]:
    """The status and the blocks of a map file. It is read here in the simplest way."""
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    blocks = [(int(start, 0), int(length, 0), status) for start, length, status in lines[1:]]
    return lines[0][1], blocks


def blocks_of(size: int, ranges: list[Range]) -> list[tuple[int, int, str]]:
    """The blocks that the map file of a finished copy must have."""
    blocks, at = [], 0
    for start, length in ranges:
        if start > at:
            blocks.append((at, start - at, "+"))
        blocks.append((start, length, "-"))
        at = start + length
    if at < size:
        blocks.append((at, size - at, "+"))
    return blocks


class Rescue(unittest.TestCase):
    """A test with a directory: src is copied to dst, with the map file map."""

    parent: str | None = None  # of the directory

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="mcsafe copy ", dir=self.parent)
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.src, self.dst = self.dir / "src", self.dir / "dst"
        self.map, self.log = self.dir / "map", self.dir / "log"

    @classmethod
    def setUpClass(cls) -> None:
        """A shell without job control starts programs with signals that are ignored."""
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signo) == signal.SIG_IGN:
                signal.signal(signo, signal.SIG_DFL)

    def faulty(self, *words: str, **faults: object) -> subprocess.CompletedProcess:
        """Run mcsafe_faulty in the directory. The names of faults lack FAULTY_."""
        names = {name: value for name, value in os.environ.items() if name[:7] != "FAULTY_"}
        names |= {"FAULTY_FILE": str(self.src), "FAULTY_LOG": str(self.log), "LC_ALL": "C"}
        names |= {
            name if name.startswith("FAULTY_") else f"FAULTY_{name.upper()}": str(value)
            for name, value in faults.items()
        }
        return subprocess.run(
            [FAULTY, *words],
            env=names,
            cwd=self.dir,
            capture_output=True,
            check=False,
            timeout=100,  # only a command that hangs takes that long
        )

    def steps(self) -> list[str]:
        """Return the steps that the log has, and empty the log."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line for line in lines if line.startswith("step")]

    def check_lost(self, done: subprocess.CompletedProcess, ranges: list[Range]) -> None:
        """The status and the list on standard error are about these ranges."""
        told = done.stderr.decode()
        self.assertEqual(done.returncode, LOST if ranges else FINE, told)
        listed = re.findall(r"(?m)^  (\d+) bytes at offset (\d+): ", told)
        self.assertEqual([(int(at), int(n)) for n, at in listed], ranges, told)
