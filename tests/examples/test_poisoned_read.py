# SPDX-License-Identifier: BSD-3-Clause
"""test_poisoned_read.py PROGRAM KIND - the example reports the right bytes, and harms no file."""

import json
import mmap
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGE = mmap.PAGESIZE
FILE_BYTES = 5 * PAGE + 123

# The kernel's answers for each kind. A marker of userfaultfd counts as poison on a kernel with
# CONFIG_MEMORY_FAILURE.
IO = {"cause": "io", "errno": "EIO", "code": "BUS_ADRERR", "extent": 0}
POISON = {"cause": "poison", "errno": "EHWPOISON", "code": "BUS_MCEERR_AR", "extent": PAGE}
ANSWERS = {"truncate": [IO], "uffd": [IO, POISON]}
EXPLAINED = {
    "truncate": "past the end of the file, which has ",
    "uffd": f"poisoned memory, {PAGE} bytes are lost",
}

program, kind = "", ""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run([program, *args], text=True, capture_output=True, check=False, timeout=30)


class PoisonedRead(unittest.TestCase):
    """Runs the example on files of random bytes."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe examples ")
        self.addCleanup(scratch.cleanup)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        self.content = random.Random(seed).randbytes(FILE_BYTES)
        self.file = Path(scratch.name, 'a "file"')
        self.file.write_bytes(self.content)

    def report(self, *args: str) -> dict:
        """Run the example, which must succeed, and return its report."""
        done = run("--json", "--kind", kind, *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return json.loads(done.stdout)

    def check(self, report: dict, offset: int, length: int, poison: int) -> None:
        """Compare a report with the result that follows from the request."""
        page = poison - poison % PAGE
        good = max(page - offset, 0)
        expected = {
            "kind": kind,
            "not_possible": {},
            "poison_offset": page,
            "poison_size": PAGE,
            "offset": offset,
            "length": length,
            "copied": good,
            "remaining": length - good,
            "prefix_right": True,
            "rest_untouched": True,
            "survived": True,
        }
        self.assertEqual({key: report[key] for key in expected}, expected)
        fault = report["fault"]
        self.assertEqual((fault["side"], fault["signal"]), ("source", "SIGBUS"))
        self.assertEqual(fault["address_file_offset"], offset + good)
        self.assertIn({key: fault[key] for key in IO}, ANSWERS[kind])
        # The private copy begins with the page in which the copy begins.
        # All of a poisoned page is lost, not only what follows the fault.
        lost = offset + good if kind == "truncate" else page
        at = lost - (offset - offset % PAGE)
        place = f"memfd:poisoned_read, offset {at}: "
        self.assertEqual(fault["explained"][: len(place)], place)
        self.assertIn(EXPLAINED[kind], fault["explained"])

    def test_a_file_of_its_own_is_read(self) -> None:
        report = self.report()
        self.assertIsNone(report["file"])
        self.check(report, 0, 8 * PAGE, 4 * PAGE)

    def test_ranges_of_a_given_file_are_read(self) -> None:
        for offset, length, poison in (
            (0, FILE_BYTES, 2 * PAGE),
            (0, FILE_BYTES, FILE_BYTES - 1),
            (1, PAGE, PAGE),
            (PAGE - 1, 2, PAGE),
            (PAGE + 77, 3 * PAGE, 3 * PAGE + 5),
            (PAGE + 77, 100, PAGE + 99),
        ):
            with self.subTest(offset=offset, length=length, poison=poison):
                report = self.report(
                    f"--offset={offset}", f"--length={length}", f"--poison={poison}", str(self.file)
                )
                self.assertEqual(report["file"], str(self.file))
                self.check(report, offset, length, poison)
                self.assertEqual(self.file.read_bytes(), self.content)

    def test_text_and_json_agree(self) -> None:
        done = run("--kind", kind, "--offset=7", f"--length={3 * PAGE}", str(self.file))
        self.assertEqual(done.returncode, 0)
        for words in (
            f"copied      {PAGE - 7} bytes",
            f"remaining   {2 * PAGE + 7} bytes",
            f"file offset {PAGE}\n",
            f"explained   memfd:poisoned_read, offset {PAGE}: {EXPLAINED[kind]}",
            "side        source",
            "prefix      right",
            "rest        untouched",
        ):
            self.assertIn(words, done.stdout)

    def test_errors_name_file_offset_and_cause(self) -> None:
        for status, words, args in (
            (1, f"{self.file}: offset {FILE_BYTES}: the file has only", ["-o", str(FILE_BYTES)]),
            (1, f"{self.file}: offset 9: ", ["-o", "9", "-l", str(FILE_BYTES)]),
            (1, f"{self.file}: offset 5: must fail, but is not", ["-o", "9", "-p", "5"]),
            (2, '"x" is not a number', ["--length", "x"]),
            (2, '"-1" is not a number', ["--offset=-1"]),
            (2, '"magic" is not one of', ["--kind", "magic"]),
            (2, "more than one file", ["another"]),
        ):
            with self.subTest(words):
                done = run("--kind", kind, *args, str(self.file))
                self.assertEqual((done.returncode, done.stdout), (status, ""))
                self.assertIn(words, done.stderr)

    def test_unreadable_files_are_reported(self) -> None:
        for path, words in (
            (self.file.parent, "not a regular file"),
            (self.file.with_name("none"), "No such file or directory"),
        ):
            done = run("--kind", kind, str(path))
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{path}: {words}", done.stderr)

    def test_unwritable_output_is_reported(self) -> None:
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [program, "--kind", kind], stdout=full, stderr=subprocess.PIPE, check=False
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: No space left", done.stderr)

    def test_help_lists_the_options(self) -> None:
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--kind", "--offset", "--length", "--poison", "--json"):
            self.assertIn(option, done.stdout)


def main() -> None:
    """Skip the tests where the machine cannot run them. Otherwise run them."""
    global program, kind
    program, kind = sys.argv[1:]
    probe = run("--kind", kind)
    if probe.returncode == 77:
        print(probe.stderr.strip())
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
