# SPDX-License-Identifier: BSD-3-Clause
"""test_counts.py - on every path, copies store, load and count what they should (counts.py).

For all lengths and alignments of the classes below. Not followed: longer copies of AVX-512, where
a path depends on the alignment of the destination too and the fixups of one length take minutes;
engines whose registers have a legacy part; REP MOVSB, whose steps are the processor's.
"""

import shutil
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import built
import counts


class Class(NamedTuple):
    """A routine, and the lengths for which its paths are followed."""

    source: str
    entry: str
    lengths: Iterable[tuple[int, int]]  # from, to


WORD = Class("copy_word.S", "mcsafe__copy_word", [(0, counts.MANY)])
SHORT = Class("copy_avx512.S", "mcsafe__copy_avx512", [(n, n) for n in range(65)])
TWO_WINDOWS = Class("copy_avx512.S", "mcsafe__copy_avx512", [(n, n) for n in range(65, 129)])

# The class, the file, and what is changed in it.
BREAKS = [
    (WORD, "copy_word.S", "andl\t$7, steps", "andl\t$3, steps"),
    (WORD, "copy_word.S", "subq\t$8, left", "subq\t$7, left"),
    (WORD, "copy_word.S", "movl\t$8, steps", "movl\t$7, steps"),
    (WORD, "copy_word.S", "shrq\t$8, word", "shrq\t$16, word"),
    (WORD, "copy_word.S", "LOAD(.Lfault_load, 8", "LOAD(.Lfault_store_word, 8"),
    (WORD, "copy_word.S", "STORE(.Lfault_store_word, 8", "STORE(.Lfault_store_byte, 8"),
    (WORD, "copy_word.S", "cmpq\t$8, left\n\tjae", "cmpq\t$7, left\n\tjae"),
    (WORD, "copy_word.S", "jb\t.Ltail\n\tmovl", "jbe\t.Lout\n\tmovl"),
    (WORD, "copy_word.S", "decq\tleft\n\tjnz\t.Ltail_byte", "decq\tleft\n\tnop"),
    (SHORT, "short_avx512.inc", "shrxq\tsrc, %r9", "shrxq\tleft, %r9"),
    (SHORT, "short_avx512.inc", "bzhiq\tleft, %r9", "bzhiq\tsrc, %r9"),
    (SHORT, "short_avx512.inc", "notq\t%r10", "nop"),
    (SHORT, "short_avx512.inc", "leaq\t-1(src,left), %rax", "leaq\t(src,left), %rax"),
    (SHORT, "short_avx512.inc", "andq\t$-64, src", "andq\t$-32, src"),
    (SHORT, "short_avx512.inc", "cmovzq\t%r8, src", "nop"),
    (SHORT, "short_avx512.inc", "(.Lshort_fault_line", "(.Lshort_fault_start"),
    (SHORT, "short_avx512.inc", "(.Lshort_fault_window", "(.Lfault_byte"),
    (SHORT, "windows_avx512.h", "andl\t$63, %eax", "andl\t$31, %eax"),
    (SHORT, "store_bytes_avx512.inc", "lanes+1(%rip)", "lanes+2(%rip)"),
    (SHORT, "store_bytes_avx512.inc", "cmovaq\tleft, %rax", "nop"),
    (SHORT, "store_bytes_avx512.inc", "incq\tsrc", "nop"),
    (SHORT, "fixups_avx512.inc", "kept_fault vmovq, %xmm18", "kept_fault vmovq, %xmm19"),
    (TWO_WINDOWS, "copy_avx512.S", "64(src,back)", "63(src,back)"),
    (TWO_WINDOWS, "copy_avx512.S", "%zmm17, 64(dst)", "%zmm17, 65(dst)"),
    (TWO_WINDOWS, "copy_avx512.S", "LOAD_ROTATED(.Lfault_line_1, %zmm18, (%rax))",
     "LOAD_ROTATED(.Lfault_line_0, %zmm18, (%rax))"),
    (TWO_WINDOWS, "windows_avx512.h", "negl\t%r10d", "nop"),
    (TWO_WINDOWS, "windows_avx512.h", "vpblendmb \\lo, \\hi", "vpblendmb \\hi, \\lo"),
]  # fmt: skip


def follow(assembly: Path, each: Class) -> int:
    """Follow all paths of a class. Returns their number."""
    include = [assembly, built.SOURCE / "include", built.SOURCE / "src"]
    source = assembly / "x86_64" / each.source
    routine = counts.Routine(source, built.CC, include, built.OBJDUMP)
    return sum(
        counts.Execution(routine, each.entry, remainder, fewest, most).all()
        for fewest, most in each.lengths
        for remainder in range(64)
    )


class Counts(unittest.TestCase):
    """What the paths do."""

    def test_words_of_any_number(self) -> None:
        # From each remainder: the ways of a few turns of each loop, and of each fault there.
        self.assertGreater(follow(built.SOURCE / "asm", WORD), 64 * 10)

    def test_one_window(self) -> None:
        # At least a return, and a stop at each byte that can be bad on either side.
        self.assertGreater(follow(built.SOURCE / "asm", SHORT), 64 * 65 * 32)

    def test_two_windows(self) -> None:
        self.assertGreater(follow(built.SOURCE / "asm", TWO_WINDOWS), 64 * 64 * 64)

    def test_each_break_is_noticed(self) -> None:
        for each, file, before, after in BREAKS:
            with self.subTest(f"{file}: {before}"), tempfile.TemporaryDirectory() as scratch:
                assembly = Path(scratch) / "asm"
                shutil.copytree(built.SOURCE / "asm", assembly)
                changed = assembly / "x86_64" / file
                text = changed.read_text()
                self.assertIn(before, text)
                changed.write_text(text.replace(before, after))
                with self.assertRaises(counts.Wrong):
                    follow(assembly, each)


if __name__ == "__main__":
    unittest.main()
