# SPDX-License-Identifier: BSD-3-Clause
"""test_size.py - an inline access has the code of a plain one, a row, and where a fault lands.

Sizes, not times: the bytes of the code as a whole, and of single words the instructions up to the
first return, which are all that run when nothing fails.
"""

import os
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

OBJDUMP = os.environ["MCSAFE_OBJDUMP"]
INCLUDE = HERE.parent.parent / "include"

# How many loads each function has; put() has one store.
N_LOADS = {"word": 1, "byte": 1, "chain": 1, "table": 8}
PLAIN = """
uint32_t word(const uint32_t *p) { return *p; }
uint8_t byte(const uint8_t *p) { return *p; }
void **chain(void **p, long n) { while (n--) p = (void **)*p; return p; }
uint64_t table(const uint64_t *p, const uint16_t *i)
{ return p[i[0]] + p[i[1]] + p[i[2]] + p[i[3]]; }
int put(uint64_t *p, uint64_t value) { *p = value; return 0; }
"""
INLINE = """
#define LOAD(p) mcsafe_load_or(p, 0)
uint32_t word(const uint32_t *p) { return mcsafe_load_or(p, 7); }
uint8_t byte(const uint8_t *p) { return mcsafe_load_or(p, 7); }
void **chain(void **p, long n)
{ while (n--) p = (void **)mcsafe_load_or(p, (void *)0); return p; }
uint64_t table(const uint64_t *p, const uint16_t *i)
{
	return LOAD(&p[LOAD(i)]) + LOAD(&p[LOAD(i + 1)]) + LOAD(&p[LOAD(i + 2)]) +
	       LOAD(&p[LOAD(i + 3)]);
}
int put(uint64_t *p, uint64_t value) { return mcsafe_store_u64(p, value) != 0; }
"""

# How many instructions more run if nothing fails. clang gets the value for a fault ready before,
# and moves the word to another register afterwards.
MORE = {"gcc": {"word": 0, "byte": 0}, "clang": {"word": 2, "byte": 2}}

# Bytes for each access: a value, a jump and alignment; and for one that says what the fault was,
# also the stub of three stores, and a call.
LANDING = 16
NOTED = 96


class Size(unittest.TestCase):
    """Each pair, each compiler."""

    def compile(self, compiler: str, level: str, functions: str) -> tuple[int, dict]:
        """How many bytes of rows there are, and the instructions of each function."""
        with tempfile.TemporaryDirectory() as directory:
            source, path = Path(directory, "size.c"), Path(directory, "size.o")
            source.write_text("#include <mcsafe/access.h>\n" + functions)
            flags = ["-std=c11", level, "-fcf-protection=none", f"-I{INCLUDE}"]
            subprocess.run([compiler, *flags, "-c", source, "-o", path], check=True)
            file = elf.File.read(path)
            self.text = sum(len(s.data) for s in file.sections if s.flags & elf.SHF_EXECINSTR)
            spans = {
                symbol.name: (symbol.value, symbol.value + symbol.size)
                for symbol in file.symbols
                if symbol.name in ("word", "byte")
            }
            rows_size = sum(len(s.data) for s in file.sections if s.name == "mcsafe_access_rows")
            return rows_size, disassembly.functions(OBJDUMP, path, spans)

    def check(self, compiler: str) -> None:
        """Compare the pairs."""
        if shutil.which(compiler) is None:
            self.skipTest(f"there is no {compiler}")
        n_loads = sum(N_LOADS.values())
        for level in ("-O2", "-Os"):
            with self.subTest(compiler, level=level):
                rows_size, plain = self.compile(compiler, level, PLAIN)
                plain_text = self.text
                self.assertEqual(rows_size, 0)
                rows_size, ours = self.compile(compiler, level, INLINE)
                self.assertEqual(rows_size, rows.ROW.size * (n_loads + 1))
                print(f"{compiler} {level}: {plain_text} bytes plain, {self.text} inline")
                self.assertLessEqual(self.text - plain_text, LANDING * n_loads + NOTED)
                for name, more in MORE[compiler].items():
                    self.assertLessEqual(hot(ours[name]) - hot(plain[name]), more, name)

    def test_gcc(self) -> None:
        self.check("gcc")

    def test_clang(self) -> None:
        self.check("clang")


def hot(code: list) -> int:
    """How many instructions there are up to the first return, without those of alignment."""
    count = 0
    for insn in code:
        if insn.mnemonic.startswith("ret"):
            return count
        count += not insn.mnemonic.startswith("nop") and insn.mnemonic != "endbr64"
    return count


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if program.result.skipped and program.result.wasSuccessful():
        print(*{reason for _, reason in program.result.skipped})
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    sys.exit(not program.result.wasSuccessful())
