#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_crash.py - kills the machine in the middle of repairs, and checks what is there afterwards.

The NVDIMM is a file of the host, which outlives QEMU. The first guest writes a file to it. Each of
the next guests repairs a range of that file, in which pages are bad from boot on. This guest is
killed (SIGKILL to QEMU) at the entry of one of the calls that change the file. The guest after it
finds the medium as it was at this moment: the pages that the kernel has cleared stay good.
lab/pmem_crash.c says what is checked.

This test has two limits. The firmware is ours, and its list dies with QEMU. Therefore the next
guest gets its list from what the kernel listed when it was killed. And all stores survive, flushed
or not, because the emulation has no caches, and the host's page cache stands for the medium.
"""

import argparse
import re
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass, field
from pathlib import Path

import acpi
import lab
import qemu
import vm
from errors import Unavailable

PAGE = 4096
SECONDS = 60  # for one guest
# How many of the two bad pages of each range (lab/pmem_crash.c) are still bad: before the first
# call that changes the file, before the call that writes the second page, and before the sync of
# that page.
BAD_BEFORE = 2
BAD_AFTER = (2, 1, 0)
CRASHES = len(BAD_AFTER)


class Killed(Exception):
    """The guest has reached the place where it must be killed. QEMU is killed on the way out."""


@dataclass
class Guest:
    """The output of one guest."""

    bad: list[acpi.Range] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    killed_at: str = ""
    table: str = ""
    text: str = ""

    def feed(self, data: bytes) -> None:
        """Take output, and end the guest where the output says so."""
        *whole, rest = (self.text + data.decode(errors="replace")).split("\n")
        for line in whole[self.text.count("\n") :]:
            self._take(line.rstrip("\r"))
        self.text = "\n".join([*whole, rest])
        if self.killed_at:
            raise Killed

    def _take(self, line: str) -> None:
        tag, _, value = line.partition(" ")
        if tag == "@bad":
            self.bad.append(acpi.Range(int(value), PAGE))
        elif tag == "@fact":
            key, _, measured = value.partition("=")
            self.facts[key] = measured
        elif tag == "@kill":
            self.killed_at = value
        elif tag == "@table":
            self.table = value


class CrashLab(lab.Lab):
    """Guests that run one after the other on the same NVDIMM."""

    def __init__(self, parts: lab.Ingredients, artefacts: Path, medium: Path) -> None:
        super().__init__(parts, artefacts, print)
        self.medium = medium

    def boot(self, script: str, bad: list[acpi.Range] | None = None) -> Guest:
        """Run a script. Without a list of bad ranges it runs on QEMU's own firmware."""
        guest = Guest()
        hardware = lab.Hardware(True, tuple(bad or ()), self.medium)
        end = time.monotonic() + SECONDS
        try:
            self._guest(hardware, script, guest.feed, lambda: end, overriding=bad is not None)
        except Killed:
            self._examine_consoles()
        if guest.table:
            self._table = acpi.nvdimm_table(guest.table.encode())
        return guest

    def _examine_consoles(self) -> None:
        """Check the console of a guest that was killed as qemu.run() does for one that ends."""
        for console in self.artefacts.glob("console-*.log"):
            if qemu.TROUBLE.search(console.read_text(errors="replace")):
                raise AssertionError(qemu.console_tail(console))
            console.unlink()


class CrashTest(unittest.TestCase):
    """Repairs that a crash cuts short."""

    lab: CrashLab

    def assert_healthy(self, guest: Guest) -> None:
        self.assertEqual(re.findall(r"@fail .*", guest.text), [], guest.text)

    def crash(self, start: str, killed: int, bad: list[acpi.Range]) -> Guest:
        """Check what the crashes so far have left. Crash once more, unless it was the last one."""
        name = f"crash-{killed}"
        guest = self.lab.boot(f"lab-scenario {name} kept_ext4 pmem-crash {start} {killed}", bad)
        self.assert_healthy(guest)
        expected = [*BAD_AFTER[:killed], *[BAD_BEFORE] * (CRASHES - killed)]
        facts = {f"bad in range {n}": str(bad) for n, bad in enumerate(expected)}
        self.assertEqual(guest.facts, facts, guest.text)
        return guest

    def test_no_crash_loses_data_or_bad_pages(self) -> None:
        first = self.lab.boot(
            "echo @table $(cat /sys/firmware/acpi/tables/SSDT* | base64 -w 0); "
            "lab-scenario crash-set-up fsdax_ext4 pmem-crash"
        )
        self.assert_healthy(first)
        self.assertEqual(len(first.bad), BAD_BEFORE * CRASHES, first.text)
        bad = first.bad
        for killed in range(CRASHES):
            guest = self.crash(first.facts["start"], killed, bad)
            self.assertEqual(guest.killed_at, str(killed), guest.text)
            bad = guest.bad
        last = self.crash(first.facts["start"], CRASHES, bad)
        self.assertIn(f"@end crash-{CRASHES} 0", last.text)


def main() -> None:
    """Run the test, or print why it was skipped."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--artefacts", type=Path, required=True)
    args, rest = parser.parse_known_args()
    args.artefacts.mkdir(parents=True, exist_ok=True)
    try:
        guest_kernel, busybox = vm.ingredients(args.cache, vm.named_kernel())
        parts = lab.Ingredients(args.cache, guest_kernel, busybox, [args.program], "768M")
        with tempfile.TemporaryDirectory(prefix="run-", dir=args.cache) as scratch:
            medium = Path(scratch) / "nvdimm"
            CrashTest.lab = CrashLab(parts, args.artefacts, medium)
            unittest.main(argv=[sys.argv[0], *rest])
    except Unavailable as reason:
        sys.exit(vm.skip(str(reason)))


if __name__ == "__main__":
    main()
