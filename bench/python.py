#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""python.py [ROUNDS] - mcsafe.mmap next to mmap.mmap, where nothing fails.

    cmake --preset release -B build/python -DMCSAFE_BUILD_PYTHON=ON
    cmake --build build/python --target mcsafe_python__mcsafe
    PYTHONPATH=build/python/bindings/python /usr/bin/python3 bench/python.py

Both map the same file of 16 MiB, whose pages are in memory. Each round times both, in changing
order. A figure is the median of a module's rounds, in nanoseconds of a call. The ratio is the
median of the rounds' ratios: 1.00 is as fast as mmap.mmap, 2.00 takes twice as long. The time of
the loop and of the interpreter is part of both.
"""

import mmap
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import mcsafe

SIZE = 16 << 20
MIB = 1 << 20
# What is called, and how often in a round. The text has words of eight letters, and lines.
CALLS = {
    "one byte: m[i]": ("m[1000]", 20000),
    "slice, 16 B": ("m[1000:1016]", 20000),
    "slice, 4 KiB": ("m[4096:8192]", 10000),
    "slice, 1 MiB": (f"m[{MIB}:{2 * MIB}]", 20),
    "store a byte": ("m[1000] = 7", 20000),
    "store 16 B": ("m[1000:1016] = data[:16]", 20000),
    "store 4 KiB": ("m[4096:8192] = data", 10000),
    "read, 64 B": ("m.seek(0); m.read(64)", 10000),
    "readline": ("m.seek(0); m.readline()", 10000),
    "find, 16 B away": ("m.find(near, 0)", 10000),
    "find a byte, 4 KiB": ("m.find(b'!', 0, 4096)", 10000),
    "find a byte, 1 MiB": (f"m.find(b'!', 0, {MIB})", 50),
    "find a word, 4 KiB": ("m.find(b'nowhere', 0, 4096)", 2000),
    "find a word, 1 MiB": (f"m.find(b'nowhere', 0, {MIB})", 10),
    "rfind a word, 1 MiB": (f"m.rfind(b'nowhere', 0, {MIB})", 10),
    "memoryview": ("memoryview(m).release()", 10000),
    "each 16th byte of 4 KiB": ("m[0:4096:16]", 2000),
}


def timer(code: str, names: dict[str, object]) -> Callable[[object, int], float]:
    """A function that runs the code, and returns how many nanoseconds one run has taken."""
    text = f"""
def run(m, n):
    start = clock()
    for _ in range(n):
        {code}
    return (clock() - start) / n
"""
    space: dict[str, object] = {"clock": time.perf_counter_ns, **names}
    exec(text, space)
    return space["run"]


def text(dice: random.Random) -> bytes:
    """Some English-looking bytes."""
    letters = b"eeeeettttaaaooinnshrdlucmwfygpbvk"
    words = (bytes(dice.choices(letters, k=8)) + dice.choice((b" ", b" ", b" ", b"\n"))
             for _ in range(20000))
    some = b"".join(words)
    return (some * (SIZE // len(some) + 1))[:SIZE]


def main() -> None:
    """Measure, and print a table of Markdown."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    with tempfile.TemporaryFile() as file:
        bytes_of_file = text(random.Random(1))
        file.write(bytes_of_file)
        file.flush()
        maps = [kind(file.fileno(), SIZE) for kind in (mmap.mmap, mcsafe.mmap)]
        # Bring all pages in, and open the shield: most programs take a buffer at some time.
        assert all(bytes(m) == bytes_of_file for m in maps)
        names = {"data": bytes_of_file[4096:8192], "near": bytes_of_file[16:20]}
        print(f"Python {sys.version.split()[0]}, {rounds} rounds\n")
        print("| call | mmap.mmap, ns | mcsafe.mmap, ns | ratio |\n|---|--:|--:|--:|")
        for name, (code, n) in CALLS.items():
            run = timer(code, names)
            times: list[list[float]] = [[], []]
            for i in range(rounds + 1):
                for which in (0, 1) if i % 2 == 0 else (1, 0):
                    took = run(maps[which], n)
                    if i != 0:
                        times[which].append(took)
            ratio = statistics.median(b / a for a, b in zip(*times))
            left, right = (statistics.median(one) for one in times)
            print(f"| {name} | {left:.1f} | {right:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
