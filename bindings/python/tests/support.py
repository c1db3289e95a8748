# SPDX-License-Identifier: BSD-3-Clause
"""support.py - what the tests of the Python package share: files, other processes, skips."""

import ctypes
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

PAGE = 4096
TIMEOUT = 120  # seconds: only a broken module needs as long


def skip(reason: str) -> None:
    """Skip the test that runs, so that everybody sees it; with MCSAFE_NO_SKIP=1, fail."""
    print(f"skipped: {reason}", file=sys.stderr)
    if os.environ.get("MCSAFE_NO_SKIP") == "1":
        raise AssertionError(f"skipped: {reason}")
    raise unittest.SkipTest(reason)


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with these variables, and give back what it has said."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
    )


def python(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in another Python, which has no handlers of its own."""
    return run(sys.executable, "-B", "-c", textwrap.dedent(program), *arguments)


class FileTest(unittest.TestCase):
    """Tests with a file of some pages, each byte of which is known."""

    pages = 4

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe python ")
        self.addCleanup(scratch.cleanup)
        self.path = Path(scratch.name, "file")
        # No byte is 0, so that a stand-in cannot be mistaken for the file.
        self.data = bytes(1 + i % 251 for i in range(self.pages * PAGE))
        self.path.write_bytes(self.data)

    def cut(self, pages: int) -> None:
        """Leave only these pages of the file."""
        os.truncate(self.path, pages * PAGE)

    def grow(self) -> None:
        """Give the file its old length again, with zeros."""
        os.truncate(self.path, self.pages * PAGE)


def mount_small_tmpfs(where: Path, size: int) -> bool:
    """Mount a tmpfs that nobody outside this process sees. False: this process may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    private, recursive, new_mounts = 1 << 18, 1 << 14, 0x20000
    return (
        libc.unshare(new_mounts) == 0
        and libc.mount(b"none", b"/", None, ctypes.c_ulong(private | recursive), None) == 0
        and libc.mount(b"mcsafe", bytes(where), b"tmpfs", ctypes.c_ulong(0),
                       f"size={size}".encode()) == 0
    )


def main() -> None:
    """Run the tests of a script. If all were skipped, the script is a visible skip."""
    result = unittest.main(exit=False, argv=sys.argv[:1]).result
    for test, reason in result.skipped:
        # As CMocka's, for the summary of ./dev test.
        name = test.id().split()[0].rpartition(".")[2]
        print(f"left out: {' '.join(reason.split())}\n[  SKIPPED ] {name}")
    if not result.wasSuccessful() or (result.testsRun == 0 and not result.skipped):
        sys.exit(1)
    # A class that is skipped counts as skipped once, and none of its tests as run.
    sys.exit(77 if result.testsRun <= len(result.skipped) else 0)
