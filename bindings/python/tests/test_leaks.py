# SPDX-License-Identifier: BSD-3-Clause
"""test_leaks.py - no call keeps memory, references, mappings or descriptors, fault or not."""

import gc
import os
import sys
import tracemalloc
import unittest
from collections.abc import Callable
from pathlib import Path

import mcsafe
import support
from support import PAGE

ROUNDS = 300


def resources() -> tuple[int, int]:
    """How many mappings and descriptors the process has."""
    return (len(Path("/proc/self/maps").read_text().splitlines()),
            len(os.listdir("/proc/self/fd")))


class Leaks(support.FileTest):
    """Repeats calls, and compares what there is before and after."""

    def setUp(self) -> None:
        super().setUp()
        with open(self.path, "r+b") as file:
            self.m = mcsafe.mmap(file.fileno(), 0, check=False)
        self.cut(1)

    def tearDown(self) -> None:
        self.m.close()

    def life(self, use: Callable[[mcsafe.mmap], object], **options: object) -> None:
        """A map from its beginning to its end, of a file that is cut in between."""
        self.grow()
        with open(self.path, "r+b") as file:
            m = mcsafe.mmap(file.fileno(), 0, **options)
        self.cut(1)
        use(m)
        del m
        self.cut(1)

    def test_nothing_is_kept(self) -> None:
        m, wide = self.m, bytes(2 * PAGE)
        room = bytearray(4 * PAGE)
        calls: dict[str, Callable[[], object]] = {
            "item": lambda: m[5],
            "slice": lambda: m[5:500],
            "step": lambda: m[5:500:3],
            "find": lambda: m.find(b"\2\3", 0),
            "rfind": lambda: m.rfind(b"\2\3", 0, PAGE),
            "store": lambda: m.__setitem__(slice(0, 3), b"abc"),
            "bad item": lambda: m[PAGE],
            "bad slice": lambda: m[:],
            "bad step": lambda: m[::2],
            "bad find": lambda: m.find(b"\0\0", 0),
            "bad find of a byte": lambda: m.find(b"\0", 0),
            "bad rfind": lambda: m.rfind(b"\0", 0),
            "bad line": lambda: (m.seek(PAGE), m.readline()),
            "bad read": lambda: m.read(),
            "bad write": lambda: (m.seek(5), m.write(wide)),
            "bad store": lambda: m.__setitem__(slice(0, 2 * PAGE), wide),
            "wrong size": lambda: m.__setitem__(slice(0, 5), b"abc"),
            "wrong index": lambda: m[1 << 70],
            "copy": lambda: mcsafe.copy(room, m),
            "copy that is refused": lambda: mcsafe.copy(b"a", m),
            "salvage": lambda: mcsafe.salvage(m),
            "explain": lambda: mcsafe.explain(m, PAGE),
            "list": lambda: list(m),
            "repr": lambda: repr(m),
            "life": lambda: self.life(lambda m: m[0]),
            "life with a buffer": lambda: self.life(lambda m: memoryview(m)[0]),
            "life with a loss": lambda: self.life(bytes, check=False),
            "life with losses": lambda: self.life(lambda m: (bytes(m), m.lost(), m.close())),
            "life with a loss that is raised": lambda: self.life(lambda m: (bytes(m), m.close())),
            "life in a with block": lambda: self.life(lambda m: m.__exit__(None, None, None)),
            "no life": lambda: mcsafe.mmap(-1, 0),
            "no descriptor": lambda: mcsafe.mmap(-7, 10),
            "pmem": lambda: mcsafe.Pmem(self.path).pread(5000, 0),
            "bad pmem": lambda: mcsafe.Pmem("/nowhere"),
        }
        for name, call in calls.items():
            with self.subTest(name):
                self.repeat(call, 20)
                gc.collect()
                things = (m, wide, room, mcsafe.mmap, None)
                references = [sys.getrefcount(thing) for thing in things]
                before = resources()
                tracemalloc.start()
                self.repeat(call, 20)
                gc.collect()
                first = tracemalloc.get_traced_memory()[0]
                self.repeat(call, ROUNDS)
                gc.collect()
                grown = tracemalloc.get_traced_memory()[0] - first
                tracemalloc.stop()
                mappings, descriptors = resources()
                self.assertEqual(descriptors, before[1])
                # Python's own allocator may have mapped something too.
                self.assertLess(mappings - before[0], ROUNDS // 10)
                # A leak of one byte in each round would be more.
                self.assertLess(grown, ROUNDS)
                after = [sys.getrefcount(thing) for thing in things]
                for one, two in zip(references, after):
                    self.assertLess(abs(two - one), ROUNDS // 2)

    def repeat(self, call: Callable[[], object], times: int) -> None:
        """Call it, whatever it raises."""
        for _ in range(times):
            try:
                call()
            except (OSError, ValueError, IndexError, BufferError):
                pass


if __name__ == "__main__":
    unittest.installHandler()
    support.main()
