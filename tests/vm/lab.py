# SPDX-License-Identifier: BSD-3-Clause
"""lab.py - runs scenarios with real machine checks: boots guests, serves them, judges results.

The program in the guest writes lines on its serial port. The lab reads those that begin with "@":

    @begin NAME         a scenario begins
    @fail TEXT          something is wrong
    @fact KEY=VALUE     a measurement
    @log TEXT           a message of the kernel
    @arm ..., @disarm   requests, see machine_check.py
    @end NAME STATUS    the scenario has ended
"""

import secrets
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import acpi
import gdb
import image
import kernel
import machine_check
import operands
import qemu
import qmp
import tools
from errors import GuestFailure, KernelTrouble
from scenario import Result, Scenario

SCRIPT = Path(__file__).with_name("lab") / "lab-scenario"
BOOT_SECONDS = 120
NVDIMM_MODULES = ("nfit", "nd_pmem", "dax_pmem", "device_dax")
MODULES = (*image.MODULES, "crc32c_intel", *NVDIMM_MODULES, "null_blk", "xfs")
NVDIMM_BYTES = 512 << 20


@dataclass(frozen=True)
class Hardware:
    """The hardware that a group of scenarios needs."""

    nvdimm: bool = False
    bad_at_boot: tuple[acpi.Range, ...] = ()
    nvdimm_file: Path | None = None  # a file that outlives the guest


MACHINES = {
    "ram": Hardware(),
    "nvdimm": Hardware(nvdimm=True),
    # In device-dax mode the kernel does not restore its own mapping of a lost page. Therefore no
    # other kind of scenario may run after these: see lab-scenario.
    "devdax": Hardware(nvdimm=True),
    "devdax-files": Hardware(nvdimm=True),
    "devdax-lists": Hardware(nvdimm=True),
    "devdax-tools": Hardware(nvdimm=True),
    "bad-at-boot": Hardware(nvdimm=True, bad_at_boot=(acpi.Range(16 << 20, 4096),)),
}


@dataclass(frozen=True)
class Ingredients:
    """The files and settings that the guests of a run are made of."""

    cache: Path
    kernel: kernel.Kernel
    busybox: Path
    programs: Sequence[Path]  # our own programs
    memory: str


