# SPDX-License-Identifier: BSD-3-Clause
"""test_builds.py - program.c by every compiler, optimization and way of linking; and its rows.

A row must name an instruction of the linked file that accesses memory, of the row's kind, and there
must be one for each of them: none lost, none of a function that was dropped, none twice.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "objects"))

import disassembly  # noqa: E402
import elf  # noqa: E402
import rows  # noqa: E402

SOURCE = HERE.parent.parent
SHARED = os.environ["MCSAFE_SHARED"]
STATIC = os.environ["MCSAFE_STATIC"]
LIBS = os.environ["MCSAFE_STATIC_LIBS"].split()
OBJDUMP = os.environ["MCSAFE_OBJDUMP"]

COMPILERS = {"gcc": [], "clang": [], "g++": ["-std=c++11"], "clang++": ["-std=c++17"]}
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors"]
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
PIC = ["-fPIC", "-pie"]
SECTIONS = ["-O2", "-ffunction-sections", "-Wl,--gc-sections"]
# How many rows --gc-sections drops: nobody_calls_this() has one. For bfd without its option, and
# for gold and mold, a reference to __start_SECTION keeps all of the section, and so the code that
# it names.
LINKERS = [
    ("bfd", [], 0),
    ("bfd", ["-Wl,-z,start-stop-gc"], 1),
    ("gold", [], 0),
    ("lld", [], 1),
    ("mold", [], 0),
]
# How a linker folds identical functions, by name; with the compiler that marks what may be folded.
# clang notes it (-faddrsig) for --icf=safe.
FOLDING = [
    ("gcc", "mold", "all"),
    ("gcc", "lld", "all"),
    ("gcc", "gold", "all"),
    ("clang", "mold", "all"),
    ("clang", "mold", "safe"),
    ("clang", "lld", "all"),
    ("clang", "lld", "safe"),
    ("clang", "gold", "all"),
]
FOR_THE_LINKER = ("-Wl,", "-fuse-ld", "-pie", "-no-pie", "-static")
OUT_OF_LINE = "-DMCSAFE_ACCESS_INLINE=0"

LOCK = 0xF0  # the prefix; what is lost without it shows only now and then

# clang before 15 writes DWARF that valgrind cannot read; nothing here is debugged.
COMMON = ["-g0", "-I", str(SOURCE / "include"), *WARNINGS]


def run(command: list[str]) -> None:
    """Run a command, and fail with what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")


def table(path: Path) -> list[rows.Row]:
    """The rows of inline accesses of a linked file."""
    file = elf.File.read(path)
    found = []
    for section in file.sections:
        if section.name == "mcsafe_access_rows":
            for i, (insn, fixup, kind) in enumerate(rows.ROW.iter_unpack(section.data)):
                at = section.addr + i * rows.ROW.size
                found.append(rows.Row(at + insn, at + 4 + fixup, kind))
    return found


def problems(path: Path, folded: bool = False) -> list[str]:
    """What is wrong with the rows: each is checked against the instruction that it names.

    Where functions were folded, a row may be there more than once.
    """
    text = elf.File.read(path).section(".text")
    span = {"text": (text.addr, text.addr + len(text.data))}
    code = {insn.addr: insn for insn in disassembly.functions(OBJDUMP, path, span)["text"]}
    kinds = {1: "LOAD", 2: "STORE"}
    found, seen = [], set()
    for row in dict.fromkeys(table(path)) if folded else table(path):
        insn = code.get(row.insn)
        if insn is None or insn.access() != kinds.get(row.kind):
            found.append(f"row {row.insn:#x} of kind {row.kind}: {insn}")
        elif insn.mnemonic.startswith("cmpxchg") and text.data[row.insn - text.addr] != LOCK:
            found.append(f"row {row.insn:#x}: {insn}: without a lock")
        if row.fixup not in code:
            found.append(f"row {row.insn:#x}: its fixup {row.fixup:#x} is no instruction")
        if row.insn in seen:
            found.append(f"row {row.insn:#x}: twice")
        seen.add(row.insn)
    return found


