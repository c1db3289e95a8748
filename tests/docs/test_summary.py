# SPDX-License-Identifier: BSD-3-Clause
"""test_summary.py - tests/summary.py counts correctly and gives the reason of each skip."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.sax.saxutils import escape

SUMMARY = Path(os.environ["MCSAFE_SOURCE_DIR"], "tests/summary.py")


def case(name: str, status: str, output: str) -> str:
    """Return one test as `ctest --output-junit` writes it."""
    kind = {"fail": '<failure message=""/>', "notrun": '<skipped message="77"/>'}.get(status, "")
    return (
        f'<testcase name="{name}" status="{status}">{kind}'
        f"<system-out>{escape(output)}</system-out></testcase>"
    )


def summary(*cases: str) -> list[str]:
    """Return the lines that are printed for these tests."""
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as results:
        results.write(f'<?xml version="1.0"?><testsuite>{"".join(cases)}</testsuite>')
        results.flush()
        argv = [sys.executable, "-B", SUMMARY, "dev", results.name]
        return subprocess.run(argv, text=True, capture_output=True, check=True).stdout.splitlines()


class Summary(unittest.TestCase):
    """Summaries of short runs of ctest."""

    def test_a_run_without_failures_is_one_line(self) -> None:
        self.assertEqual(
            summary(case("a", "run", "SKIP: not skipped at all"), case("b", "run", "")),
            ["dev: 100% tests passed, 0 tests failed out of 2, 0 skipped"],
        )

    def test_failures_are_named(self) -> None:
        self.assertEqual(
            summary(case("b", "fail", ""), case("a", "fail", ""), case("c", "run", "")),
            [
                "FAILED   a",
                "FAILED   b",
                "dev: 33% tests passed, 2 tests failed out of 3, 0 skipped",
            ],
        )

    def test_skips_have_their_reason(self) -> None:
        for output, reason in (
            ("SKIP: no guest & no kernel\n", "no guest & no kernel"),
            ("poisoned_read: SKIP: no such page\n", "no such page"),
            (
                "[ RUN      ] x\nskipped: ptrace is forbidden\n[  SKIPPED ] x\n",
                "ptrace is forbidden",
            ),
            ("skipped: one\nskipped: two\nskipped: one\n", "one; two"),
            ("libunwind was not found\n", "libunwind was not found"),
            ("", "it does not say why"),
        ):
            with self.subTest(output):
                self.assertEqual(
                    summary(case("a", "notrun", output), case("b", "run", "")),
                    [
                        f"skipped  a: {reason}",
                        "dev: 100% tests passed, 0 tests failed out of 2, 1 skipped",
                    ],
                )

    def test_a_case_that_was_left_out_is_listed(self) -> None:
        output = (
            "[ RUN      ] x\nleft out: no such stack\n[  SKIPPED ] x\n"
            "[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] x\n"
        )
        self.assertEqual(
            summary(case("a", "run", output)),
            [
                "left out a x: no such stack",
                "dev: 100% tests passed, 0 tests failed out of 1, 0 skipped",
            ],
        )

    def test_a_missing_program_counts_as_failed(self) -> None:
        missing = '<testcase name="a" status="fail"><failure message="Unable to find"/></testcase>'
        self.assertEqual(
            summary(missing),
            ["FAILED   a", "dev: 0% tests passed, 1 tests failed out of 1, 0 skipped"],
        )


if __name__ == "__main__":
    unittest.main()