class Session:
    """The conversation with one guest."""

    def __init__(self, scenarios: Sequence[Scenario], operands_of: dict) -> None:
        self.remaining = {scenario.name: scenario for scenario in scenarios}
        self.results: list[Result] = []
        self.current: Result | None = None
        self.release = ""
        self._operands = operands_of
        self._line = b""
        self._began = time.monotonic()
        self._injector: machine_check.Injector | None = None

    def attach(self, command: socket.socket) -> qemu.Ports:
        """Connect a debugger and a monitor. Answers go to the command's port."""
        debugger, monitor = qemu.Port("gdb", "gdb"), qemu.Port("monitor", "monitor")
        monitor_client = qmp.Client(monitor.socket)
        self._injector = machine_check.Injector(
            gdb.Client(debugger.socket),
            monitor_client,
            self._operands,
            command.sendall,
            self._note_driver,
        )
        return {debugger: self._injector.feed, monitor: monitor_client.feed}

    def _note_driver(self, text: str) -> None:
        if self.current:
            self.current.driver.append(f"{time.monotonic() - self._began:.3f} {text}")

    def deadline(self) -> float:
        """Return the time at which the guest counts as hung."""
        seconds = self.current.scenario.seconds if self.current else BOOT_SECONDS
        return self._began + seconds

    def feed(self, data: bytes) -> None:
        """Take output from the guest."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._take(line.decode(errors="replace").rstrip("\r"))

    def abandon(self, problem: str) -> None:
        """End the current scenario for a reason that the lab itself found."""
        if self.current:
            self.current.stopped([problem], self.release)
            self._end()

    def _take(self, line: str) -> None:
        tag, _, rest = line.partition(" ")
        if tag == "@begin":
            self.current = Result(self.remaining.pop(rest))
            self._began = time.monotonic()
        elif tag == "@kernel":
            self.release = rest
        elif tag in ("@arm", "@disarm"):
            self._injector.request(line.removeprefix("@"))
        elif self.current is None:
            return
        elif tag == "@end":
            result = self.current
            result.judge(int(rest.split()[1]), self.release)
            self._end()
            if result.has_stopped:
                raise GuestFailure(f"after {result.scenario.name} comes another guest")
        else:
            self._note(tag, rest, line)

    def _note(self, tag: str, rest: str, line: str) -> None:
        result = self.current
        if tag == "@fail":
            result.failures.append(rest)
        elif tag == "@fact":
            key, _, value = rest.partition("=")
            result.facts[key] = value
        elif tag == "@log":
            result.log.append(rest)
        else:
            result.output.append(line)

    def _end(self) -> None:
        self.current.seconds = time.monotonic() - self._began
        self._began = time.monotonic()
        self.results.append(self.current)
        self.current = None


@dataclass
class Lab:
    """One run of the lab."""

    ingredients: Ingredients
    artefacts: Path
    report: Callable[[Result], None]
    kernel_release: str = ""
    _operands: dict = field(default_factory=dict)
    _table: bytes = b""

    def run(self, scenarios: Sequence[Scenario]) -> list[Result]:
        """Run scenarios. Those on the same machine run in one guest for as long as it lives."""
        self._operands = {}
        for program in self.ingredients.programs:
            self._operands |= operands.of_program(program)
        results: list[Result] = []
        for machine in MACHINES:
            waiting = [scenario for scenario in scenarios if scenario.machine == machine]
            failed_boots = 0
            while waiting:
                done = self._boot(waiting)
                results += done
                names = {result.scenario.name for result in done}
                waiting = [scenario for scenario in waiting if scenario.name not in names]
                if not done:
                    failed_boots += 1
                    if failed_boots > 1:
                        raise GuestFailure("the guest failed to boot twice; see above")
        return results

    def _boot(self, scenarios: Sequence[Scenario]) -> list[Result]:
        """Boot a guest for the scenarios, and return the results of those that it reached."""
        session = Session(scenarios, self._operands)
        hardware = MACHINES[scenarios[0].machine]
        lines = [
            shlex.join(["lab-scenario", s.name, s.prepare, *s.run.split()]) for s in scenarios
        ]
        script = "echo @kernel $(uname -r); " + "; ".join(lines)
        try:
            self._guest(hardware, script, session.feed, session.deadline, session.attach)
        except GuestFailure as failure:
            if not session.current and not session.results:
                if isinstance(failure, KernelTrouble):  # the host is not to blame
                    raise
                print(f"lab: {failure}", file=sys.stderr)
            session.abandon(str(failure))
        if session.current:
            session.abandon("the guest stopped in the middle")
        self.kernel_release = self.kernel_release or session.release
        for result in session.results:
            self._keep(result)
            self.report(result)
        return session.results

    def _guest(
        self,
        hardware: Hardware,
        script: str,
        feed: Callable[[bytes], None],
        deadline: Callable[[], float],
        attach: Callable[[socket.socket], qemu.Ports] = lambda _: {},
        overriding: bool = True,
    ) -> None:
        token = secrets.token_hex(16)
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.ingredients.cache) as name:
            scratch = Path(name)
            command = ["sh", "-c", script]
            machine = self.machine(hardware, scratch, command, token, overriding)
            console = self.artefacts / f"console-{scratch.name}.log"
            qemu.run(machine, token, deadline, console, feed, attach)
            console.unlink()

    def machine(
        self,
        hardware: Hardware,
        scratch: Path,
        command: Sequence[str] | None,
        token: str,
        overriding: bool = True,
    ) -> qemu.Machine:
        """Make the files that a guest boots from. Without a command the guest gives a shell."""
        ingredients = self.ingredients
        firmware = {}
        programs = [SCRIPT, *ingredients.programs]
        if hardware.nvdimm:
            programs += tools.find(ingredients.cache)
            if overriding:
                firmware = {"nvdimm.aml": self._override(hardware)}
        initrd, disk = scratch / "initramfs", scratch / "disk"
        initrd.write_bytes(
            image.initramfs(
                ingredients.kernel,
                ingredients.busybox,
                programs,
                command,
                token,
                modules=MODULES,
                firmware=firmware,
                libraries=tools.library_path(ingredients.cache),
            )
        )
        image.disk(disk)
        return qemu.Machine(
            ingredients.kernel.image,
            initrd,
            disk,
            ingredients.memory,
            nvdimm=str(NVDIMM_BYTES) if hardware.nvdimm else "",
            nvdimm_file=hardware.nvdimm_file,
        )

    def _override(self, hardware: Hardware) -> bytes:
        """Return the NVDIMM's ACPI table with our methods, made from the table that QEMU gives."""
        if not self._table:
            output = bytearray()
            end = time.monotonic() + BOOT_SECONDS
            self._guest(
                Hardware(nvdimm=True),
                "cat /sys/firmware/acpi/tables/SSDT* | base64 -w 0",
                output.extend,
                lambda: end,
                overriding=False,
            )
            self._table = acpi.nvdimm_table(bytes(output))
        return acpi.override(self._table, hardware.bad_at_boot)

    def _keep(self, result: Result) -> None:
        if result.passed:
            return
        text = [*result.problems, "", *result.output, "", "kernel:", *result.log]
        text += ["", "driver:", *result.driver]
        text += ["", "measured:", *(f"{key} = {value}" for key, value in result.facts.items())]
        (self.artefacts / f"{result.scenario.name}.log").write_text("\n".join(text) + "\n")
