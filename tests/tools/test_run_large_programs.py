# SPDX-License-Identifier: BSD-3-Clause
"""test_run_large_programs.py - compilers, linkers and others that mcsafe run saves.

TABLE lists them. They are large to install, so the test is one of the hosts.
"""

import shutil
import signal
from pathlib import Path

import programs
import victims
from programs import Line, Programs, text

NUMPY = "import sys, numpy; print(numpy.memmap(sys.argv[1], dtype='u1', mode='r').sum())"
JAVA = """
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

public class Sum {
    public static void main(String[] words) throws Exception {
        try (RandomAccessFile file = new RandomAccessFile(words[0], "r")) {
            MappedByteBuffer buffer =
                file.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, file.length());
            long sum = 0;
            for (int i = 0; i < buffer.limit(); i += 64)
                sum += buffer.get(i);
            System.out.println("the sum is " + sum);
        } catch (InternalError error) {
            System.out.println("an internal error: " + error.getMessage());
        }
    }
}
"""
# More than the file system has room for.
LARGE = "char large[1 << 20] = {1}; int main(void) { return 0; }\n"


def image(case: Programs) -> Path:
    """An image in the format of libvips."""
    made = case.directory / "image.v"
    case.assertEqual(case.plain("vips", "black", made, 1000, 1000).returncode, 0)
    return made


def source(case: Programs) -> Path:
    """A source file."""
    lines = "".join(f"int variable{i}[40] = {{{i}, 1, 2, 3}};\n" for i in range(600))
    made = case.directory / "source.c"
    made.write_text(lines, encoding="ascii")
    (case.directory / "main.c").write_text(LARGE, encoding="ascii")
    return made


def objects(case: Programs) -> Path:
    """An object that is linked to another, which does not need it."""
    made = source(case)
    for name in ("main", "source"):
        words = ("gcc", "-c", made.with_name(f"{name}.c"), "-o", made.with_name(f"{name}.o"))
        case.assertEqual(case.plain(*words).returncode, 0)
    return made.with_name("source.o")


def java(case: Programs) -> Path:
    """A file, and a program in Java that reads it."""
    (case.directory / "Sum.java").write_text(JAVA, encoding="ascii")
    case.assertEqual(case.plain("javac", case.directory / "Sum.java").returncode, 0)
    return text(case)


def link(name: str, **more) -> Line:
    """A line for a linker, which gcc starts."""
    words = f"gcc -fuse-ld={name} DIR/main.o FILE -o DIR/program"
    return Line(f"ld_{name}", words, objects, plain=1, needs=f"ld.{name}", **more)


TABLE = (
    Line("numpy", f'/usr/bin/python3 -c "{NUMPY}" FILE', text, told=r"^\d+\n"),
    Line("vips_avg", "vips avg FILE", image, told=r"^0\.0"),
    Line("vips_copy", "vips copy FILE DIR/copy.v", image),
    link("gold", status=None, cry="terminated with signal 7", told="file too short"),
    link("lld", status=None, cry="terminated with signal 7", told="ld.lld: error: "),
    # Old versions end with an error of their own. It links zeros as if nothing had been.
    link("mold", cry="ld (returned 1|terminated with signal 7)"),
    # Without the option it leaves files in the directory for temporary files when it dies.
    Line("clang", "clang -fno-crash-diagnostics -fsyntax-only FILE", source, None,
         told="null character", plain=128 + signal.SIGBUS, cry="clang frontend command failed"),
)
RECOVER = (
    Line("java", "java -cp DIR Sum FILE", java, plain=0, cry="an internal error: ",
         told=r"the sum is \d+\n"),
)


class Truncated(Programs):
    """A test for each line."""


programs.add_tests(Truncated, TABLE)
programs.add_tests(Truncated, RECOVER, Programs.recovers)


class Written(victims.Full):
    """What is written to a file system that is full."""

    def test_lld(self) -> None:
        """The program that was linked is broken, and the status tells."""
        if shutil.which("ld.lld") is None:
            victims.needs("there is no ld.lld")
        source, made = self.directory / "main.c", self.directory / "main.o"
        source.write_text(LARGE, encoding="ascii")
        self.assertEqual(self.plain("gcc", "-c", source, "-o", made).returncode, 0)
        self.check_full("ld.lld", made, "-e", "main", "-o", self.mount / "program", status=0)


if __name__ == "__main__":
    victims.main()
