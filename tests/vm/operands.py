# SPDX-License-Identifier: BSD-3-Clause
"""operands.py - what each instruction of a program reads, from its disassembly."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import Unavailable

LINE = re.compile(r"^\s*([0-9a-f]+):\t(\S.*)$", re.M)
MEMORY = re.compile(r"(?<![\w*])(-?0x[0-9a-f]+)?\((%r\w+)?(?:,(%r\w+),([1248]))?\)")


@dataclass(frozen=True)
class Operand:
    """A memory operand of AT&T syntax, or the source of a string instruction."""

    offset: int = 0
    base: str | None = None
    index: str | None = None
    scale: int = 1
    string: bool = False  # continues to read from there on, %rcx times

    def address(self, registers: Mapping[str, int]) -> int:
        """Return the address of the operand."""
        total = self.offset
        if self.base:
            total += registers[self.base]
        if self.index:
            total += registers[self.index] * self.scale
        return total & (1 << 64) - 1


def parse(text: str) -> Operand | None:
    """Return the memory operand of one disassembled instruction, if it has one."""
    if re.match(r"rep movs", text):
        return Operand(base="rsi", string=True)
    found = MEMORY.search(text)
    if not found:
        return None
    offset, base, index, scale = found.groups()
    return Operand(
        int(offset, 16) if offset else 0,
        base.removeprefix("%") if base else None,
        index.removeprefix("%") if index else None,
        int(scale) if scale else 1,
    )


def listing(text: str) -> dict[int, Operand]:
    """Return the operands in objdump's listing, by address of the instruction."""
    pairs = ((int(address, 16), parse(code)) for address, code in LINE.findall(text))
    return {address: operand for address, operand in pairs if operand}


def of_program(program: Path) -> dict[int, Operand]:
    """Disassemble a program that is linked to a fixed address."""
    try:
        done = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", str(program)],
            check=True,
            text=True,
            capture_output=True,
        )
    except FileNotFoundError:
        raise Unavailable("objdump is not installed (Debian: binutils)") from None
    return listing(done.stdout)
