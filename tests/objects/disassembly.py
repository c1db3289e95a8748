# SPDX-License-Identifier: BSD-3-Clause
"""disassembly.py - instructions as objdump prints them, and their effect on memory and control
flow."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Words that objdump prints before a mnemonic.
PREFIXES = {"rep", "repz", "repnz", "lock", "notrack", "bnd", "data16", "cs", "ds", "es", "rex.W"}

# A memory operand that is not accessed, or cannot fault.
NO_ACCESS = re.compile(r"lea|nop|prefetch")

WRITE_BACK = {"clflush", "clflushopt", "clwb"}
READ_ONLY = re.compile(r"cmp[bwlq]?|test[bwlq]?")
# These write whether the words differ or not, so their memory must be writable.
EXCHANGES = re.compile(r"(xchg|cmpxchg)[bwlq]?")
MOVES = re.compile(r"v?mov.*|vextracti128")


class UnknownInstruction(Exception):
    """There is no rule here for the effect of an instruction. Somebody must write one."""


@dataclass(frozen=True)
class Instruction:
    """One instruction, in AT&T syntax."""

    addr: int
    mnemonic: str
    operands: tuple[str, ...]
    end: int  # the address past its end

    def __str__(self) -> str:
        return f"{self.addr:#x}: {self.mnemonic} {','.join(self.operands)}"

    @property
    def is_jump(self) -> bool:
        """Whether it may jump elsewhere and does not return."""
        return self.mnemonic.startswith("j")

    @property
    def falls_through(self) -> bool:
        """Whether the next instruction in memory can run after this one."""
        return not re.fullmatch(r"jmpq?|retq?|ud2|hlt", self.mnemonic)

    @property
    def target(self) -> int:
        """Where a direct jump goes."""
        match = re.match(r"(?:0x)?([0-9a-f]+) <", self.operands[0])
        if match is None:
            raise UnknownInstruction(f"{self}: an indirect jump")
        return int(match[1], 16)

    @property
    def uses_stack_pointer(self) -> bool:
        """Whether %rsp is an operand or is moved. call and ret together move it back."""
        return bool(re.match(r"push|pop|leave|enter", self.mnemonic)) or any(
            "%rsp" in operand for operand in self.operands
        )

    @property
    def is_in_red_zone(self) -> bool:
        """Whether it uses the stack pointer for nothing but an operand, or the address of one, in
        the 128 bytes below it. The last 8 of them are left out: a call writes over them."""
        places = [operand for operand in self.operands if "%rsp" in operand]
        matches = [re.fullmatch(r"-0x([0-9a-f]+)\(%rsp(,%\w+(,1)?)?\)", place) for place in places]
        return bool(places) and all(match and 8 < int(match[1], 16) <= 128 for match in matches)

    def access(self) -> str | None:
        """LOAD, STORE, BOTH (of a string move), or None. The names are those of MCSAFE_ROW_*."""
        if self.is_jump or self.mnemonic in ("call", "callq"):
            if self.operands[0].startswith("*"):
                raise UnknownInstruction(f"{self}: an indirect branch")
            return None
        memory = [_is_memory(operand) for operand in self.operands]
        if not any(memory) or NO_ACCESS.match(self.mnemonic):
            return None
        if self.mnemonic in WRITE_BACK or self.mnemonic.startswith("stos"):
            return "STORE"
        if EXCHANGES.fullmatch(self.mnemonic) and memory[-1]:
            return "STORE"
        if MOVES.fullmatch(self.mnemonic):
            if all(memory):
                return "BOTH"
            return "STORE" if memory[-1] else "LOAD"
        if READ_ONLY.fullmatch(self.mnemonic) or not memory[-1]:
            return "LOAD"
        raise UnknownInstruction(f"{self}: reads and writes memory")


def _is_memory(operand: str) -> bool:
    """Whether the operand is neither an immediate nor a register."""
    return "(" in operand or ":" in operand or not operand.startswith(("$", "%"))


def _operands(text: str) -> tuple[str, ...]:
    """Split at the commas that are not in parentheses."""
    return tuple(part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip())


def _instruction(addr: int, text: str, end: int) -> Instruction:
    words = text.split("#")[0].split()
    while len(words) > 1 and words[0] in PREFIXES:
        words.pop(0)
    if words[0].startswith("j") or words[0].startswith("call"):
        return Instruction(addr, words[0], (" ".join(words[1:]),), end)
    return Instruction(addr, words[0], _operands(" ".join(words[1:])), end)


def functions(
    objdump: str, path: str | Path, wanted: Mapping[str, tuple[int, int]]
) -> dict[str, list[Instruction]]:
    """Disassemble the functions that `wanted` names: start and end address of each."""
    listing = subprocess.run(
        [objdump, "-d", "-w", "--no-show-raw-insn", "-M", "att", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [
        (int(match[1], 16), match[2])
        for match in re.finditer(r"^ *([0-9a-f]+):\t(.*)$", listing, re.M)
    ]
    found: dict[str, list[Instruction]] = {}
    for name, (start, end) in wanted.items():
        inside = [(addr, text) for addr, text in lines if start <= addr < end]
        ends = [addr for addr, _ in inside[1:]] + [end]
        found[name] = [
            _instruction(addr, text, end)
            for (addr, text), end in zip(inside, ends, strict=True)
        ]
    return found
