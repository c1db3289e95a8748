# SPDX-License-Identifier: BSD-3-Clause
"""host.py LIBRARY - CPython's faulthandler and ctypes still work while libmcsafe is installed."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap

PROGRAM = """
import ctypes, faulthandler, os, signal, sys
library = ctypes.CDLL(sys.argv[1])
library.faults_bad_address.restype = ctypes.c_void_p
library.faults_stop.restype = ctypes.c_long
order = sys.argv[2]
if order == "before":
    assert library.faults_install() == 0
faulthandler.enable()
assert library.faults_install() == 0
assert library.faults_start() == 0
assert library.faults_recover(1000) == 0
for i in range(1000):
    bytes(range(256)) * 16
assert library.faults_recover(100) == 0
assert library.faults_stop() > 0
if sys.argv[3] == "read":
    ctypes.string_at(library.faults_bad_address(), 1)
elif sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGBUS)
print("the end")
"""


def run(library: str, order: str, end: str) -> subprocess.CompletedProcess[str]:
    """Run the program above in a separate Python."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), library, order, end],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ,
    )


def main() -> None:
    library = sys.argv[1]
    ctypes.CDLL(library)
    for order in ("before", "after"):
        done = run(library, order, "return")
        assert done.returncode == 0 and done.stdout == "the end\n", done
        # The host crashes: its own handler reports the crash, and the signal kills the process.
        for end, signo, name in (
            ("read", signal.SIGSEGV, "Segmentation fault"),
            ("kill", signal.SIGBUS, "Bus error"),
        ):
            done = run(library, order, end)
            assert done.returncode == -signo, done
            assert f"Fatal Python error: {name}" in done.stderr, done
            assert "File \"<string>\", line" in done.stderr, done
        print(f"installed {order} faulthandler: copies recovered, crashes told and fatal")


main()
