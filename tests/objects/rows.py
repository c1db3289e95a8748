# SPDX-License-Identifier: BSD-3-Clause
"""rows.py - compares the landing table of a linked file with the code that the table describes.

Every access of an engine to memory has exactly one row, of the right kind, and there is no other
row. There are three exceptions. First, constants may be read, at a %rip-relative address or through
a register that the engine writes only by LEA of such an address. They must be in a section that
cannot be written, or in mcsafe__route (src/copy/route.h). Second, a function may use its red zone.
Third, a scan or a comparison stores its results through the argument that says where. After a
fault, an engine goes back to its own code or ends with a jump to mcsafe__stop or
mcsafe__stop_with_cause (asm/asm.h), which writes the caller's record. Nothing but a fault leads to
such a jump.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import disassembly
import elf
import levels
from disassembly import Instruction

SECTION = "mcsafe_extable"
STOPS = ("<mcsafe__stop>", "<mcsafe__stop_with_cause>")
ROUTE = "mcsafe__route"

# Routines by the beginning of their names, the argument for the results, and their offsets.
RESULTS = [("mcsafe__compare_", "cx", {0, 8, 12}), ("mcsafe__scan_", "cx", {0})]
ROW = struct.Struct("<iiI")


@dataclass(frozen=True)
class Row:
    """A row with its addresses computed."""

    insn: int
    fixup: int
    kind: int


@dataclass(frozen=True)
class Layout:
    """The kinds of rows in asm/layout.h and in the public header that it includes."""

    kinds: dict[str, int]

    @classmethod
    def read(cls, header: Path) -> "Layout":
        """Read the numbers that the assembly is built with."""
        public = header.parents[1] / "include" / "mcsafe" / "extable.h"
        text = header.read_text() + public.read_text()
        kinds = re.findall(r"^# *define MCSAFE_ROW_(\w+) +(\d+)", text, re.M)
        return cls({name: int(number) for name, number in kinds})


def table(file: elf.File) -> list[Row]:
    """The rows of a linked file, in their order."""
    section = file.section(SECTION)
    rows = []
    for i, (insn, fixup, kind) in enumerate(ROW.iter_unpack(section.data)):
        at = section.addr + i * ROW.size
        rows.append(Row(at + insn, at + 4 + fixup, kind))
    return rows


class Function:
    """The code of one engine, and all ways through it."""

    def __init__(self, name: str, code: list[Instruction], rows: Iterable[Row]) -> None:
        self.name = name
        self.code = {insn.addr: insn for insn in code}
        self.rows = [row for row in rows if row.insn in range(code[0].addr, code[-1].end)]
        self.entry = code[0].addr

    def __contains__(self, addr: int) -> bool:
        return addr in self.code

    def _is_injected(self, insn: Instruction) -> bool:
        """Whether it is a branch that exists only with MCSAFE_DEBUG and goes where a fault would
        go."""
        before = [i for i in self.code.values() if i.addr < insn.addr][-2:]
        return (
            insn.mnemonic == "jne"
            and [i.mnemonic for i in before] == ["call", "test"]
            and "<mcsafe__debug_access>" in before[0].operands[0]
            and before[1].operands == ("%r11", "%r11")
        )

    def _successors(self, insn: Instruction) -> Iterator[int]:
        if insn.is_jump and not self._is_injected(insn):
            yield insn.target
        if insn.falls_through:
            yield insn.end

    def reachable(
        self, starts: Iterable[int], stops: Iterable[int] = (), faults: bool = False
    ) -> set[int]:
        """The instructions that can run after those at starts, if accesses fault or if not."""
        fixups = {row.insn: row.fixup for row in self.rows} if faults else {}
        seen: set[int] = set()
        todo = list(starts)
        while todo:
            addr = todo.pop()
            if addr not in seen and addr in self.code and addr not in stops:
                seen.add(addr)
                todo.extend(self._successors(self.code[addr]))
                if addr in fixups:
                    todo.append(fixups[addr])
        return seen

    def reads_constant(self, insn: Instruction) -> bool:
        """Whether it loads through a register that then only ever holds the address of a
        constant."""
        memory = [operand for operand in insn.operands if "(" in operand]
        if insn.access() != "LOAD" or len(memory) != 1:
            return False
        if memory[0].endswith("(%rip)"):
            return True
        base = re.match(r"-?(?:0x[0-9a-f]+)?\((%r\d+)\b", memory[0])
        if base is None:
            return False
        register = re.compile(re.escape(base[1]) + r"[dwb]?")
        writers = [
            i
            for i in self.code.values()
            if i.operands and register.fullmatch(i.operands[-1]) and i.mnemonic != "ret"
        ]
        takers = {
            i.addr for i in writers if i.mnemonic == "lea" and i.operands[0].endswith("(%rip)")
        }
        return bool(takers) and all(
            i.addr in takers or insn.addr not in self.reachable([i.end], stops=takers)
            for i in writers
        )

    def constants(self) -> Iterator[tuple[Instruction, int]]:
        """Each LEA or load of a %rip-relative address, with that address."""
        for insn in self.code.values():
            for operand in insn.operands:
                distance = re.fullmatch(r"(-?0x[0-9a-f]+)\(%rip\)", operand)
                if distance is not None:
                    yield insn, insn.end + int(distance[1], 16)

    def stops(self) -> list[Instruction]:
        """Every jump to the common end of engines that a fault has stopped."""
        return [
            insn
            for insn in self.code.values()
            if insn.is_jump and any(stop in insn.operands[0] for stop in STOPS)
        ]

    def stores_result(self, insn: Instruction) -> bool:
        """Whether it stores a result where the caller wants it: the argument is as it was."""
        if insn.access() != "STORE":
            return False
        for prefix, argument, offsets in RESULTS:
            place = re.fullmatch(rf"(0x[0-9a-f]+)?\(%r{argument}\)", insn.operands[-1])
            if place and self.name.startswith(prefix) and int(place[1] or "0", 16) in offsets:
                register = re.compile(rf"%[re]?{argument}|%{argument[0]}[lh]")
                return not any(
                    insn.addr in self.reachable([i.end], faults=True)
                    for i in self.code.values()
                    if i.operands and register.fullmatch(i.operands[-1])
                )
        return False


def _check_access(function: Function, insn: Instruction, layout: Layout) -> Iterator[str]:
    """Check one access: exactly one row, of its kind."""
    access = insn.access()
    rows = [row for row in function.rows if row.insn == insn.addr]
    if access is None:
        if rows:
            yield f"{function.name}: {insn}: a row, but no access to memory"
    elif len(rows) != 1:
        yield f"{function.name}: {insn}: {len(rows)} rows instead of one"
    elif rows[0].kind != layout.kinds.get(access):
        yield f"{function.name}: {insn}: kind {rows[0].kind} instead of {access}"


def _check_stops(function: Function) -> Iterator[str]:
    """Check that the record is written after a fault, and at no other time."""
    normal = function.reachable([function.entry])
    fixups = [row.fixup for row in function.rows]
    for stop in function.stops():
        if stop.addr in normal:
            yield f"{function.name}: {stop}: a record that is written without a fault"
        if stop.addr not in function.reachable(fixups):
            yield f"{function.name}: {stop}: a record that no fault leads to"
    for fixup in sorted(set(fixups)):
        if fixup in normal:
            yield f"{function.name}: fixup {fixup:#x}: runs without a fault too"
            continue
        ways = function.reachable([fixup], stops=normal, faults=True)
        if not any(stop.addr in ways for stop in function.stops()):
            yield f"{function.name}: fixup {fixup:#x}: never writes a record"


def check_function(function: Function, layout: Layout) -> Iterator[str]:
    """Everything about one engine that is wrong."""
    for insn in function.code.values():
        if function.rows and insn.uses_stack_pointer and not insn.is_in_red_zone:
            yield f"{function.name}: {insn}: an engine must leave the stack alone"
        if insn.is_in_red_zone:
            if any(row.insn == insn.addr for row in function.rows):
                yield f"{function.name}: {insn}: a row for the red zone"
        elif function.reads_constant(insn):
            if any(row.insn == insn.addr for row in function.rows):
                yield f"{function.name}: {insn}: a row for a constant"
        elif function.stores_result(insn):
            if any(row.insn == insn.addr for row in function.rows):
                yield f"{function.name}: {insn}: a row for a result"
        else:
            yield from _check_access(function, insn, layout)
    for row in function.rows:
        if row.insn not in function:
            yield f"{function.name}: row {row.insn:#x}: in the middle of an instruction"
        if row.fixup not in function:
            yield f"{function.name}: row {row.insn:#x}: its fixup {row.fixup:#x} is elsewhere"
    yield from _check_stops(function)


def check_front(name: str, code: Iterable[Instruction]) -> Iterator[str]:
    """Everything that is wrong about the beginning of a function that goes on as an engine ("front"
    of asm.h). It may touch its limit only, and must not change the stack."""
    for insn in code:
        limit = insn.mnemonic == "cmp" and insn.operands[0].endswith("(%rip)")
        if insn.uses_stack_pointer or not (insn.access() is None or limit):
            yield f"{name}: {insn}: more than a limit"
        if not insn.falls_through:
            yield f"{name}: {insn}: does not go on as the engine"


def is_constant(file: elf.File, addr: int) -> bool:
    """Whether it is in a section that is loaded and cannot be written, or in mcsafe__route."""
    return any(
        symbol.value <= addr < symbol.value + symbol.size
        for symbol in file.symbols
        if symbol.name == ROUTE
    ) or any(
        section.flags & elf.SHF_ALLOC
        and not section.flags & elf.SHF_WRITE
        and section.addr <= addr < section.addr + len(section.data)
        for section in file.sections
    )


@dataclass(frozen=True)
class Tools:
    """The two programs that know instructions."""

    objdump: str
    capstone: Path  # list_instructions.c


def check(path: Path, engines: set[str], tools: Tools, layout: Layout) -> list[str]:
    """Everything about the table of a linked file that is wrong."""
    file = elf.File.read(path)
    rows = table(file)
    problems = []
    if not rows:
        problems.append("no rows at all")
    for row, following in zip(rows, rows[1:], strict=False):
        if row.insn >= following.insn:
            problems.append(f"row {following.insn:#x} does not ascend")
    spans = {
        symbol.name: (symbol.value, symbol.value + symbol.size)
        for symbol in file.symbols
        if symbol.name in engines and symbol.defined
    }
    for row in rows:
        if not any(start <= row.insn < end for start, end in spans.values()):
            problems.append(f"row {row.insn:#x}: not in an engine")
    known = levels.ask(tools.capstone, file, spans.values())
    for name, code in disassembly.functions(tools.objdump, path, spans).items():
        function = Function(name, code, rows)
        problems.extend(check_function(function, layout))
        problems.extend(levels.check(name, code, known))
        problems.extend(
            f"{name}: {insn}: a constant that can be written"
            for insn, addr in function.constants()
            if not is_constant(file, addr)
        )
    return problems
