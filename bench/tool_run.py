#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tool_run.py MCSAFE [ROUNDS] - what mcsafe run costs where nothing fails.

Each round runs a program plainly, under mcsafe run, and under mcsafe run --preload, one after the
other, in changing order. The command "true" shows what the start of mcsafe itself costs. The
ratios are medians of the rounds' ratios: of the time, and of the processor time of all processes,
which depends less on what else the machine does.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

FORKS = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done"


def processor_seconds() -> float:
    """The processor time of all children so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(words: list[str]) -> tuple[float, float]:
    """How long a program takes, and how long processors work for it."""
    start, used = time.monotonic(), processor_seconds()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - start, processor_seconds() - used


WAYS = {"traced": ["run"], "--preload": ["run", "--preload"]}


def measure(name: str, mcsafe: str, words: list[str], rounds: int) -> None:
    """Print the ratios of one program."""
    rows = []
    commands = {"": words} | {way: [mcsafe, *more, *words] for way, more in WAYS.items()}
    for i in range(rounds):
        order = list(commands) if i % 2 == 0 else list(reversed(commands))
        rows.append({way: seconds(commands[way]) for way in order})
    for kind, what in ((0, "time"), (1, "processor time")):
        plain = statistics.median(row[""][kind] for row in rows)
        print(f"{name}: {what} plain {plain * 1000:.1f} ms")
        for way in WAYS:
            ratios = [row[way][kind] / row[""][kind] for row in rows]
            quarter = statistics.quantiles(ratios, n=4)
            more = statistics.median(row[way][kind] - row[""][kind] for row in rows)
            print(
                f"{name}: {what} {way} {statistics.median(ratios):.3f} (half of the rounds: "
                f"{quarter[0]:.3f} to {quarter[2]:.3f}), {more * 1000:+.1f} ms"
            )


def main() -> None:
    """Measure a search through 200 MB, 400 programs in a row, and one that does nothing."""
    mcsafe = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as text:
        for _ in range(200):
            text.write(b"0123456789abcde\n" * (1000000 // 16))
        text.flush()
        measure("a search through 200 MB", mcsafe, ["rg", "-c", "needle", text.name], rounds)
    measure("400 programs", mcsafe, ["sh", "-c", FORKS], rounds)
    measure("one program", mcsafe, ["/bin/true"], 10 * rounds)


if __name__ == "__main__":
    main()
