# SPDX-License-Identifier: BSD-3-Clause
"""test_line_table.py - a debugger or profiler finds the source line of an assembly instruction.

A macro that holds a function, or a phase of one, is a single line for all of its instructions. A
file that is included keeps its lines.
"""

import re
import subprocess
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import built

# The most bytes that one line may stand for: an instruction and the padding after it, or a small
# macro. With MCSAFE_DEBUG a check of some 36 bytes comes before each access, and a small macro may
# hold two accesses.
LONG_LINE = 128 if built.DEBUG else 63 + 8

# At most this share of an object's code may be on longer lines.
LIMIT = 0.10

ROW = re.compile(r"(\S+) +(\d+|-) +(0x[0-9a-f]+|0)( .*)?")


def bytes_of_lines(path: Path) -> Counter[tuple[str, int]]:
    """Return how many bytes of code each line of source stands for, by file and line."""
    listing = subprocess.run(
        [built.OBJDUMP, "--dwarf=decodedline", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found: Counter[tuple[str, int]] = Counter()
    before: tuple[tuple[str, int], int] | None = None
    for text in listing.splitlines():
        match = ROW.fullmatch(text.rstrip())
        if match is None:
            continue
        addr = int(match[3], 16)
        if before is not None:
            found[before[0]] += addr - before[1]
        before = None if match[2] == "-" else ((match[1], int(match[2])), addr)
    return found


def code_size(path: Path) -> int:
    """The bytes of code of an object."""
    file = built.elf.File.read(path)
    return sum(len(s.data) for s in file.sections if s.flags & built.elf.SHF_EXECINSTR)


def problem(path: Path) -> str | None:
    """Return what is wrong with the line table of an object. Prints the share of the long lines."""
    lines, size = bytes_of_lines(path), code_size(path)
    if sum(lines.values()) != size:
        return f"{path.name}: {size - sum(lines.values())} bytes of code have no line"
    long = {line: count for line, count in lines.items() if count > LONG_LINE}
    share = sum(long.values()) / size
    print(f"{path.name}: {share:.0%} of {size} bytes of code are on long lines")
    return f"{path.name}: bytes on long lines: {long}" if share > LIMIT else None


def problem_of(source: str, *flags: str) -> str | None:
    """Assemble a source, and return what is wrong with its line table."""
    with tempfile.TemporaryDirectory() as directory:
        assembly, file = Path(directory, "source.S"), Path(directory, "source.S.o")
        assembly.write_text(source)
        subprocess.run([built.CC, "-c", *flags, "-o", file, assembly], check=True)
        return problem(file)


class Checker(unittest.TestCase):
    """The checker is trusted only if it finds what is wrong."""

    def test_it_accepts_a_line_for_each_instruction(self) -> None:
        self.assertIsNone(problem_of("	nop\n" * 200, "-g"))

    def test_it_finds_a_long_macro(self) -> None:
        macro = ".macro all\n" + "	nop\n" * 200 + ".endm\n	all\n"
        # clang gives the path, gcc the name of the file.
        self.assertRegex(str(problem_of(macro, "-g")), r"source\.S', 203\): 200")

    def test_it_finds_that_there_is_no_line_table(self) -> None:
        self.assertIn("200 bytes of code have no line", str(problem_of("	nop\n" * 200)))


class LineTable(unittest.TestCase):
    """Every object that is made from assembly."""

    def test_few_bytes_are_on_long_lines(self) -> None:
        paths = [path for path in built.paths("MCSAFE_OBJECTS") if path.name.endswith(".S.o")]
        self.assertNotEqual(paths, [])
        for path in paths:
            with self.subTest(path.name):
                self.assertIsNone(problem(path))


if __name__ == "__main__":
    unittest.main()
