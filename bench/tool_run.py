#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tool_run.py MCSAFE [ROUNDS] - what mcsafe run costs where nothing fails.

Each round runs a program plainly and under mcsafe run, one after the other, in changing order. The
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


def measure(name: str, mcsafe: str, words: list[str], rounds: int) -> None:
    """Print the ratio of one program."""
    rows = []
    for i in range(rounds):
        pair = [words, [mcsafe, "run", *words]]
        order = (0, 1) if i % 2 == 0 else (1, 0)
        rows.append({which: seconds(pair[which]) for which in order})
    for kind, what in ((0, "time"), (1, "processor time")):
        ratios = [row[1][kind] / row[0][kind] for row in rows]
        quarter = statistics.quantiles(ratios, n=4)
        plain = statistics.median(row[0][kind] for row in rows)
        print(
            f"{name}: {what} {statistics.median(ratios):.3f} (half of the rounds: "
            f"{quarter[0]:.3f} to {quarter[2]:.3f}); plain {plain * 1000:.0f} ms"
        )


def main() -> None:
    """Measure 400 programs one after another, and a search through 200 MB."""
    mcsafe = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as text:
        for _ in range(200):
            text.write(b"0123456789abcde\n" * (1000000 // 16))
        text.flush()
        measure("a search through 200 MB", mcsafe, ["rg", "-c", "needle", text.name], rounds)
    measure("400 programs", mcsafe, ["sh", "-c", FORKS], rounds)


if __name__ == "__main__":
    main()
