# SPDX-License-Identifier: BSD-3-Clause
"""test_ffi_go.py - the program in Go of mcsafe-ffi(7) is built by cgo, and prints what it says."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import manual

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
MAN = Path(os.environ["MCSAFE_MAN_DIR"])
LIBRARY = Path(os.environ["MCSAFE_LIBRARY"])
GO = os.environ["MCSAFE_GO"]
CACHE = os.environ["MCSAFE_GO_CACHE"]

PAGE = 4096
# What pkg-config says about the library of the build.
PC = f"""Name: mcsafe
Description: the library that was just built
Version: 0
Cflags: "-I{SOURCE / 'include'}"
Libs: "-L{LIBRARY.parent}" -lmcsafe
"""


class Go(unittest.TestCase):
    """The program is built once. The file has four pages of ones."""

    def setUp(self) -> None:
        [page] = [page for page in manual.read(MAN) if page.name == "mcsafe-ffi.7"]
        self.code, self.said = page.blocks()
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe docs ")
        self.addCleanup(scratch.cleanup)
        self.where = Path(scratch.name)
        self.log = self.where / "log"

    def run_program(self, code: str) -> tuple[int, str]:
        """Build and run a program with the file, and return what it prints."""
        (self.where / "program.go").write_text(code)
        (self.where / "mcsafe.pc").write_text(PC)
        environment = {
            **os.environ,
            "CC": "gcc",
            "CGO_ENABLED": "1",
            "GO111MODULE": "off",
            "GOCACHE": CACHE,
            "LD_LIBRARY_PATH": str(LIBRARY.parent),
            "PKG_CONFIG_PATH": str(self.where),
        }
        built = subprocess.run(
            [GO, "build", "-o", "program", "program.go"],
            cwd=self.where, env=environment, text=True, capture_output=True, check=False,
        )  # fmt: skip
        self.assertEqual(built.returncode, 0, built.stderr)
        self.log.write_bytes(b"\1" * 4 * PAGE)
        done = subprocess.run(
            [self.where / "program", self.log], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout

    def test_a_whole_file(self) -> None:
        self.assertEqual(self.run_program(self.code), (0, f"sum: {4 * PAGE}\n"))

    def test_a_file_that_is_truncated_once_it_is_mapped(self) -> None:
        mapped = "    defer syscall.Munmap(mapped)\n"
        self.assertEqual(self.code.count(mapped), 1)
        cut = self.code.replace(
            mapped, f"{mapped}    if os.Truncate(path, {2 * PAGE}) != nil {{ os.Exit(3) }}\n"
        )
        said = self.said.replace("/var/tmp/log", str(self.log))
        self.assertEqual(self.run_program(cut), (1, said))


if __name__ == "__main__":
    unittest.main()
