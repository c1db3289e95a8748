# SPDX-License-Identifier: BSD-3-Clause
"""levels.py - what libcapstone says of an engine: a second opinion, and the level of the processor.

objdump and libcapstone must agree on where each instruction ends and what it does to memory; and
no instruction may need more of the processor than the engine's name says.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import elf
from disassembly import Instruction

# What every x86-64 has, as libcapstone calls it, but for its vector registers.
INTEGERS = {"cmov"}
SSE2 = INTEGERS | {"fpu", "sse1", "sse2"}
AVX2 = SSE2 | {"avx", "avx2", "bmi", "bmi2"}
# Every processor with AVX-512 has PREFETCHW. On others it does nothing.
AVX512BW = AVX2 | {"avx512", "bwi", "prfchw", "vlx"}
AVX512 = AVX512BW | {"vbmi"}

# By the last part of a function's name. Others may use what every x86-64 has.
LEVELS = {
    "word": INTEGERS,
    "erms": INTEGERS,
    "sse2": SSE2,
    "avx2": AVX2,
    "avx512bw": AVX512BW,
    "avx512": AVX512,
    "clflush": INTEGERS | {"sse2"},
    "clflushopt": INTEGERS | {"clflushopt"},
    "clwb": INTEGERS | {"clwb"},
}


@dataclass(frozen=True)
class Known:
    """What libcapstone says of one instruction."""

    end: int
    access: str | None
    needs: frozenset[str]


def code_of(file: elf.File, start: int, end: int) -> bytes:
    """The bytes at these addresses."""
    for section in file.sections:
        if section.flags & elf.SHF_EXECINSTR and start in range(
            section.addr, section.addr + len(section.data)
        ):
            return section.data[start - section.addr : end - section.addr]
    raise ValueError(f"{start:#x} is not in a section of code")


def ask(tool: Path, file: elf.File, spans: Iterable[tuple[int, int]]) -> dict[int, Known | str]:
    """What libcapstone says of each instruction, or why it says nothing."""
    lines = [f"{start:x} {code_of(file, start, end).hex()}\n" for start, end in spans]
    listing = subprocess.run(
        [tool], input="".join(lines), check=True, capture_output=True, text=True
    ).stdout
    found: dict[int, Known | str] = {}
    for line in listing.splitlines():
        addr, end, *rest = line.split()
        if end == "?":
            found[int(addr, 16)] = " ".join(rest)
        else:
            access = None if rest[0] == "NONE" else rest[0]
            found[int(addr, 16)] = Known(int(end, 16), access, frozenset(rest[1:]))
    return found


def check_level(name: str, insn: Instruction, known: Known) -> Iterator[str]:
    """Whether every processor that the engine is for can run it."""
    level = LEVELS.get(re.split(r"_+", name)[-1], SSE2)
    if known.needs - level:
        yield f"{name}: {insn}: above its level: {' '.join(sorted(known.needs - level))}"


def check(name: str, code: Iterable[Instruction], known: dict[int, Known | str]) -> Iterator[str]:
    """Everything about one engine that is wrong."""
    for insn in code:
        told = known.get(insn.addr, "libcapstone begins its instructions elsewhere")
        if isinstance(told, str):
            yield f"{name}: {insn}: {told}"
            return
        if told.end != insn.end:
            yield f"{name}: {insn}: ends at {insn.end:#x}, or at {told.end:#x} for libcapstone"
        if told.access != insn.access():
            yield f"{name}: {insn}: {insn.access()}, or {told.access} for libcapstone"
        yield from check_level(name, insn, told)
