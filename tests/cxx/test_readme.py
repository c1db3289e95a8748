# SPDX-License-Identifier: BSD-3-Clause
"""test_readme.py - the code of bindings/cxx/README.md compiles, and says what README.md says."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
LIBRARY = Path(os.environ["MCSAFE_LIBRARY"])
CXX = [os.environ["MCSAFE_CXX"], *shlex.split(os.environ["MCSAFE_CFLAGS"])]
STRICT = "-std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Werror".split()

README = (SOURCE / "bindings/cxx/README.md").read_text()
BLOCKS = re.findall(r"```cpp\n(.*?)```", README, re.S)
[SAID] = re.findall(r"```text\n(.*?)```", README, re.S)
PROGRAM, RESULT, GUARD, SHIELD = BLOCKS

# Around a part of a program. The file has four pages of ones, and is truncated once it is mapped.
AROUND = """#include <array>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>
#include <mcsafe/mcsafe.hpp>
int main(int, char **argv)
{
	std::array<char, 4096> buffer;
	const std::size_t size = 16384;
	const int fd = open(argv[1], O_RDWR);
	auto *map = static_cast<unsigned char *>(
		mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0));
	mcsafe::pmem file(argv[1]);
	mcsafe::install().value();
	(void)buffer;
	if (fd < 0 || map == MAP_FAILED || ftruncate(fd, std::atol(argv[2])) != 0)
		return 1;
	{
@PART@
	}
	return 0;
}
"""
PAGE = 4096


class Code(unittest.TestCase):
    """Each block, in a directory with the file that it maps."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe cxx ")
        self.addCleanup(scratch.cleanup)
        self.where = Path(scratch.name)
        self.log = self.where / "log"

    def run_code(self, code: str, *args: str) -> tuple[int, str, str]:
        """Compile a program, and run it with a file of 4 pages of ones."""
        source = self.where / "program.cpp"
        source.write_text(code)
        program = self.where / "program"
        argv = [*CXX, *STRICT, f"-I{SOURCE / 'include'}", str(source), "-o", str(program),
                str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}"]  # fmt: skip
        built = subprocess.run(argv, text=True, capture_output=True, check=False)
        self.assertEqual(built.returncode, 0, built.stderr)
        self.log.write_bytes(b"\1" * 4 * PAGE)
        done = subprocess.run(
            [program, self.log, *args], text=True, capture_output=True, check=False, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    def run_part(self, part: str, size: int) -> str:
        """Run a part of a program, once the file has been truncated to a size."""
        status, out, err = self.run_code(AROUND.replace("@PART@", part), str(size))
        self.assertEqual((status, err), (0, ""))
        return out

    def test_the_program(self) -> None:
        self.assertEqual(self.run_code(PROGRAM), (0, f"{4 * PAGE}\n", ""))
        mapped = "mcsafe::pmem file(argv[1]);\n"
        self.assertIn(mapped, PROGRAM)
        cut = "#include <unistd.h>\n" + PROGRAM.replace(
            mapped, f"{mapped}if (truncate(argv[1], {2 * PAGE}) != 0) return 3;\n"
        )
        said = SAID.replace("/var/tmp/log", str(self.log))
        self.assertEqual(self.run_code(cut), (1, "", said))

    def test_the_result(self) -> None:
        self.assertEqual(self.run_part(RESULT, 4 * PAGE), "4096 bytes\n")
        said = "offset 4096: past the end of the file, which has 4096 bytes"
        self.assertEqual(
            self.run_part(RESULT, PAGE), f"0 bytes, then: {self.log}, {said}\n"
        )

    def test_the_guard(self) -> None:
        self.assertEqual(self.run_part(GUARD, 4 * PAGE), "")
        self.assertEqual(self.run_part(GUARD, 2 * PAGE), "lost from byte 8192 on\n")

    def test_the_shield(self) -> None:
        part = SHIELD + 'std::printf("%ju", std::uintmax_t(sum));\n'
        self.assertEqual(self.run_part(part, 4 * PAGE), "16384")
        self.assertEqual(self.run_part(part, 3 * PAGE), "4096 bytes at 12288 were zeros\n12288")

    def test_each_name_of_the_tables_exists(self) -> None:
        calls, errors = re.findall(r"\|---\|---\|\n((?:\|.*\n)+)", README)
        names = re.findall(r"`(?:mcsafe::)?(\w+)`", re.sub(r"(?m)^(\| [^|]*).*", r"\1", calls))
        [pmem] = re.findall(r"^\| `mcsafe::pmem` \| (.*) \|$", calls, re.M)
        members = [f"pmem::{name}" for name in re.findall(r"`(\w+)", pmem)]
        shown = re.sub(r"(?m)^(\| [^|]*).*", r"\1", errors)
        members += [f"failure::{name}" for name in re.findall(r"`(\w+)", shown)]
        self.assertGreater(len(names), 12)
        self.assertGreater(len(members), 13)
        code = "#include <mcsafe/mcsafe.hpp>\n"
        code += "".join(f"using mcsafe::{name};\n" for name in names)
        code += "int main()\n{\n"
        code += "".join(f"(void)&mcsafe::{name};\n" for name in members)
        self.assertEqual(self.run_code(code + "}\n"), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
