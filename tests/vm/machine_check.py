# SPDX-License-Identifier: BSD-3-Clause
"""machine_check.py - raises machine checks in a guest at the instruction that it asks for.

The guest asks in lines on its serial port and waits for the answer:

    arm load EVENT at=VA:PA[,VA:PA] insn=ADDRESS[,ADDRESS]
        a #MC, once for each VA, when one of the instructions is about to read VA's cache line;
        it names the physical address PA. Later reads of that line are counted.
    arm approach EVENT at=VA:PA insn=ADDRESS[,ADDRESS]
        like load, but the driver looks at instructions other than strings only after the byte
        before the line is read
    arm insn EVENT at=VA:PA insn=ADDRESS
        a #MC at the next execution of the instruction, whatever it reads; VA is only watched
    arm race EVENT at=VA:PA insn=ADDRESS
        like insn, on both processors at once: the first one waits until the other one is there
    arm kernel EVENT at=0:PA entry=ADDRESS[,ADDRESS] page_offset_base=ADDRESS
        a #MC whenever one of the kernel's copy functions, called with (destination, source,
        size), reaches PA's line
    arm now EVENT at=0:PA
        a #MC at once, wherever processor 0 is
    disarm
        answered by "injected=N touched=N": events raised, and reads counted

All addresses are hexadecimal. The answer to arm is "ok".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gdb
import qmp
from errors import GuestFailure
from operands import Operand

LINE = 64
REP_MOVSB = b"\xf3\xa4"
STEPS_TO_STRING = 20
# The instruction after a string can be reached by others, such as another thread.
STRANGERS = 1000


@dataclass(frozen=True)
class Event:
    """The content of the machine check banks (Intel SDM volume 3B, "Machine-Check Architecture").

    status  VAL, UC, EN, MISCV, ADDRV, S and AR in bits 63 to 55, and the error code below
    global  IA32_MCG_STATUS: RIPV, EIPV, MCIP, LMCES in bits 0 to 3. LMCES makes it local to one
            processor, so that the kernel does not wait for the others to meet.
    misc    bits 0-5 the least significant valid bit of the address, 6-8 its kind: 2, physical
    """

    status: int
    machine: int
    misc: int


DATA_LOAD = 0xBD80000000000134  # SRAR: software recoverable, action required
PATROL_SCRUB = 0xBD000000000000C0  # SRAO: software recoverable, action optional
EVENTS = {
    "page": Event(DATA_LOAD, 0xF, 0x8C),
    "line": Event(DATA_LOAD, 0xF, 0x86),
    "noripv": Event(DATA_LOAD, 0xE, 0x8C),
    "scrub": Event(PATROL_SCRUB, 0xF, 0x8C),
}


@dataclass
class Armed:
    """The armed request: where breakpoints are, and what has happened so far."""

    mode: str
    event: Event
    targets: dict[int, int]  # virtual line: physical address
    instructions: list[int] = field(default_factory=list)
    page_offset_base: int = 0
    watched: list[int] = field(default_factory=list)
    string: int | None = None  # one without a breakpoint while it runs: see _pass_string()
    held: int | None = None
    injected: int = 0
    touched: int = 0


def parse(words: list[str]) -> Armed:
    """Read what follows "arm" in a request."""
    mode, event = words[:2]
    options = dict(re.findall(r"(\w+)=(\S+)", " ".join(words[2:])))
    pairs = [pair.split(":") for pair in options["at"].split(",")]
    targets = {int(va, 16) // LINE * LINE: int(pa, 16) for va, pa in pairs}
    instructions = options.get("insn", options.get("entry", ""))
    return Armed(
        mode,
        EVENTS[event],
        targets,
        [int(address, 16) for address in instructions.split(",") if address],
        int(options.get("page_offset_base", "0"), 16),
    )


class Injector:
    """Serves the requests of one guest."""

    def __init__(
        self,
        debugger: gdb.Client,
        monitor: qmp.Client,
        operands: Mapping[int, Operand],
        answer: Callable[[bytes], object],
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._gdb = debugger
        self._qmp = monitor
        self._operands = operands
        self._answer = answer
        self._log = log
        self._armed: Armed | None = None

    def request(self, line: str) -> None:
        """Carry out one request and answer it."""
        self._log(line)
        command, *words = line.split()
        if command == "arm":
            self._arm(parse(words))
        elif command == "disarm":
            self._disarm()
        else:
            raise GuestFailure(f"the guest asks for {line!r}")

    def feed(self, data: bytes) -> None:
        """Take the data that the debugger's connection brings while the machine runs."""
        for stop in self._gdb.feed(data):
            self._stopped(stop)

    def _arm(self, armed: Armed) -> None:
        self._armed = armed
        self._gdb.interrupt()
        if armed.mode == "now":
            self._inject(0, armed.targets[0])
        elif armed.mode == "kernel":
            [physical] = armed.targets.values()
            direct_map = int.from_bytes(self._gdb.memory(armed.page_offset_base, 8), "little")
            armed.targets = {direct_map + physical // LINE * LINE: physical}
        if armed.mode == "approach":
            self._change_approach(True)
        else:
            self._breakpoints(True)
        self._gdb.resume()
        self._answer(b"ok\n")

    def _disarm(self) -> None:
        armed = self._armed
        if armed is None:
            raise GuestFailure("the guest disarms, but nothing is armed")
        self._gdb.interrupt()
        self._end_of_string()
        if armed.mode == "approach":
            self._change_approach(False)
        else:
            self._breakpoints(False)
        for line in armed.watched:
            self._gdb.remove(gdb.READ, line, LINE)
        self._armed = None
        self._gdb.resume()
        answer = f"injected={armed.injected} touched={armed.touched}"
        self._log(answer)
        self._answer(f"{answer}\n".encode())

    def _breakpoints(self, there: bool) -> None:
        change = self._gdb.insert if there else self._gdb.remove
        for address in self._armed.instructions:
            change(gdb.EXECUTE, address)

    def _change_approach(self, there: bool) -> None:
        [line] = self._armed.targets
        change = self._gdb.insert if there else self._gdb.remove
        change(gdb.READ, line - 1)
        # This watchpoint comes too late for a string: see _run_part().
        for address in self._armed.instructions:
            if self._is_string(address):
                change(gdb.EXECUTE, address)

    def _is_string(self, instruction: int) -> bool:
        return instruction in self._operands and self._operands[instruction].string

    def _leave_approach(self) -> None:
        self._end_of_string()
        self._change_approach(False)
        self._breakpoints(True)
        self._armed.mode = "load"

    def _inject(self, processor: int, physical: int) -> None:
        event = self._armed.event
        said = self._qmp.monitor(
            f"mce {processor} 1 {event.status:#x} {event.machine:#x} {physical:#x} {event.misc:#x}"
        )
        if said.strip():
            raise GuestFailure(f"qemu refuses the machine check: {said.strip()}")
        self._armed.injected += 1
        self._log(f"machine check for {physical:#x} on processor {processor}")

    def _stopped(self, stop: gdb.Stop) -> None:
        armed = self._armed
        if self._is_late(stop):
            self._gdb.resume() if armed is None else self._go_on()
            return
        if armed is None:
            raise GuestFailure(f"gdb: {stop}, but nothing is armed")
        if armed.mode == "approach" and stop.read is not None:
            self._leave_approach()
            self._gdb.resume()
            return
        if stop.read is not None:
            self._touched(stop)
            self._go_on()
            return
        registers = self._gdb.registers(stop.processor)
        self._log(f"processor {stop.processor} stands at {registers['rip']:#x}")
        if armed.watched and not armed.instructions:
            # No breakpoint is left. If both processors read a watched line at the same moment, QEMU
            # names the line for one of them only.
            self._touched(stop)
            self._gdb.resume()
            return
        if armed.string is not None and registers["rip"] == armed.string + len(REP_MOVSB):
            self._end_of_string()
            self._go_on()
            return
        if registers["rip"] not in armed.instructions:
            raise GuestFailure(f"gdb: {stop} at {registers['rip']:#x}, where nothing is armed")
        if armed.mode == "kernel":
            self._at_kernel_copy(stop.processor, registers)
        else:
            self._at_load(stop.processor, registers)

    def _is_late(self, stop: gdb.Stop) -> bool:
        """Whether a processor has read a line just before its watchpoint was removed. QEMU tells it
        afterwards, with an address from memory that it has freed."""
        if stop.read is None:
            return False
        armed = self._armed
        if armed is not None:
            approached = [line - 1 for line in armed.targets] if armed.mode == "approach" else []
            if stop.read in (*armed.watched, *approached):
                return False
        self._log(f"a watchpoint that is not there any more: {stop}")
        return True

    def _at_load(self, processor: int, registers: Mapping[str, int]) -> None:
        armed = self._armed
        operand = self._operands[registers["rip"]]
        line = operand.address(registers) // LINE * LINE
        if armed.mode == "insn":
            [line] = armed.targets
        elif operand.string:
            line, processor = self._run_string_up_to(processor, registers)
        if line not in armed.targets:
            behind = registers["rip"] + len(REP_MOVSB)
            if operand.string and behind not in armed.instructions:
                self._pass_string(registers["rip"])
            else:
                self._step_over(processor, registers["rip"])
            self._go_on()
        elif armed.mode == "race" and armed.held is None:
            armed.held = processor
            self._go_on()
        else:
            for number in {processor, armed.held} - {None}:
                self._inject(number, armed.targets[line])
            armed.held = None
            self._consumed(line)
            self._gdb.resume()

    def _go_on(self) -> None:
        """Resume all processors but the one that is held."""
        held = self._armed.held
        self._gdb.resume() if held is None else self._gdb.resume(1 - held)

    def _consumed(self, line: int) -> None:
        del self._armed.targets[line]
        self._watch(line)
        if not self._armed.targets:
            self._end_of_string()
            self._breakpoints(False)
            self._armed.instructions = []

    def _watch(self, line: int) -> None:
        self._gdb.insert(gdb.READ, line, LINE)
        self._armed.watched.append(line)

    def _step_over(self, processor: int, instruction: int) -> None:
        self._gdb.remove(gdb.EXECUTE, instruction)
        self._gdb.step(processor)
        self._gdb.insert(gdb.EXECUTE, instruction)

    def _pass_string(self, instruction: int) -> None:
        """Let a string that reads no line of ours run without a stop at each of its bytes."""
        self._end_of_string()
        self._gdb.remove(gdb.EXECUTE, instruction)
        self._gdb.insert(gdb.EXECUTE, instruction + len(REP_MOVSB))
        self._armed.string = instruction

    def _end_of_string(self) -> None:
        if (instruction := self._armed.string) is not None:
            self._gdb.remove(gdb.EXECUTE, instruction + len(REP_MOVSB))
            self._gdb.insert(gdb.EXECUTE, instruction)
            self._armed.string = None

    def _run_string_up_to(
        self, processor: int, registers: Mapping[str, int]
    ) -> tuple[int, int]:
        """Stop a REP MOVSB when the next byte it reads is in a line of ours.

        Return that line, and the processor on which the string is now.
        """
        first = registers["rsi"]
        end = first + registers["rcx"]
        ahead = [line for line in self._armed.targets if first < line + LINE and line < end]
        if not ahead:
            return first // LINE * LINE, processor
        line = min(ahead)
        if self._armed.mode == "approach":
            self._leave_approach()
        if line > first:
            self._end_of_string()
            self._breakpoints(False)
            processor = self._run_part(processor, registers, line)
            self._breakpoints(True)
        return line, processor

    def _run_part(self, processor: int, registers: Mapping[str, int], line: int) -> int:
        """Run a REP MOVSB up to a line, and return the processor that stands there.

        Since QEMU 10 a string stops at no breakpoint and no watchpoint before it has read all of
        its bytes, or thousands of them. So it gets a smaller count first, and then what is left.

        The guest's kernel may interrupt a string at any byte, run somebody else, and continue the
        string on the other processor. So the registers of the processor that stops tell whether it
        has executed our string.
        """
        string, source, count = (registers[name] for name in ("rip", "rsi", "rcx"))
        behind = string + len(REP_MOVSB)
        self._gdb.write(processor, "rcx", line - source)
        self._gdb.insert(gdb.EXECUTE, behind)
        for _ in range(STRANGERS):
            self._gdb.resume()
            stop = self._gdb.wait()
            if stop.read is not None:
                if not self._is_late(stop):
                    self._touched(stop)
                continue
            now = self._gdb.registers(stop.processor)
            if now["rip"] != behind:
                raise GuestFailure(f"gdb: {stop} at {now['rip']:#x}, before the end of a string")
            if (now["rsi"], now["rcx"]) == (line, 0):
                self._gdb.remove(gdb.EXECUTE, behind)
                self._gdb.write(stop.processor, "rip", string)
                self._gdb.write(stop.processor, "rcx", source + count - line)
                return stop.processor
            self._log(f"the end of a string at {now['rsi']:#x}: not ours")
            self._step_over(stop.processor, behind)
        raise GuestFailure(f"gdb: {STRANGERS} strings have ended, and none of them is ours")

    def _touched(self, stop: gdb.Stop) -> None:
        self._armed.touched += 1
        self._log(f"a read of the line: {stop}")

    def _at_kernel_copy(self, processor: int, registers: Mapping[str, int]) -> None:
        [(line, physical)] = self._armed.targets.items()
        source, size = registers["rsi"], registers["rdx"]
        self._breakpoints(False)
        if source < line + LINE and line < source + size:
            self._step_to_string(processor)
            if source < line:
                processor = self._run_part(processor, self._gdb.registers(processor), line)
            self._inject(processor, physical)
        else:
            self._gdb.step(processor)
        self._breakpoints(True)
        self._gdb.resume()

    def _step_to_string(self, processor: int) -> None:
        for _ in range(STEPS_TO_STRING):
            rip = self._gdb.registers(processor)["rip"]
            if self._gdb.memory(rip, len(REP_MOVSB)) == REP_MOVSB:
                return
            self._gdb.step(processor)
        raise GuestFailure("gdb: no REP MOVSB in the kernel's copy")
