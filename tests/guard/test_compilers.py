# SPDX-License-Identifier: BSD-3-Clause
"""test_compilers.py - guarded code means the same whichever compiler optimizes it, and how far.

traps.c is compiled as a user's program by every compiler that is there, in C and in C++, and is
linked with the static library; with -flto the library's own C is part of the whole program.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
HERE = SOURCE / "tests" / "guard"
WAYS = [(level, "") for level in ("-O0", "-O1", "-O2", "-O3", "-Os")] + [
    (level, "-flto") for level in ("-O2", "-O3")
]
COMPILERS = ("gcc", "clang")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-clobbered", "-Wno-unknown-warning-option")

ROOMS = ("base", "landing", "notice", "explain", "report", "handler", "copy", "guard")

# What the guards are made of: all that -flto could inline into the program.
LIBRARY = sorted(
    path
    for room in ("asm/x86_64", *(f"src/{name}" for name in ROOMS))
    for path in SOURCE.glob(f"{room}/*.[cS]")
    if path.name not in ("debug_access.S", "debug.c", "backtrace_libunwind.c")
)


def run(command: list[str | Path]) -> str:
    """Run a command; its output, or a failure that shows it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Compilers(unittest.TestCase):
    """One program for each compiler, level and kind of linking."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.found = [name for name in COMPILERS if shutil.which(name)]
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe guards ")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        include = [f"-I{SOURCE / name}" for name in ("", "include", "src", "asm")]
        cls.objects: dict[tuple[str, str], list[str]] = {}
        for compiler, lto, suffix in itertools.product(cls.found, ("", "-flto"), (".S", ".c")):
            # A directory for each: a C file and an assembly file may have the same name.
            directory = cls.scratch / f"{compiler}{lto}{suffix}"
            directory.mkdir()
            flags = [flag for flag in ("-O2", lto) if flag]
            sources = [path for path in LIBRARY if path.suffix == suffix]
            run(
                ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", directory, compiler, *flags]
                + ["-std=gnu11", "-D_GNU_SOURCE", *include, "-c", *sources]
            )
            objects = cls.objects.setdefault((compiler, lto), [])
            objects.extend(str(path) for path in sorted(directory.glob("*.o")))

    def try_program(self, compiler: str, flags: list[str], lto: str) -> None:
        """Compile, link and run."""
        program = self.scratch / "program"
        include = [f"-I{SOURCE / name}" for name in ("include", "tests/support")]
        command = [compiler, *WARNINGS, "-D_GNU_SOURCE", *include, *flags]
        if lto:
            command += [lto] if compiler == "gcc" else [lto, "-fuse-ld=lld"]
        run([*command, HERE / "traps.c", *self.objects[compiler, lto], "-o", program])
        self.assertIn(" 0 wrong", run([program]))

    def test_every_level(self) -> None:
        tried = 0
        for compiler, (level, lto) in itertools.product(self.found, WAYS):
            if lto and compiler == "clang" and not shutil.which("ld.lld"):
                continue
            with self.subTest(compiler=compiler, level=level, lto=lto):
                self.try_program(compiler, [level, "-std=c11", "-pedantic-errors"], lto)
                tried += 1
        print(f"{tried} programs, by {', '.join(self.found)}")
        self.assertGreaterEqual(tried, 7)

    def test_hardened(self) -> None:
        """As distributions compile: FORTIFY's longjmp check would not like a jump in a signal."""
        flags = ["-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fcf-protection=full"]
        for compiler in self.found:
            with self.subTest(compiler=compiler):
                self.try_program(compiler, flags, "")
                fixed = [*flags, "-fno-omit-frame-pointer", "-fno-pie", "-no-pie"]
                self.try_program(compiler, fixed, "")


if __name__ == "__main__":
    missing = [name for name in COMPILERS if not shutil.which(name)]
    if missing:
        failure = os.environ.get("MCSAFE_NO_SKIP") == "1"
        print("FAILED" if failure else "left out", "there is no", *missing, file=sys.stderr)
        if failure:
            sys.exit(1)
    unittest.main()
