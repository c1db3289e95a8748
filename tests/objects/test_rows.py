# SPDX-License-Identifier: BSD-3-Clause
"""test_rows.py - the landing table of every linked file is complete, right and in order."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import built
import rows

TOOLS = rows.Tools(built.OBJDUMP, built.CAPSTONE)
LAYOUT = rows.Layout.read(built.SOURCE / "asm" / "layout.h")

# Assembly that is not an engine: it touches memory that the handler or the caller made for it.
OTHERS = {
    "mcsafe__guard_land",
    "mcsafe__signal_entries",
    "mcsafe__stop",
    "mcsafe__stop_with_cause",
    "mcsafe_guard_disarm",
    "mcsafe_guard_enter",
}

# The public copies begin in an engine (asm/x86_64/copy_avx512.S).
PUBLIC = {"mcsafe_memcpy", "memcpy_mcsafe"}

# The beginnings of functions that go on as an engine. Builds with MemorySanitizer have none.
FRONTS = {
    "mcsafe__memchr_avx2",
    "mcsafe__memset_avx2",
    "mcsafe_memchr",
    "mcsafe_memset",
    "mcsafe_strnlen",
}

# A correct engine, written so that a test can break each line.
GOOD = """
#include "asm.h"
func mcsafe__good
.Lagain:
	LOAD(.Lfault, 8, movq, %rax, (%rsi))
	STORE(.Lfault, 8, movq, %rax, 8(%rdi))
	decq	%rdx
	jnz	.Lagain
	ret
.Lfault:
	movq	%rdx, %rax
	stop_at_fault
endfunc mcsafe__good
func mcsafe__other
	ret
endfunc mcsafe__other
func mcsafe__stop
	ret
