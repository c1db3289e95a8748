# SPDX-License-Identifier: BSD-3-Clause
"""test_programs.py - the programs in README, docs, manual pages and headers compile and run."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import headers
import manual

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
MAN = Path(os.environ["MCSAFE_MAN_DIR"])
LIBRARY = Path(os.environ["MCSAFE_LIBRARY"])
INJECT_FLAGS = os.environ["MCSAFE_INJECT_FLAGS"].split("|")
# The compiler of the build, with its flags: a sanitizer's flags are needed to link.
CC = [os.environ["MCSAFE_CC"], *shlex.split(os.environ["MCSAFE_CFLAGS"])]
STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror".split()


def compile_program(code: str, into: Path) -> Path:
    """Compile and link one program as a user would, and return it."""
    source = into / "program.c"
    source.write_text(code)
    inject = INJECT_FLAGS if "#include <mcsafe/inject.h>" in code else []
    return _cc(source, into / "program", *inject, str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}")


def compile_part(code: str, into: Path) -> Path:
    """Compile code without a main()."""
    source = into / "part.c"
    source.write_text(code)
    return _cc(source, into / "part.o", "-c")


def _cc(source: Path, output: Path, *more: str) -> Path:
    argv = [*CC, *STRICT, f"-I{SOURCE / 'include'}", str(source), "-o", str(output), *more]
    done = subprocess.run(argv, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(argv)}:\n{done.stderr}")
    return output


def output_of(program: Path, *args: str) -> str:
    """Run a program, which must succeed."""
    done = subprocess.run([program, *args], text=True, capture_output=True, check=False, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"exit status {done.returncode}, standard error:\n{done.stderr}")
    return done.stdout


def has_main(code: str) -> bool:
    """Whether code is a program. Otherwise it is the output of one."""
    return re.search(r"\bmain\(", code) is not None


class Programs(unittest.TestCase):
    """Compiles each program in a directory of its own."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe docs ")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def test_readme_shows_the_file_in_examples(self) -> None:
        lines = (SOURCE / "examples/first_copy.c").read_text().splitlines(keepends=True)
        self.assertTrue(all(line.startswith("/* ") for line in lines[:2]))
        self.assertEqual(blocks("README.md")["c"][0], "".join(lines[2:]))

    def test_programs_print_what_their_document_says(self) -> None:
        for document in ("README.md", "docs/inject.md"):
            with self.subTest(document):
                # The parts of programs in README are for the test package.jobs.
                [code] = filter(has_main, blocks(document)["c"])
                [text] = blocks(document)["text"]
                said = output_of(compile_program(code, self.scratch))
                self.assertEqual(re.sub(r"(?<=/frames-)\w{6}", "XXXXXX", said), text)

    def test_programs_of_section_3_print_what_their_page_says(self) -> None:
        tried = 0
        for page in manual.read(MAN):
            programs = [block for block in page.blocks() if has_main(block)]
            if not page.name.endswith(".3") or not programs:
                continue
            with self.subTest(page.name):
                [code] = programs
                [expected] = [block for block in page.blocks() if not has_main(block)]
                self.assertEqual(output_of(compile_program(code, self.scratch)), expected)
                tried += 1
        self.assertGreaterEqual(tried, 5)

    def test_program_of_mcsafe_7_writes_the_file(self) -> None:
        [page] = [page for page in manual.read(MAN) if page.name == "mcsafe.7"]
        [code] = [block for block in page.blocks() if has_main(block)]
        text = SOURCE / "LICENSE"
        program = compile_program(code, self.scratch)
        self.assertEqual(output_of(program, str(text)), text.read_text())

    def test_examples_in_header_comments_compile(self) -> None:
        tried = 0
        for header in headers.read(SOURCE / "include"):
            for comment in header.comments:
                code = "\n".join(re.findall(r"^ \*\t(.*)|^ \*$", comment, re.M))
                if "#include" in code:
                    with self.subTest(header.name):
                        compile_part(before_prose(code), self.scratch)
                        tried += 1
        self.assertGreaterEqual(tried, 1)


def before_prose(code: str) -> str:
    """Return the example in a comment, without the lists, which are also indented."""
    return code[: code.rindex("}") + 1] + "\n"


def blocks(document: str) -> dict[str, list[str]]:
    """Return the fenced blocks of a document by language."""
    found: dict[str, list[str]] = {}
    text = (SOURCE / document).read_text()
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        found.setdefault(language, []).append(body)
    return found


if __name__ == "__main__":
    unittest.main()
