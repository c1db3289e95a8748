#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tool_run.py MCSAFE [ROUNDS] - what mcsafe run costs where nothing fails.

Each round runs a program plainly and under mcsafe run, one after the other, in changing order. The
ratio is the median of the rounds' ratios: it does not depend on how busy the machine is over time.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

FORKS = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done"


def seconds(words: list[str]) -> float:
    """How long a program takes."""
    start = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - start


def measure(name: str, mcsafe: str, words: list[str], rounds: int) -> None:
    """Print the ratio of one program."""
    ratios, plain = [], []
    for i in range(rounds):
        pair = [words, [mcsafe, "run", *words]]
        order = (0, 1) if i % 2 == 0 else (1, 0)
        times = {which: seconds(pair[which]) for which in order}
        ratios.append(times[1] / times[0])
        plain.append(times[0])
    quarter = statistics.quantiles(ratios, n=4)
    print(
        f"{name}: {statistics.median(ratios):.3f} times as long (half of the rounds: "
        f"{quarter[0]:.3f} to {quarter[2]:.3f}); plain {statistics.median(plain) * 1000:.0f} ms"
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
