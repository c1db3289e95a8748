# SPDX-License-Identifier: BSD-3-Clause
"""The probes of the provider "mcsafe" are in the library, and fire with their arguments.

The note of a probe holds its address and how its arguments are found (systemtap's sys/sdt.h). The
kernel can put a breakpoint at an address of a file, and record a trace line when it is met: that is
how perf and bpftrace do it, too (Documentation/trace/uprobetracer.rst).
"""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

LIBRARY = os.environ["MCSAFE_SHARED"]
FIRE = os.environ["MCSAFE_FIRE"]
PROBES = {
    "fault_landed": 4,
    "guard_left": 2,
    "notice": 2,
    "range_noted": 2,
    "repaired": 2,
    "shield_replaced": 2,
}
TRACE = Path("/sys/kernel/tracing")


def skip(reason: str) -> None:
    """Skip visibly; with MCSAFE_NO_SKIP=1 that is a failure."""
    print(f"skipped: {reason}")
    sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)


def probes() -> dict[str, list[tuple[int, list[str]]]]:
    """The probes of the library: name -> addresses with their arguments."""
    notes = subprocess.run(
        ["readelf", "-nW", LIBRARY], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for match in re.finditer(
        r"Provider: mcsafe\s+Name: (\w+)\s+Location: (0x\w+),.*\n\s+Arguments: (.*)", notes
    ):
        found.setdefault(match[1], []).append((int(match[2], 16), match[3].split()))
    return found


def offset_in_file(address: int) -> int:
    """The place in the file of an address of the library."""
    headers = subprocess.run(
        ["readelf", "-lW", LIBRARY], capture_output=True, text=True, check=True
    ).stdout
    for line in re.findall(r"^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", headers, re.M):
        offset, start, size = (int(number, 16) for number in line)
        if start <= address < start + size:
            return address - start + offset
    raise AssertionError(f"{address:#x} is in no segment")


def tell_kernel(line: str) -> None:
    """Add or remove an event. Python's open(..., "a") would seek, which this file refuses."""
    file = os.open(TRACE / "uprobe_events", os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode() + b"\n")
    finally:
        os.close(file)


class Notes(unittest.TestCase):
    """What the file says."""

    def test_every_probe_is_there_with_its_arguments(self) -> None:
        """Each has a note; an argument is SIZE@OPERAND."""
        found = probes()
        self.assertEqual(set(found), set(PROBES))
        for name, places in found.items():
            for _, arguments in places:
                self.assertEqual(len(arguments), PROBES[name], name)

    def test_a_probe_is_one_nop(self) -> None:
        """That is all it costs while nobody looks."""
        code = Path(LIBRARY).read_bytes()
        for places in probes().values():
            for address, _ in places:
                self.assertEqual(code[offset_in_file(address)], 0x90)


class Fired(unittest.TestCase):
    """What the kernel records."""

    def setUp(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root may trace")
        if not (TRACE / "uprobe_events").exists():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACE], check=False)
        if not (TRACE / "uprobe_events").exists():
            self.skipTest("the kernel has no uprobe events")

    def test_each_probe_fires(self) -> None:
        """Once for what happens once, in this program."""
        group = f"mcsafe_test_{os.getpid()}"
        instance = TRACE / "instances" / group
        instance.mkdir()
        try:
            for name, places in probes().items():
                for number, (address, _) in enumerate(places):
                    place = f"{LIBRARY}:{offset_in_file(address):#x}"
                    tell_kernel(f"p:{group}/{name}_{number} {place}")
            (instance / "events" / group / "enable").write_text("1")
            subprocess.run([FIRE], check=True, stdout=subprocess.DEVNULL)
            (instance / "events" / group / "enable").write_text("0")
            trace = (instance / "trace").read_text()
        finally:
            instance.rmdir()
            for line in (TRACE / "uprobe_events").read_text().splitlines():
                if f":{group}/" in line:
                    tell_kernel("-:" + line.split()[0].split(":", 1)[1])
        # The file is traced, whoever runs it. A PID of the trace is not one of this namespace.
        command = re.escape(Path(FIRE).name[:15])
        ours = [line for line in trace.splitlines() if re.match(rf" *{command}-\d+ +\[", line)]
        for name in set(PROBES) - {"range_noted"}:
            fired = [line for line in ours if re.search(rf" {name}_\d+: ", line)]
            self.assertEqual(len(fired), 1, f"{name}\n{trace}")


if __name__ == "__main__":
    if os.environ["MCSAFE_HAVE_SDT"] != "ON":
        skip("the library was built without sys/sdt.h")
    unittest.main()
