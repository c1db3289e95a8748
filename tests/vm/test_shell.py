#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_shell.py - whether a person gets a shell in the lab's guest, with the tools that it needs.
"""

import argparse
import os
import pty
import select
import subprocess
import sys
import time
import unittest
from pathlib import Path

import tools
import vm
from errors import Unavailable

VM = Path(__file__).with_name("vm.py")
PROMPT = b" # "  # after "/", or "~" in later versions of BusyBox
SECONDS = 200  # enough for two boots on a busy machine: the first boot reads QEMU's ACPI tables
COMMANDS = (
    "grep clear_error /sys/bus/nd/devices/ndbus0/commands",
    "ndctl destroy-namespace -f all",
    "ndctl create-namespace -m fsdax",
    "mkfs.ext4 -q -F -b 4096 /dev/pmem0",
    "mkdir /mnt/pmem && mount -t ext4 -o dax /dev/pmem0 /mnt/pmem",
    "grep '/mnt/pmem ext4 .*dax' /proc/mounts",
    "mkfs.xfs -V",
    "xfs_io -V",
    "umount /mnt/pmem",
)


class ShellTest(unittest.TestCase):
    """vm.py shell --nvdimm, at a terminal."""

    cache: Path

    def read_until(self, terminal: int, wanted: bytes) -> bytes:
        said = b""
        deadline = time.monotonic() + SECONDS
        while wanted not in said:
            left = max(deadline - time.monotonic(), 0)
            self.assertTrue(select.select([terminal], [], [], left)[0], said.decode())
            said += os.read(terminal, 4096)
        return said

    def test_a_shell_has_persistent_memory(self) -> None:
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-B", str(VM), "shell", "--nvdimm", "--cache", str(self.cache)]
        with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs) as shell:
            os.close(theirs)
            try:
                self.read_until(ours, PROMPT)
                for command in COMMANDS:
                    # The terminal echoes the typed text, but that has no number in it.
                    os.write(ours, f"{command}; echo status $?\n".encode())
                    self.assertRegex(self.read_until(ours, PROMPT).decode(), r"status 0\s")
                os.write(ours, b"exit\n")
                self.assertEqual(shell.wait(60), 0)
            finally:
                shell.kill()
                os.close(ours)


def main() -> None:
    """Run the tests, or print why they were skipped."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cache", type=Path, required=True)
    args, rest = parser.parse_known_args()
    ShellTest.cache = args.cache
    try:
        vm.ingredients(args.cache, vm.named_kernel())
        tools.find(args.cache)
    except Unavailable as reason:
        sys.exit(vm.skip(str(reason)))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
