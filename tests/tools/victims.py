# SPDX-License-Identifier: BSD-3-Clause
"""victims.py - programs that die of SIGBUS, and that live under mcsafe run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tool import LOST, MCSAFE

BUS = -signal.SIGBUS
PAGE = 4096
SIZE = 16 * PAGE
VICTIM = os.environ.get("MCSAFE_VICTIM", "")
LIVED = 3  # the status of run_victim if it survives


def needs(reason: str) -> None:
    """Skip the rest of a test visibly; with MCSAFE_NO_SKIP=1 that is a failure."""
    print(f"skipped: {reason}", file=sys.stderr)
    if os.environ.get("MCSAFE_NO_SKIP") == "1":
        raise AssertionError(f"skipped: {reason}")
    raise unittest.SkipTest(reason)


def main() -> None:
    """Run the tests of a script. If all were skipped, the script is a visible skip."""
    result = unittest.main(exit=False).result
    for test, reason in result.skipped:
        # As CMocka's, for the summary of ./dev test.
        name = test.id().split()[0].rpartition(".")[2]
        print(f"left out: {' '.join(reason.split())}\n[  SKIPPED ] {name}")
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun == len(result.skipped) else 0)


def sanitized(option: str) -> dict[str, str]:
    """The environment, with one more option for programs that are built with a sanitizer."""
    names = ("ASAN_OPTIONS", "TSAN_OPTIONS")
    return {**os.environ, **{name: f"{os.environ.get(name, '')}:{option}" for name in names}}


def start(*words: object, **options) -> subprocess.Popen:
    """Start a program, with text on its three streams."""
    streams = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    return subprocess.Popen([str(word) for word in words], text=True, **streams, **options)


class Case(unittest.TestCase):
    """A test with a directory of its own."""

    way: tuple[str, ...] = ()  # options of mcsafe run: ("--preload",)

    def setUp(self) -> None:
        self.maxDiff = None
        self.directory = Path(tempfile.mkdtemp(prefix="mcsafe run "))
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = self.directory / "data"
        self.report_path = self.directory / "report"

    def fill(self, path: Path | None = None, content: bytes = b"a" * SIZE) -> Path:
        """Make the file again that the program will truncate."""
        path = path or self.path
        path.write_bytes(content)
        return path

    def plain(self, *words: object, **options) -> subprocess.CompletedProcess:
        """Run a program without mcsafe run."""
        return subprocess.run(
            [str(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **options,
        )

    def guarded(
        self, *words: object, options: tuple[str, ...] = (), before: tuple[str, ...] = (), **more
    ) -> subprocess.CompletedProcess:
        """Run a program under mcsafe run. The report is in self.report."""
        self.report_path.unlink(missing_ok=True)
        done = self.plain(
            *before, MCSAFE, "run", *self.way, f"--report={self.report_path}", "--json", *options,
            "--", *words, **more,
        )
        self.report = {}
        if self.report_path.exists():
            self.report = json.loads(self.report_path.read_text(encoding="utf-8"))
        return done

    def check_lost(self, done: subprocess.CompletedProcess, status: int | None = LIVED) -> None:
        """Something was lost, and the program ended with this status."""
        shown = f"{done.stdout}{done.stderr}{self.report}"
        self.assertEqual(done.returncode, LOST, shown)
        self.assertGreater(self.report["lost"], 0, shown)
        if status is not None:
            self.assertEqual(self.report["status"], status, shown)

    def ranges(self, number: int = 0) -> list[tuple[int, int, str]]:
        """The lost ranges of a file: start, length, access."""
        return [
            (lost["start"], lost["length"], lost["access"])
            for lost in self.report["files"][number]["ranges"]
        ]

    def check_dies(self, done: subprocess.CompletedProcess) -> None:
        """The program was killed by SIGBUS."""
        self.assertEqual(done.returncode, BUS, f"{done.stdout}{done.stderr}")


class Full(Case):
    """A tmpfs of 16 pages, in a mount namespace: each page after them fails by itself."""

    def setUp(self) -> None:
        super().setUp()
        self.mount = self.directory / "full"
        self.mount.mkdir()
        script = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"'
        self.inside = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script,
                       "sh", str(self.mount))
        done = self.plain(*self.inside, "true")
        if done.returncode != 0:
            needs(f"no user and mount namespaces: {done.stderr}")

    def check_full(self, *words: object, status: int = LIVED) -> subprocess.CompletedProcess:
        """A program that writes to it dies, and lives under mcsafe run. Returns what it did."""
        self.check_dies(self.plain(*self.inside, *words))
        done = self.guarded(*words, before=self.inside)
        self.check_lost(done, status)
        (file,) = self.report["files"]
        self.assertEqual(Path(file["path"]).parent, self.mount)
        found = {(lost["access"], lost["reason"]) for lost in file["ranges"]}
        self.assertEqual(found, {("written", "no-space")})
        return done