endfunc mcsafe__stop
"""

# The same engine with a constant, which needs no row.
CONSTANT = GOOD.replace(".Lagain:", "	leaq .Lconstant(%rip), %r10; movq 8(%r10), %r8; .Lagain:")
CONSTANT += "	.section .rodata; .Lconstant: .quad 1, 2"
CONSTANT_OF_IP = CONSTANT.replace("movq 8(%r10), %r8", "movq .Lconstant(%rip), %r8")

# The same engine, as one that stores a result.
RESULT = GOOD.replace("mcsafe__good", "mcsafe__compare_good").replace(
    "decq	%rdx", "movq %rdx, 8(%rcx); decq %rdx"
)

# The same engine with its red zone, which needs no row either.
USES = "movq %rax, -128(%rsp); leaq -64(%rsp), %r8; movb -9(%rsp,%rax), %al"
RED_ZONE = GOOD.replace(".Lagain:", f"	{USES}; .Lagain:")

LOAD = "LOAD(.Lfault, 8, movq, %rax, (%rsi))"

# A change to the engine, and what the checker must say about it.
BROKEN = [
    (LOAD, "movq (%rsi), %rax", "0 rows instead of one"),
    (LOAD, f"{LOAD}; extable 9999b, .Lfault, 1", "does not ascend"),
    (LOAD, "STORE(.Lfault, 8, movq, (%rsi), %rax)", "kind 2 instead of LOAD"),
    (
        LOAD,
        "9999: lock cmpxchgq %rax, (%rsi); extable 9999b, .Lfault, 1",
        "kind 1 instead of STORE",
    ),
    (LOAD, "LOAD(.Lfault, 8, addq, (%rsi), $1)", "reads and writes memory"),
    (LOAD, "8888: movq (%rsi), %rax; extable 8888b+1, .Lfault, 1", "middle of an instruction"),
    (LOAD, "LOAD(mcsafe__other, 8, movq, %rax, (%rsi))", "is elsewhere"),
    (LOAD, "8888: leaq (%rsi), %rax; extable 8888b, .Lfault, 1", "no access to memory"),
    ("stop_at_fault", "movq %r9, (%rcx); stop_at_fault", "0 rows instead of one"),
    ("stop_at_fault", "ret", "never writes a record"),
    ("stop_at_fault", "jmp .Lagain", "never writes a record"),
    ("decq	%rdx", "stop_at_fault", "without a fault"),
    ("decq	%rdx", "movq (%r10), %r8; leaq 8(%rsi), %r10; decq %rdx", "0 rows instead of one"),
    ("decq	%rdx", "movq (%r10), %r8; decq %rdx", "0 rows instead of one"),
    ("decq	%rdx", "leaq 8(%rip), %r10; movq %rdx, (%r10); decq %rdx", "0 rows instead of one"),
    (
        "decq	%rdx",
        "leaq 8(%rip), %r10; LOAD(.Lfault, 8, movq, %r8, (%r10))",
        "row for a constant",
    ),
    ("decq	%rdx", "pushq %rdx; popq %rdx", "leave the stack alone"),
    ("decq	%rdx", "movq %rdx, 8(%rsp); decq %rdx", "leave the stack alone"),
    ("decq	%rdx", "movq %rdx, -8(%rsp); decq %rdx", "leave the stack alone"),
    ("decq	%rdx", "movq %rdx, -136(%rsp); decq %rdx", "leave the stack alone"),
    ("decq	%rdx", "leaq -64(%rsp), %rsp; decq %rdx", "leave the stack alone"),
    (LOAD, "LOAD(.Lfault, 8, movq, %rax, -16(%rsp))", "a row for the red zone"),
    ("	ret\n.Lfault", ".Lfault", "without a fault"),
    (
        "stop_at_fault\nendfunc mcsafe__good",
        "stop_at_fault; stop_at_fault\nendfunc mcsafe__good",
        "no fault leads to",
    ),
    (LOAD, "vmovd %eax, %xmm0", "above its level: avx"),
    (LOAD, "popcntq %rax, %rax", "above its level: popcnt"),
    (LOAD, "clwb (%rax)", "above its level: clwb"),
    (LOAD, "vpermt2b %zmm1, %zmm2, %zmm3", "above its level: avx512 vbmi"),
    (LOAD, "vpermt2b (%rsi), %zmm2, %zmm3", "0 rows instead of one"),
    (LOAD, "vpcmpeqb (%rsi), %zmm2, %k1{%k2}", "a load with a mask"),
    (LOAD, "vaddph (%rsi), %zmm2, %zmm3", "libcapstone does not know it"),
    # Capstone 4 does not know it. Capstone 5 does, but not that it needs AVX512_VNNI.
    (LOAD, "vpdpbusd %zmm1, %zmm2, %zmm3", "mcsafe__good"),
    (LOAD, "incq written(%rip); .data; written: .quad 0; .text", "reads and writes memory"),
    (LOAD, "movq written(%rip), %rax; .data; written: .quad 0; .text", "can be written"),
    (
        "	ret\nendfunc mcsafe__other",
        "8888: movb (%rsi), %al; ret\nendfunc mcsafe__other",
        "0 rows",
    ),
]


# The same for the engine that stores a result.
BROKEN_RESULT = [
    ("8(%rcx)", "16(%rcx)", "0 rows instead of one"),
    ("8(%rcx)", "8(%rdi)", "0 rows instead of one"),
    ("8(%rcx)", "8(%rcx,%rax)", "0 rows instead of one"),
    ("movq %rdx, 8(%rcx)", "movq 8(%rcx), %rdx", "0 rows instead of one"),
    ("movq %rdx, 8(%rcx)", "addq %rdx, 8(%rcx)", "reads and writes memory"),
    ("movq %rdx, 8(%rcx)", "STORE(.Lfault, 8, movq, %rdx, 8(%rcx))", "a row for a result"),
    (".Lagain:", "movl %eax, %ecx; .Lagain:", "0 rows instead of one"),
    (".Lfault:", ".Lfault: movb $1, %cl; jmp .Lagain", "0 rows instead of one"),
]


def problems_of(source: str, directory: str) -> list[str]:
    """Assemble, link and check an engine."""
    assembly, library = Path(directory, "engine.S"), Path(directory, "engine.so")
    assembly.write_text(source)
    include = [f"-I{built.SOURCE / name}" for name in ("", "asm", "src", "include")]
    subprocess.run(
        [built.CC, "-shared", "-o", library, *include, assembly], check=True, capture_output=True
    )
    try:
        engines = {"mcsafe__good", "mcsafe__compare_good", "mcsafe__other"}
        return rows.check(library, engines, TOOLS, LAYOUT)
    except rows.disassembly.UnknownInstruction as unknown:
        return [str(unknown)]


class Checker(unittest.TestCase):
    """The checker is trusted only if it finds what is wrong."""

    def test_it_accepts_what_is_right(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(problems_of(GOOD, directory), [])
            self.assertEqual(problems_of(CONSTANT, directory), [])
            self.assertEqual(problems_of(CONSTANT_OF_IP, directory), [])
            self.assertEqual(problems_of(RESULT, directory), [])
            self.assertEqual(problems_of(RED_ZONE, directory), [])

    def test_it_finds_what_is_wrong(self) -> None:
        broken = [(GOOD, *line) for line in BROKEN] + [(RESULT, *line) for line in BROKEN_RESULT]
        for good, old, new, said in broken:
            with self.subTest(new=new, said=said), tempfile.TemporaryDirectory() as directory:
                self.assertEqual(good.count(old), 1)
                problems = problems_of(good.replace(old, new), directory)
                self.assertTrue(any(said in problem for problem in problems), problems)


class Table(unittest.TestCase):
    """The tables in the library, and in programs that are linked with it statically."""

    def test_every_access_has_its_row(self) -> None:
        linked = built.paths("MCSAFE_LINKED")
        functions = {symbol.name for symbol in built.engines()}
        self.assertLessEqual(OTHERS, functions)
        engines = functions - OTHERS - FRONTS
        self.assertTrue(linked)
        self.assertIn("mcsafe__copy_word", engines)
        for path in linked:
            with self.subTest(path.name):
                self.assertEqual(rows.check(path, engines, TOOLS, LAYOUT), [])

    def test_fronts_touch_only_their_limits(self) -> None:
        for path in built.paths("MCSAFE_LINKED"):
            symbols = [s for s in rows.elf.File.read(path).symbols if s.name in FRONTS]
            found = {s.name for s in symbols}
            if built.MSAN:  # C has the public functions
                self.assertEqual({name for name in found if name.startswith("mcsafe__")}, set())
                continue
            self.assertEqual(found, FRONTS)
            spans = {s.name: (s.value, s.value + s.size) for s in symbols}
            for name, code in rows.disassembly.functions(built.OBJDUMP, path, spans).items():
                with self.subTest(path.name, name=name):
                    self.assertEqual(list(rows.check_front(name, code)), [])

    def test_engines_have_the_prefix(self) -> None:
        for name in {symbol.name for symbol in built.engines()} - OTHERS - PUBLIC - FRONTS:
            self.assertTrue(name.startswith("mcsafe__"), name)

    def test_no_table_is_writable_or_relocated(self) -> None:
        for path in built.paths("MCSAFE_LINKED"):
            section = rows.elf.File.read(path).section(rows.SECTION)
            with self.subTest(path.name):
                self.assertTrue(section.flags & rows.elf.SHF_ALLOC)
                self.assertFalse(section.flags & rows.elf.SHF_WRITE)


if __name__ == "__main__":
    unittest.main()