class Builds(unittest.TestCase):
    """Each way is a subtest."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe access ")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def build(self, compiler: str, *flags: str, archive: bool = False) -> Path:
        """Compile both parts, link and run them."""
        program = self.scratch / "program"
        language = ["-x", "c++"] if compiler.endswith("++") else ["-x", "c", "-std=c11"]
        compile_flags = [flag for flag in flags if not flag.startswith(FOR_THE_LINKER)]
        objects = []
        for part in ("1", "2"):
            objects.append(str(self.scratch / f"part{part}.o"))
            run([compiler, *COMPILERS[compiler], *language, *COMMON, *compile_flags,
                 "-D_GNU_SOURCE", f"-DPART={part}", "-c", str(HERE / "program.c"),
                 "-o", objects[-1]])
        library = [STATIC, *LIBS] if archive else [SHARED, f"-Wl,-rpath,{Path(SHARED).parent}"]
        run([compiler, *flags, *objects, *library, "-o", str(program)])
        run([str(program)])
        return program

    def need(self, compiler: str) -> None:
        """Skip what needs a compiler that is not there."""
        if shutil.which(compiler) is None:
            self.skipTest(f"there is no {compiler}")

    def each(self, compiler: str) -> None:
        """All ways of one compiler."""
        self.need(compiler)
        ways = [([level], False) for level in LEVELS]
        ways += [(["-O2", "-fno-pie", "-no-pie"], False), (["-O2", *PIC], False)]
        ways += [(["-O0", *PIC], False), (["-O3", "-fno-pie", "-no-pie"], True)]
        ways += [(["-O2", "-flto"], True), (["-Os", "-flto", *PIC], False)]
        ways += [(SECTIONS, False), (SECTIONS, True)]
        ways += [([level, "-masm=intel"], False) for level in ("-O0", "-O2")]
        ways += [(["-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all"], False)]
        for flags, archive in ways:
            if "-flto" in flags and compiler.startswith("clang"):
                flags = [*flags, "-fuse-ld=lld"]
            with self.subTest(compiler, flags=flags, archive=archive):
                program = self.build(compiler, *flags, archive=archive)
                # Without optimization, copies of constant lengths are calls.
                self.assertGreater(len(table(program)), 8 if "-O0" in flags else 60)
                self.assertEqual(problems(program), [])
        with self.subTest(compiler, flags=OUT_OF_LINE):
            self.assertEqual(table(self.build(compiler, "-O2", OUT_OF_LINE)), [])

    def test_gcc(self) -> None:
        self.each("gcc")

    def test_clang(self) -> None:
        self.each("clang")

    def test_gxx(self) -> None:
        self.each("g++")

    def test_clangxx(self) -> None:
        self.each("clang++")

    def test_static(self) -> None:
        """A program without a dynamic loader."""
        self.need("g++")
        for flags in (["-static"], ["-static-pie", "-fPIE"], ["-static", "-flto"]):
            for compiler in ("gcc", "g++"):
                with self.subTest(compiler, flags=flags):
                    program = self.build(compiler, "-O2", *flags, archive=True)
                    self.assertEqual(problems(program), [])

    def test_linkers(self) -> None:
        """Rows are kept and dropped along with their code, whoever links."""
        self.need("g++")
        for linker, gc, n_dropped in LINKERS:
            if shutil.which(f"ld.{linker}") is None:
                print(f"there is no ld.{linker}", file=sys.stderr)
                self.assertNotEqual(os.environ.get("MCSAFE_NO_SKIP"), "1")
                continue
            with self.subTest(linker, gc=gc):
                flags = ["-O2", "-ffunction-sections", f"-fuse-ld={linker}"]
                n_rows = len(table(self.build("g++", *flags)))
                program = self.build("g++", *flags, "-Wl,--gc-sections", *gc, archive=True)
                self.assertEqual(problems(program), [])
                self.assertEqual(len(table(program)), n_rows - n_dropped)

    def test_linkers_that_fold_identical_functions(self) -> None:
        """The accesses of all functions land, whether their rows are there once or more often."""
        n_folded = n_tried = 0
        for compiler, linker, which in FOLDING:
            missing = [tool for tool in (compiler, f"ld.{linker}") if shutil.which(tool) is None]
            if missing:
                print(f"there is no {missing[0]}", file=sys.stderr)
                self.assertNotEqual(os.environ.get("MCSAFE_NO_SKIP"), "1")
                continue
            marks = ["-faddrsig"] if compiler == "clang" else []
            for library in ([SHARED, f"-Wl,-rpath,{Path(SHARED).parent}"], [STATIC, *LIBS]):
                with self.subTest(compiler, linker=linker, icf=which, library=library[0]):
                    program = self.scratch / "folded"
                    run([compiler, "-std=c11", "-D_GNU_SOURCE", *COMMON, "-O2", *marks,
                         "-ffunction-sections", f"-fuse-ld={linker}", f"-Wl,--icf={which}",
                         str(HERE / "folded.c"), *library, "-o", str(program)])
                    run([str(program)])
                    self.assertEqual(problems(program, folded=True), [])
                    accesses = {row.insn for row in table(program)}
                    self.assertGreaterEqual(len(accesses), 3)
                    n_folded += len(accesses) < 7
                    n_tried += 1
        if n_tried == 0:
            self.skipTest("there is no linker that folds")
        self.assertGreater(n_folded, 0)

    def test_an_older_language_is_refused_by_name(self) -> None:
        """The first line of the compiler says what is needed."""
        for compiler, standard in (
            ("gcc", "c99"), ("gcc", "gnu99"), ("gcc", "c89"), ("clang", "gnu99"),
            ("g++", "c++98"), ("clang++", "gnu++98"),
        ):
            self.need(compiler)
            with self.subTest(compiler, standard=standard):
                language = "c++" if compiler.endswith("++") else "c"
                done = subprocess.run(
                    [compiler, "-x", language, f"-std={standard}", "-I", str(SOURCE / "include"),
                     "-fsyntax-only", "-"],
                    input="#include <mcsafe/mcsafe.h>\n", capture_output=True, text=True,
                    check=False,
                )
                self.assertNotEqual(done.returncode, 0)
                errors = [line for line in done.stderr.splitlines() if " error: " in line]
                self.assertIn("libmcsafe needs C11 or C++11", errors[0])
                if standard == "gnu99":
                    self.assertEqual(len(errors), 1)

    def test_copies_of_inline_functions_are_merged(self) -> None:
        """In C++ sum() and twice_or() are in both parts and, linked, there once."""
        self.need("g++")
        merged = self.build("g++", "-O2", "-fno-inline")
        parts = sum(
            len(section.data) // rows.ROW.size
            for part in ("1", "2")
            for section in elf.File.read(self.scratch / f"part{part}.o").sections
            if section.name == "mcsafe_access_rows"
        )
        self.assertEqual(len(table(merged)), parts - 2)


class Checker(unittest.TestCase):
    """The checker is believed only if it finds what is wrong."""

    def test_it_finds_rows_that_are_wrong(self) -> None:
        for row, said in (
            ("1b, 1b, 1", None),
            ("1b, 1b, 2", "of kind 2"),
            ("1b + 1, 1b, 1", "None"),
            ("1b, 1b + 1, 1", "is no instruction"),
            ("2b, 2b, 2", None),
            ("3b, 3b, 2", "without a lock"),
        ):
            insn, fixup, kind = row.split(",")
            with tempfile.TemporaryDirectory() as directory:
                source, library = Path(directory, "wrong.s"), Path(directory, "wrong.so")
                source.write_text(
                    "1: movl (%rdi), %eax; 2: lock cmpxchgl %ecx, (%rdi)\n"
                    "3: cmpxchgl %ecx, (%rdi); ret\n.section mcsafe_access_rows, \"a\"\n"
                    f".long {insn} - .\n.long {fixup} - .\n.long {kind}\n"
                )
                run(["gcc", "-shared", "-nostdlib", str(source), "-o", str(library)])
                found = problems(library)
                if said is None:
                    self.assertEqual(found, [])
                else:
                    self.assertRegex(" ".join(found), re.escape(said))


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if program.result.skipped and program.result.wasSuccessful():
        print(*{reason for _, reason in program.result.skipped})
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    sys.exit(not program.result.wasSuccessful())
