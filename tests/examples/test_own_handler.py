# SPDX-License-Identifier: BSD-3-Clause
"""test_own_handler.py PROGRAM - a program keeps its own handler, and dies of its own bugs."""

import signal
import subprocess
import sys

ROUND = (
    "the script was stopped\nthe copy: 4096 bytes, 4096 lost: past-end\nthe script came to its end\n"
)
EXPECTED = ROUND * 2 + "the handler of libmcsafe is not installed\n"
BUG = "own_handler: a bug of the program itself\n"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    done = subprocess.run([program, *args], text=True, capture_output=True, check=False, timeout=30)
    print(done.stdout, done.stderr, sep="", end="")
    return done


[program] = sys.argv[1:]

done = run()
assert (done.returncode, done.stdout, done.stderr) == (0, EXPECTED, ""), done

done = run("--crash")
assert done.returncode == -signal.SIGBUS, f"exit status {done.returncode}"
assert done.stdout == EXPECTED, done.stdout
assert BUG in done.stderr, done.stderr

assert run("nonsense").returncode == 2
