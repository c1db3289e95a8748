#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_guest.py - whether the driver tells the truth about real guests, especially about bad ones.
"""

import argparse
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

import vm
from errors import Unavailable

VM = Path(__file__).with_name("vm.py")
HANG_SECONDS = 25


def is_running(process: Path) -> bool:
    """Tell whether a process has not ended. Where no init collects orphans, an ended one stays."""
    try:
        status = (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not re.search(r"^State:\s+[ZX]", status, re.M)


class GuestTest(unittest.TestCase):
    """One guest for each test."""

    cache: Path

    def setUp(self) -> None:
        # The cache is our own, so that it shows every file that a run forgets. It borrows the
        # fetched files.
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        for path in (*self.cache.absolute().glob("kernel*"), self.cache.absolute() / "busybox"):
            (self.scratch / path.name).symlink_to(path)

    def argv(self, script: str, *options: str) -> list[str]:
        run = [sys.executable, "-B", str(VM), "run", "--cache", str(self.scratch), *options]
        return [*run, "--", "sh", "-c", script]

    def run_vm(self, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(script, *options), check=False, text=True, capture_output=True
        )

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.scratch.iterdir() if not path.is_symlink())

    def assert_guest_failed(self, done: subprocess.CompletedProcess[str], message: str) -> None:
        self.assertEqual(done.returncode, vm.EXIT_GUEST, done.stderr)
        self.assertIn(message, done.stderr)
        [log] = self.left_behind()
        self.assertIn(log, done.stderr)
        for line in (self.scratch / log).read_text().splitlines()[-10:]:
            self.assertIn(line, done.stderr)

    def test_output_between_kernel_messages_is_complete(self) -> None:
        noise = 'for i in 1 2 3 4; do echo "<0>noise $i" >/dev/kmsg; seq 1 3000; done'
        done = self.run_vm(f"{noise}; echo error >&2")
        self.assertEqual(done.returncode, 0, done.stderr)
        counted = "".join(f"{i}\n" for i in range(1, 3001))
        self.assertEqual(done.stdout, counted * 4 + "error\n")
        self.assertEqual(self.left_behind(), [])

    def test_the_exit_status_is_the_commands(self) -> None:
        done = self.run_vm("printf 'no newline'; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, "no newline"), done.stderr)

    def test_death_by_signal_is_reported(self) -> None:
        done = self.run_vm("echo before; kill -SEGV $$")
        self.assertEqual(done.returncode, 128 + signal.SIGSEGV, done.stderr)
        self.assertEqual(done.stdout, "before\nSegmentation fault\n")

    def test_a_hang_is_reported(self) -> None:
        done = self.run_vm("exec sleep 1000", "--timeout", str(HANG_SECONDS))
        self.assert_guest_failed(done, "the guest hangs")

    def test_a_panic_is_reported(self) -> None:
        done = self.run_vm("echo before; echo c >/proc/sysrq-trigger; sleep 1000")
        self.assert_guest_failed(done, "Kernel panic - not syncing: sysrq triggered crash")
        self.assertEqual(done.stdout, "before\n")

    def test_a_missing_result_is_reported(self) -> None:
        self.assert_guest_failed(self.run_vm("poweroff -f"), "the guest stopped without a result")

    def test_a_failure_of_qemu_is_reported(self) -> None:
        done = self.run_vm("true", "--cpu", "no-such-processor")
        self.assertEqual(done.returncode, vm.EXIT_GUEST)
        self.assertIn("qemu-system-x86_64 failed with status 1", done.stderr)

    def test_an_interrupted_driver_ends_qemu(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number), self.started() as (driver, emulator):
                driver.send_signal(number)
                self.assertEqual(driver.wait(10), 128 + number)
                self.assertFalse(emulator.exists())
        self.assertFalse([name for name in self.left_behind() if name.startswith("run-")])

    def test_a_killed_driver_ends_qemu(self) -> None:
        shell = [sys.executable, "-B", str(VM), "shell", "--cache", str(self.scratch)]
        for argv in (self.argv("sleep 1000"), shell):
            with self.subTest(argv=argv), self.started(argv) as (driver, emulator):
                driver.kill()
                driver.wait(10)
                deadline = time.monotonic() + 60
                while is_running(emulator):
                    self.assertLess(time.monotonic(), deadline, "QEMU is still there")
                    time.sleep(0.1)

    @contextlib.contextmanager
    def started(
        self, argv: list[str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """Start a driver, and yield it and QEMU's directory in /proc."""
        argv = argv or self.argv("sleep 1000")
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(argv, stdin=nowhere, stdout=nowhere, stderr=nowhere) as driver:
            try:
                yield driver, self.emulator_of(driver)
            finally:
                driver.kill()

    def emulator_of(self, driver: subprocess.Popen[bytes]) -> Path:
        children = Path(f"/proc/{driver.pid}/task/{driver.pid}/children")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for child in children.read_text().split():
                process = Path("/proc", child)
                with contextlib.suppress(FileNotFoundError):
                    if (process / "comm").read_text().startswith("qemu-system"):
                        return process
            time.sleep(0.1)
        self.fail("QEMU does not start")


def main() -> None:
    """Run the tests, or print why they were skipped."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cache", type=Path, required=True)
    args, rest = parser.parse_known_args()
    GuestTest.cache = args.cache
    try:
        vm.ingredients(args.cache, vm.named_kernel())
    except Unavailable as reason:
        sys.exit(vm.skip(str(reason)))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
