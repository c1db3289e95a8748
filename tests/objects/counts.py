# SPDX-License-Identifier: BSD-3-Clause
"""counts.py - execute a copy symbolically, and check each path's bytes, lines and count

What is executed is the disassembly of a source of asm/. The bytes of the source are names, and the
bases of both operands are symbols: the source's a multiple of 64, the destination's any address. So
a path stands for all contents and for all addresses with one remainder. Each access with a row goes
both ways: it succeeds, or it fails and control is at the fixup. A branch goes both ways unless what
is known decides it. An instruction without a rule here is an error.

The number of bytes is one number, or an interval. Over an interval, a backward jump ends the path
once the place has been seen in the same state: the position is then counted from there on, so a
loop is checked for any number of turns.

Checked on each path, with the rules of docs/architecture.md:

	C2	exactly the first n - r bytes of the destination are stored, each with its own byte
	C3	no load crosses a line, and each line that is read holds a byte of the source
	C4, C5	the count ends at the operand of the access that failed, or where the copy begins. A
		line that fails when it is read once more may have been copied before
	C6	nothing is loaded after a load has failed
	C8, C11	a stop finds the operands, the record and the last fault in their registers; no
		register of the caller is changed
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

MANY = (1 << 64) - 1
LANES = ".rodata.mcsafe_lanes"
GENERAL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
           *(f"r{i}" for i in range(8, 16)))  # fmt: skip
KEPT = {"rbx", "rsp", "rbp", "r12", "r13", "r14", "r15"}  # the caller's


class Wrong(Exception):
    """A path breaks a rule."""


class Unknown(Exception):
    """There is no rule here for an instruction. Somebody must write one."""


# ---- values ----------------------------------------------------------------------------------


class Linear(NamedTuple):
    """base * factor + offset; only the lower `bits` count."""

    base: str
    factor: int
    offset: int
    bits: int = 64


class Bytes(NamedTuple):
    """The bytes of a vector, or of a word that was loaded: each a number, a Linear or a name."""

    lanes: tuple


# A number, a symbol, bytes, or None: not known.
Value = int | Linear | Bytes | None

ALIGNED = {"src": 64, "lanes": 64}


def low(value: Value, size: int) -> Value:
    """The lower `size` bytes."""
    if isinstance(value, int):
        return value & ((1 << 8 * size) - 1)
    if isinstance(value, Linear):
        return value if value.bits <= 8 * size else value._replace(bits=8 * size)
    if isinstance(value, Bytes):
        return Bytes(value.lanes[:size])
    return None


def add(a: Value, b: Value, sign: int = 1) -> Value:
    """a + b, or a - b."""
    if isinstance(a, int) and isinstance(b, int):
        return (a + sign * b) & MANY
    if isinstance(a, Linear) and isinstance(b, int):
        return a._replace(offset=a.offset + sign * _signed(b))
    if isinstance(a, int) and isinstance(b, Linear):
        return b._replace(factor=sign * b.factor, offset=_signed(a) + sign * b.offset)
    if isinstance(a, Linear) and isinstance(b, Linear):
        if a.base == b.base and a.factor + sign * b.factor == 0 and a.bits == b.bits == 64:
            return (a.offset + sign * b.offset) & MANY
    return None


def both(a: Value, b: Value, size: int) -> Value:
    """a & b."""
    if isinstance(b, int) and not isinstance(a, int):
        a, b = b, a
    if not isinstance(a, int):
        return a if a == b else None
    if isinstance(b, int):
        return a & b
    if isinstance(b, Bytes):
        return both(a, b.lanes[0], size) if a < 256 else None
    if isinstance(b, Linear):
        unit = ALIGNED.get(b.base, 1)
        if a < unit and a < 1 << b.bits:
            return b.offset & a
        if b.factor == 1 and b.bits == 64 and MANY - a < unit and size == 8:
            return b._replace(offset=_signed(b.offset & a & MANY))
    return None


def _signed(number: int, bits: int = 64) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


# ---- the disassembly -------------------------------------------------------------------------


def _registers() -> dict[str, tuple[str, int]]:
    names = {}
    for name in GENERAL:
        names[name] = (name, 8)
        if name[1:].isdigit():
            names |= {name + "d": (name, 4), name + "w": (name, 2), name + "b": (name, 1)}
        else:
            names |= {"e" + name[1:]: (name, 4), name[1:]: (name, 2)}
            names[name[1] + "l" if name[2] == "x" else name[1:] + "l"] = (name, 1)
    return names


NAMES = _registers()


class Memory(NamedTuple):
    """A memory operand."""

    offset: int
    base: str | None
    index: str | None
    scale: int


class Register(NamedTuple):
    """A general register, and the bytes of it that an operand means."""

    name: str
    size: int


class Vector(NamedTuple):
    """A vector register."""

    number: int


@dataclass
class Line:
    """An instruction."""

    at: int
    name: str
    operands: list
    mask: int | None  # of the last operand
    target: int | str | None
    text: str


def _operand(text: str, symbol: str, addend: int) -> int | Memory | Register | Vector | str:
    if text.startswith("$"):
        return int(text[1:], 0) & MANY
    if text.startswith("%") and text[1:] in NAMES:
        return Register(*NAMES[text[1:]])
    match = re.fullmatch(r"%([xz])mm(\d+)", text)
    if match is not None:
        if int(match[2]) < 16:
            raise Unknown(f"{text}: its upper half is not followed here")
        return Vector(int(match[2]))
    match = re.fullmatch(r"(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+)(?:,(\d))?)?\)", text)
    if match is None:
        return text
    offset = int(match[1] or "0", 16)
    if match[2] == "%rip":
        # Counted from the end of the instruction, which is 4 bytes after the place.
        return Memory(addend + 4, symbol, None, 1)
    return Memory(offset, match[2] and NAMES[match[2][1:]][0], match[3] and NAMES[match[3][1:]][0],
                  int(match[4] or "1"))  # fmt: skip


def _line(at: int, text: str) -> Line:
    moved = re.search(r"R_X86_64_\w+\s+([\w.]+?)([+-]0x[0-9a-f]+)?$", text)
    words = re.split(r"\s+[#<]|\t[0-9a-f]+: R_", text)[0].split(None, 1)
    told = " ".join(words)
    if words[0] in ("cs", "data16", "nop", "nopw", "nopl"):
        return Line(at, "nop", [], None, None, told)
    symbol = moved[1] if moved else ""
    if words[0].startswith("j"):
        return Line(at, words[0], [], None, symbol or int(words[1], 16), told)
    parts = re.split(r",(?![^(]*\))", words[1]) if len(words) > 1 else []
    mask = re.fullmatch(r"(.*)\{%k([1-7])\}", parts[-1]) if parts else None
    if mask is not None:
        parts[-1] = mask[1]
    addend = int(moved[2], 16) if moved and moved[2] else 0
    operands = [_operand(part, symbol, addend) for part in parts]
    return Line(at, words[0], operands, int(mask[2]) if mask else None, None, told)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


class Routine:
    """A source of asm/, assembled and read back."""

    def __init__(self, source: Path, cc: str, include: list[Path], objdump: str) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            built = str(Path(scratch) / "routine.o")
            subprocess.run([cc, "-c", "-D_GNU_SOURCE",
                            *(f"-I{path}" for path in include), "-o", built, str(source)],
                           check=True)  # fmt: skip
            listing = _run(objdump, "-d", "-w", "-r", "--no-show-raw-insn", "-j", ".text", built)
            rows = _run(objdump, "-r", "-j", "mcsafe_extable", built)
            data = _run(objdump, "-s", "-j", LANES, built) if LANES in listing else ""
        lines = [_line(int(at, 16), text)
                 for at, text in re.findall(r"^ *([0-9a-f]+):\t(.*)$", listing, re.M)]  # fmt: skip
        self.lines = {line.at: line for line in lines}
        self.after = {a.at: b.at for a, b in zip(lines, lines[1:], strict=False)}
        named = re.findall(r"^([0-9a-f]+) <(\w+)>:$", listing, re.M)
        self.entries = {name: int(at, 16) for at, name in named}
        places = [(int(at, 16), int(value, 16)) for at, value in re.findall(
            r"^([0-9a-f]+) R_X86_64_PC32 +\.text\+0x([0-9a-f]+)", rows, re.M)]  # fmt: skip
        if any(at != 12 * (i // 2) + 4 * (i % 2) for i, (at, _) in enumerate(places)):
            raise Unknown(f"{source}: rows")
        values = [value for _, value in places]
        self.fixups = dict(zip(values[::2], values[1::2], strict=True))
        # The second word of `objdump -s` and on, up to the column of characters.
        found = re.findall(r"^ [0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})", data, re.M)
        self.lanes = bytes.fromhex("".join("".join(part.split()) for part in found))


# ---- states ----------------------------------------------------------------------------------


@dataclass
class State:
    """A path so far."""

    at: int
    registers: dict
    vectors: dict
    masks: dict
    flags: tuple  # operation, result or operands, size
    fewest: int  # bytes that are left where the path begins, at least
    most: int
    stored: int  # a bit for each byte of the destination, from where the path begins
    read: int  # a bit for each line of the source, from the line on in which the path begins
    loads: bool  # whether a load may follow
    fault: tuple | None  # the last one: its number, side, and operand: where, how many bytes

    def copy(self) -> "State":
        """Another path that goes on from here."""
        return replace(self, registers=self.registers.copy(), vectors=self.vectors.copy(),
                       masks=self.masks.copy())  # fmt: skip


class Execution:
    """All paths of a routine for one class of copies: remainder of the source, and length."""

    def __init__(
        self, routine: Routine, entry: str, remainder: int, fewest: int, most: int
    ) -> None:
        self.routine = routine
        self.src = Linear("src", 1, remainder)
        self.exact = fewest == most
        self.paths = 0
        self.seen: set = set()  # states in which paths begin
        self.later: list[tuple[int, State]] = []  # such paths, with the remainder of the source
        self.todo = [self.begin(routine.entries[entry], remainder, fewest, most)]

    def begin(self, at: int, remainder: int, fewest: int, most: int) -> State:
        """A state in which all bytes before the destination are stored."""
        left = fewest if self.exact else Linear("left", 1, 0)
        registers: dict = dict.fromkeys(GENERAL)
        registers |= {"rdi": Linear("dst", 1, 0), "rsi": Linear("src", 1, remainder), "rdx": left,
                      "rcx": Linear("record", 1, 0), "rsp": Linear("stack", 1, 0)}  # fmt: skip
        return State(at, registers, {}, {}, ("unknown",), fewest, most, 0, 0, True, None)

    # ---- checks ------------------------------------------------------------------------------

    def wrong(self, state: State, what: str) -> Wrong:
        """A broken rule."""
        line = self.routine.lines[state.at]
        return Wrong(f"{what}, at {state.at:#x}: {line.text}; source mod 64 = {self.src.offset}, "
                     f"{state.fewest} to {state.most} bytes")  # fmt: skip

    def done(self, state: State) -> int:
        """The bytes before the place where the registers stand, and only they, are stored."""
        dst, src, left = (state.registers[name] for name in ("rdi", "rsi", "rdx"))
        if not isinstance(dst, Linear) or dst.base != "dst" or dst.factor != 1 or dst.bits != 64:
            raise self.wrong(state, "%rdi is not in the destination")
        done = dst.offset
        if src != add(self.src, done & MANY) or left != self.left_after(state, done):
            raise self.wrong(state, "%rsi, %rdi and %rdx do not belong together")
        self.check_stored(state, done)
        return done

    def left_after(self, state: State, done: int) -> Value:
        """What is left after some bytes."""
        return state.fewest - done if self.exact else Linear("left", 1, -done)

    def check_stored(self, state: State, done: int) -> None:
        """C2: the bytes before one, and only they."""
        if not 0 <= done <= state.fewest or state.stored != (1 << done) - 1:
            raise self.wrong(state, f"what is stored is not the first {done} bytes")

    def at_return(self, state: State) -> None:
        """The copy is complete."""
        if state.registers["rax"] != 0 and not self.is_zero(state, state.registers["rax"]):
            raise self.wrong(state, "returns other than 0, but not by a stop")
        if state.fewest != state.most:
            raise self.wrong(state, "returns 0, whatever was left")
        self.check_stored(state, state.fewest)
        self.paths += 1

    def is_zero(self, state: State, value: Value) -> bool:
        """Whether a count must be 0."""
        return (isinstance(value, Linear) and value[:2] == ("left", 1) and value.bits == 64
                and state.fewest == state.most == -value.offset)  # fmt: skip

    def at_stop(self, state: State) -> None:
        """A fault has ended the copy."""
        registers, fault = state.registers, state.fault
        done = self.done(state)
        if fault is None:
            raise self.wrong(state, "stops without a fault")
        number, side, operand, size = fault
        if registers["rax"] != registers["rdx"] or done >= state.fewest:
            raise self.wrong(state, "the result is not the number of bytes that are left")
        if registers["rcx"] != Linear("record", 1, 0):
            raise self.wrong(state, "the record is lost")
        if [registers[name] for name in ("r10", "r11")] != [
                Linear(f"{name}{number}", 1, 0) for name in ("ip", "facts")]:  # fmt: skip
            raise self.wrong(state, "the last fault is lost")
        if registers["r9"] != Linear(f"addr{number}", 1, 0) and (
                side != "load" or registers["r9"] != registers["rsi"]):  # fmt: skip
            raise self.wrong(state, "the address of the last fault is lost")
        begins = max(operand, self.src.offset) - self.src.offset if side == "load" else operand
        was_read = side == "load" and state.read >> operand // 64 & 1
        if done < begins or (done > begins and not was_read):
            raise self.wrong(state, f"{done} bytes before a fault at byte {begins}")
        if side == "store" and size != 1:
            raise self.wrong(state, "the byte that cannot be written is not looked for")
        self.paths += 1

    # ---- operands ----------------------------------------------------------------------------

    def address(self, state: State, operand: Memory) -> Linear:
        """Where a memory operand is."""
        if operand.base == LANES:
            return Linear("lanes", 1, operand.offset - 64)
        value: Value = operand.offset & MANY
        if operand.base:
            value = add(state.registers[operand.base], value)
        if operand.index:
            if operand.scale != 1:
                raise Unknown("a scale")
            value = add(value, state.registers[operand.index])
        return value  # type: ignore[return-value]

    def get(self, state: State, operand: object) -> Value:
        """The value of a register or a constant."""
        if isinstance(operand, Register):
            return low(state.registers[operand.name], operand.size)
        if isinstance(operand, int):
            return operand
        raise Unknown(self.routine.lines[state.at].text)

    def put(self, state: State, operand: object, value: Value) -> None:
        """Change a general register."""
        if not isinstance(operand, Register):
            raise Unknown(self.routine.lines[state.at].text)
        if operand.name in KEPT:
            raise self.wrong(state, f"%{operand.name} of the caller is changed")
        # What a smaller operand leaves of the register is not followed.
        state.registers[operand.name] = low(value, operand.size)

    # ---- memory ------------------------------------------------------------------------------

    def load(self, state: State, operand: Memory, size: int) -> tuple:
        """The bytes at an operand. An access that may fail has its other path noted."""
        at = self.address(state, operand)
        if not isinstance(at, Linear) or at.factor != 1 or at.bits != 64:
            raise self.wrong(state, "a load from an unknown place")
        if at.base == "lanes":
            first = at.offset + 64
            if not 0 <= first <= len(self.routine.lanes) - size:
                raise self.wrong(state, "a load next to the constants")
            return tuple(self.routine.lanes[first : first + size])
        if at.base != "src":
            raise self.wrong(state, f"a load from {at.base}")
        if state.at not in self.routine.fixups:
            raise self.wrong(state, "a load without a row")
        line = at.offset & ~63
        if at.offset - line + size > 64:
            raise self.wrong(state, "a load crosses a line")
        if line + 64 <= self.src.offset or line >= self.src.offset + state.fewest:
            raise self.wrong(state, "a load of a line without a byte of the source")
        if not state.loads:
            raise self.wrong(state, "a load after a load has failed")
        self.fail(state, "load", at.offset, size)
        state.read |= 1 << line // 64
        return tuple(("byte", at.offset + i) for i in range(size))

    def store(self, state: State, operand: Memory, lanes: tuple, mask: int) -> None:
        """Store the bytes of a mask."""
        if mask == 0:
            return
        at = self.address(state, operand)
        if not isinstance(at, Linear) or at.base != "dst" or at.factor != 1 or at.bits != 64:
            raise self.wrong(state, "a store to an unknown place")
        if state.at not in self.routine.fixups:
            raise self.wrong(state, "a store without a row")
        lowest = (mask & -mask).bit_length() - 1
        if at.offset + lowest < 0 or at.offset + mask.bit_length() > state.fewest:
            raise self.wrong(state, "a store outside the destination")
        self.fail(state, "store", at.offset + lowest, mask.bit_count())
        delta = self.src.offset + at.offset
        for i in range(lowest, mask.bit_length()):
            if mask >> i & 1 and lanes[i] != ("byte", delta + i):
                raise self.wrong(state, f"byte {at.offset + i} is stored as {lanes[i]}")
        state.stored |= mask << at.offset if at.offset >= 0 else mask >> -at.offset

    def fail(self, state: State, side: str, operand: int, size: int) -> None:
        """Note the path on which the access of an instruction fails."""
        failed = state.copy()
        number = (state.fault[0] if state.fault else 0) + 1
        failed.fault = (number, side, operand, size)
        failed.loads &= side == "store"
        for name, what in (("r9", "addr"), ("r10", "ip"), ("r11", "facts")):
            failed.registers[name] = Linear(f"{what}{number}", 1, 0)
        failed.at = self.routine.fixups[state.at]
        self.todo.append(failed)

    # ---- instructions ------------------------------------------------------------------------

    def step(self, state: State, line: Line) -> None:
        """Execute an instruction that is no jump."""
        name, operands = line.name, line.operands
        if name.startswith("v"):
            self.step_vector(state, line)
        elif name == "lea":
            self.put(state, operands[1], self.address(state, operands[0]))
        elif name == "mov":
            self.move(state, *operands)
        elif name == "kmovq":
            value = self.get(state, operands[0])
            if not isinstance(value, int):
                raise self.wrong(state, "a mask that is not known")
            state.masks[int(operands[1][2:])] = value
        elif name.startswith("cmov"):
            yes = self.decide(state, name[4:])
            if yes is None:
                raise self.wrong(state, "a condition that is not known")
            self.put(state, operands[1], self.get(state, operands[0 if yes else 1]))
        elif name in ("shrx", "bzhi"):
            count, value = self.get(state, operands[0]), self.get(state, operands[1])
            count = both(count, 63 if name == "shrx" else 255, 8)
            if not isinstance(count, int) or not isinstance(value, int):
                raise self.wrong(state, f"{name} of what is not known")
            result = value >> count if name == "shrx" else value & ((1 << count) - 1)
            self.put(state, operands[2], result)
            if name == "bzhi":
                state.flags = ("unknown",)
        elif name not in ("nop", "endbr64"):
            self.arithmetic(state, name, operands)

    def move(self, state: State, source: object, to: object) -> None:
        """MOV: between registers, from memory, to memory."""
        if isinstance(source, Memory) and isinstance(to, Register):
            self.put(state, to, Bytes(self.load(state, source, to.size)))
        elif isinstance(to, Memory) and isinstance(source, Register):
            value = self.get(state, source)
            if not isinstance(value, Bytes):
                raise self.wrong(state, "a store of what was not loaded")
            self.store(state, to, value.lanes, (1 << source.size) - 1)
        else:
            self.put(state, to, self.get(state, source))

    def arithmetic(self, state: State, name: str, operands: list) -> None:
        """Instructions with one or two operands that set the flags."""
        size = operands[-1].size
        to = self.get(state, operands[-1])
        value = low(self.get(state, operands[0]), size) if len(operands) > 1 else 1
        if name in ("sub", "cmp", "neg"):
            left, right = (0, to) if name == "neg" else (to, value)
            result, state.flags = add(left, right, -1), ("sub", left, right, size)
        elif name in ("add", "inc", "dec"):
            result = add(to, value, -1 if name == "dec" else 1)
            state.flags = ("result", low(result, size), size)
        elif name == "xor" and len(operands) == 2 and operands[0] == operands[1]:
            result, state.flags = 0, ("result", 0, size)
        elif name in ("and", "test"):
            result = both(to, value, size)
            state.flags = ("logic", result, size)
        elif name == "or" and isinstance(value, int):
            result = self.either(to, value, size)
            state.flags = ("logic", result, size)
        elif name == "not" and isinstance(to, int):
            result = ~to & MANY
        elif name == "shr" and isinstance(operands[0], int):
            state.flags = ("unknown",)
            result = self.shifted(to, operands[0])
        else:
            raise Unknown(self.routine.lines[state.at].text)
        if name not in ("cmp", "test"):
            self.put(state, operands[-1], result)

    @staticmethod
    def either(value: Value, constant: int, size: int) -> Value:
        """value | constant, where the constant is all ones above the lower 6 bits."""
        if constant == low(MANY, size):
            return constant
        rest = both(value, ~constant & 63, size)
        if isinstance(rest, int) and ~constant & ((1 << 8 * size) - 1) < 64:
            return (constant | rest) & ((1 << 8 * size) - 1)
        return None

    @staticmethod
    def shifted(value: Value, count: int) -> Value:
        """value >> count."""
        if isinstance(value, int):
            return value >> count
        if isinstance(value, Bytes) and count % 8 == 0:
            return Bytes(value.lanes[count // 8 :] + (0,) * (count // 8))
        return None

    def step_vector(self, state: State, line: Line) -> None:
        """Instructions on vectors."""
        name, operands = line.name, line.operands
        to = operands[-1]
        mask = state.masks[line.mask] if line.mask is not None else MANY
        if isinstance(to, Memory):
            if name not in ("vmovdqu8", "vmovdqu64") or (mask != MANY and name != "vmovdqu8"):
                raise Unknown(line.text)
            self.store(state, to, state.vectors[operands[0].number], mask)
            return
        if name in ("vmovd", "vmovq"):
            if isinstance(to, Vector):
                value = self.get(state, operands[0])
                state.vectors[to.number] = tuple(("part", value, i) for i in range(8)) + (0,) * 56
            else:
                self.put(state, to, self.word(state.vectors[operands[0].number], to.size))
            return
        old = state.vectors.get(to.number, (None,) * 64)
        if name == "vpbroadcastb":
            state.vectors[to.number] = (low(self.get(state, operands[0]), 1),) * 64
            return
        # With a mask or without, VPERMB loads, and faults for, the whole operand.
        value = (self.load(state, operands[0], 64) if isinstance(operands[0], Memory)
                 else state.vectors[operands[0].number])  # fmt: skip
        if name == "vpaddb":
            other = state.vectors[operands[1].number]
            new = [low(add(a, b), 1) for a, b in zip(value, other, strict=True)]
        elif name == "vpermb":
            indices = state.vectors[operands[1].number]
            new = [value[both(index, 63, 1)] for index in indices]
        elif name == "vpblendmb":
            other = state.vectors[operands[1].number]
            new, old = value, other
        elif name in ("vmovdqu64", "vmovdqa64") and line.mask is None:
            new = value
        else:
            raise Unknown(line.text)
        if mask != MANY:
            new = [a if mask >> i & 1 else b for i, (a, b) in enumerate(zip(new, old, strict=True))]
        state.vectors[to.number] = tuple(new)

    @staticmethod
    def word(lanes: tuple, size: int) -> Value:
        """The lower bytes of a vector."""
        first = lanes[0]
        if isinstance(first, tuple) and first[0] == "part" and size == 8:
            whole = all(lanes[i] == ("part", first[1], i) for i in range(8))
            return first[1] if whole else None
        return Bytes(lanes[:size])

    # ---- branches ----------------------------------------------------------------------------

    def decide(self, state: State, condition: str) -> bool | None:
        """Whether a condition holds; None: it may or may not."""
        kind = state.flags[0]
        if kind == "sub":
            _, a, b, size = state.flags
            if isinstance(a, int) and isinstance(b, int):
                a, b = low(a, size), low(b, size)
                signed = _signed(a, 8 * size), _signed(b, 8 * size)
                return {"e": a == b, "ne": a != b, "b": a < b, "ae": a >= b,
                        "a": a > b, "be": a <= b, "l": signed[0] < signed[1],
                        "le": signed[0] <= signed[1],
                        "s": bool((a - b) >> (8 * size - 1) & 1),
                        "ns": not (a - b) >> (8 * size - 1) & 1}[condition]  # fmt: skip
        elif kind in ("result", "logic"):
            _, value, size = state.flags
            if isinstance(value, int):
                sign = bool(value >> (8 * size - 1) & 1)
                told = {"e": value == 0, "ne": value != 0, "s": sign, "ns": not sign}
                if condition in told:
                    return told[condition]
                raise Unknown(f"{condition} after {kind}")
        return None

    def narrow(self, state: State, condition: str) -> list[tuple[bool, int, int]]:
        """The ways that a branch can go: whether it is taken, and the bytes that are left then."""
        yes = self.decide(state, condition)
        if yes is not None:
            return [(yes, state.fewest, state.most)]
        value, limit = None, 0
        if state.flags[0] == "sub":
            value, limit = state.flags[1], state.flags[2]
        elif state.flags[0] in ("result", "logic"):
            value = state.flags[1]
        if not (isinstance(value, Linear) and value.base == "left" and value.bits == 64
                and isinstance(limit, int)):  # fmt: skip
            return [(True, state.fewest, state.most), (False, state.fewest, state.most)]
        if state.fewest + value.offset < 0:
            raise self.wrong(state, "the count wraps around")
        edge = limit - value.offset  # of the bytes that are left where the path begins
        below, same = (state.fewest, min(state.most, edge - 1)), (edge, edge)
        above, past = ((max(state.fewest, least), state.most) for least in (edge, edge + 1))
        ways = {
            "b": [(True, *below), (False, *above)], "ae": [(True, *above), (False, *below)],
            "e": [(True, *same), (False, *past), (False, *below)],
            "ne": [(False, *same), (True, *past), (True, *below)],
            "be": [(True, *below), (True, *same), (False, *past)],
            "a": [(True, *past), (False, *below), (False, *same)],
        }[condition]  # fmt: skip
        return [(taken, least, most) for taken, least, most in ways
                if state.fewest <= least <= most <= state.most]  # fmt: skip

    def goto(self, state: State, at: int) -> Iterator[State]:
        """Go on elsewhere. Over an interval, a backward jump begins a new path."""
        if at > state.at or self.exact:
            state.at = at
            yield state
            return
        done = self.done(state)
        remainder = (self.src.offset + done) & 63
        again = self.begin(at, remainder, state.fewest - done,
                           MANY if state.most == MANY else state.most - done)  # fmt: skip
        again.loads = state.loads
        again.fault = state.fault and (1, state.fault[1], 0, 0)
        moved = self.src.offset + done - remainder
        for name in ("rax", "r8"):
            value = state.registers[name]
            if isinstance(value, Bytes):
                value = Bytes(tuple(("byte", lane[1] - moved) if isinstance(lane, tuple) else lane
                                    for lane in value.lanes))  # fmt: skip
            again.registers[name] = value if isinstance(value, int | Bytes) else None
        key = (at, remainder, again.fewest, again.most, again.loads, again.fault is not None,
               again.registers["rax"], again.registers["r8"])  # fmt: skip
        if key not in self.seen:
            self.seen.add(key)
            self.later.append((remainder, again))
        self.paths += 1

    def follow(self, state: State) -> None:
        """Follow a path to its end. Other ways from its branches are noted."""
        while True:
            line = self.routine.lines[state.at]
            if line.name == "ret":
                self.at_return(state)
                return
            if not line.name.startswith("j"):
                self.step(state, line)
                state.at = self.routine.after[state.at]
                continue
            if isinstance(line.target, str):
                if line.name != "jmp" or line.target != "mcsafe__stop":
                    raise self.wrong(state, f"goes to {line.target}")
                self.at_stop(state)
                return
            ways = [(True, state.fewest, state.most)] if line.name == "jmp" else \
                self.narrow(state, line.name[1:])  # fmt: skip
            following = []
            for taken, fewest, most in ways:
                other = state.copy() if len(ways) > 1 else state
                other.fewest, other.most = fewest, most
                if taken:
                    following += list(self.goto(other, line.target))
                else:
                    other.at = self.routine.after[other.at]
                    following.append(other)
            if not following:
                return
            state = following.pop()
            self.todo += following

    def all(self) -> int:
        """Follow all paths. Returns their number."""
        while True:
            while self.todo:
                self.follow(self.todo.pop())
            if not self.later:
                return self.paths
            remainder, state = self.later.pop()
            self.src = Linear("src", 1, remainder)
            self.todo.append(state)
