# SPDX-License-Identifier: BSD-3-Clause
"""test_sanitizers.py - what docs/sanitizers.md says about sanitizers and valgrind is true.

The test builds a user's program with each sanitizer, and links it with a libmcsafe that was built
without any.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
LIBRARY = Path(os.environ["MCSAFE_LIBRARY"])
CC = os.environ["MCSAFE_CC"]
NO_SKIP = os.environ.get("MCSAFE_NO_SKIP") == "1"

# The options of each sanitizer, and the first words of its report of a SIGSEGV.
OPTIONS = {
    "address": "ASAN_OPTIONS",
    "thread": "TSAN_OPTIONS",
    "thread of clang": "TSAN_OPTIONS",
    "memory": "MSAN_OPTIONS",
}
REPORT = {
    "address": "ERROR: AddressSanitizer: SEGV",
    "thread": "ERROR: ThreadSanitizer: SEGV",
    "thread of clang": "ERROR: ThreadSanitizer: SEGV",
    "memory": "ERROR: MemorySanitizer: SEGV",
}
INSTALLED = "install: Success, installed: 1\n"
REFUSED = "install: Operation not permitted, installed: 0\n"
COPIES = INSTALLED + "copy: right\ncopy in a thread: right\n"
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=9"]
REGISTERS = "--vex-iropt-register-updates=allregs-at-each-insn"
PRECISE = (REGISTERS, "--vex-iropt-unroll-thresh=0", "--vex-guest-chase=no")
SUPPRESSIONS = f"--suppressions={SOURCE / 'docs/valgrind.supp'}"


class Tools(unittest.TestCase):
    """Builds the program once for each tool, and runs it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.scratch = tempfile.TemporaryDirectory(prefix="mcsafe sanitizers ")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.built: dict[str, Path] = {}

    def program(self, sanitizer: str | None, *more: str) -> Path:
        """Build the program, or skip the test where that is impossible."""
        name = " ".join([sanitizer or "plain", *more])
        if name not in self.built:
            out = Path(self.scratch.name, name)
            clangs = sanitizer == "memory" or (sanitizer or "").endswith("of clang")
            cc = "clang" if clangs else CC
            if shutil.which(cc) is None:
                self.missing(f"{cc} is not installed")
            flags = [f"-fsanitize={sanitizer.split()[0]}"] if sanitizer else []
            argv = [cc, "-g", "-O1", "-D_GNU_SOURCE", *flags, *more, f"-I{SOURCE / 'include'}"]
            argv += [str(SOURCE / "tests/docs/sanitized.c"), str(LIBRARY)]
            argv += [f"-Wl,-rpath,{LIBRARY.parent}", "-pthread", "-o", str(out)]
            done = subprocess.run(argv, text=True, capture_output=True, check=False)
            if done.returncode != 0 and "libclang_rt" in done.stderr:
                self.missing(f"the runtime of clang's {name} sanitizer is not installed")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.built[name] = out
        return self.built[name]

    def missing(self, why: str) -> None:
        """Skip the test, or fail where nothing may be skipped."""
        if NO_SKIP:
            self.fail(why)
        print(f"skipped: {why}")
        self.skipTest(why)

    def run_it(
        self, sanitizer: str | None, *mode: str, options: str = "", tool: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        environment = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
        if options:
            environment[OPTIONS[sanitizer]] = options
        return subprocess.run(
            [*tool, self.program(sanitizer, *flags), *mode],
            env=environment, text=True, capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    def test_copies_land_without_any_option(self) -> None:
        for sanitizer in (None, "undefined", *OPTIONS):
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, "copies")
                self.assertEqual((done.returncode, done.stdout), (0, COPIES), done.stderr)

    def test_a_host_handler_replaces_the_report(self) -> None:
        for sanitizer in OPTIONS:
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, "host")
                self.assertEqual((done.returncode, done.stdout), (0, "copy: right\n"), done.stderr)

    def test_other_faults_get_the_report_of_the_sanitizer(self) -> None:
        for sanitizer, report in REPORT.items():
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, "crash")
                self.assertEqual(done.stdout, COPIES)
                self.assertIn(report, done.stderr)
                self.assertNotEqual(done.returncode, 0)

    def test_unhandled_signals_get_the_default_action(self) -> None:
        for sanitizer in OPTIONS:
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, "crash", options="handle_segv=0:handle_sigbus=0")
                self.assertEqual((done.returncode, done.stdout), (-11, COPIES))
                self.assertNotIn("SEGV on", done.stderr)

    def test_without_user_handlers_install_fails(self) -> None:
        for sanitizer in OPTIONS:
            for option in ("handle_segv=2", "handle_sigbus=2", "allow_user_segv_handler=0"):
                with self.subTest(f"{sanitizer} {option}"):
                    done = self.run_it(sanitizer, "copies", options=option)
                    self.assertEqual((done.returncode, done.stdout), (3, REFUSED), done.stderr)

    def test_sent_signals_arrive(self) -> None:
        for sanitizer in (None, *OPTIONS):
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, "delayed")
                self.assertEqual(done.stdout, INSTALLED + "sent signal: handled\n", done.stderr)

    def test_a_sanitizer_does_not_see_what_a_copy_does(self) -> None:
        blind = (("address", "overflow"), ("thread", "race"), ("thread of clang", "race"))
        for sanitizer, mode in blind:
            with self.subTest(sanitizer):
                done = self.run_it(sanitizer, mode)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_memory_sanitizer_must_be_told(self) -> None:
        done = self.run_it("memory", "uninitialized", "nothing")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("use-of-uninitialized-value", done.stderr)
        done = self.run_it("memory", "uninitialized", "all")
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, INSTALLED + "uninitialized: 7 left, protected\n")

    def test_memory_sanitizer_is_told_of_words_and_guards(self) -> None:
        told = "words: 7 7 8 9 1010101\nword: protected\nguard: protected\n"
        for flags in ((), ("-DMCSAFE_ACCESS_INLINE=0",)):
            with self.subTest(flags):
                done = self.run_it("memory", "words", flags=flags)
                self.assertEqual((done.stdout, done.stderr), (INSTALLED + told, ""))
                done = self.run_it("memory", "lost_word", flags=flags)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("use-of-uninitialized-value", done.stderr)
                self.assertIn("lost_word", done.stderr)

    def test_patterns_of_presets_have_few_groups(self) -> None:
        """A pattern with ten groups or more matches nothing, and CTest does not say so (CMake,
        Source/kwsys/RegularExpression.hxx.in, NSUBEXP)."""
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())["testPresets"]
        patterns = [
            pattern
            for preset in presets
            for pattern in preset.get("filter", {}).get("exclude", {}).values()
        ]
        self.assertGreater(len(patterns), 3)
        for pattern in patterns:
            self.assertLess(pattern.count("("), 10, pattern)

    def test_valgrind_is_quiet_with_its_options_and_suppressions(self) -> None:
        if shutil.which("valgrind") is None:
            self.missing("valgrind is not installed")
        tool = (*VALGRIND, *PRECISE, SUPPRESSIONS)
        done = self.run_it(None, "copies", tool=tool)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, COPIES, ""))
        done = self.run_it(None, "unmapped", tool=tool)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = self.run_it(None, "overflow", tool=tool)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # Without these options, Valgrind unrolls the loop, and reports the fault at an instruction
        # that it considers another one. Whether the result is wrong then depends on luck.
        done = self.run_it(None, "loop", tool=tool)
        self.assertEqual((done.returncode, done.stdout), (0, "loop: 156 left\n"), done.stderr)
        done = self.run_it(None, "words", tool=tool)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("word: protected", done.stdout)
        for mode in ("overflow", "unmapped"):
            done = self.run_it(None, mode, tool=(*VALGRIND, *PRECISE))
            self.assertEqual(done.returncode, 9)
            self.assertRegex(done.stderr, r"Invalid (read|write)")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
