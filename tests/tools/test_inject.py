# SPDX-License-Identifier: BSD-3-Clause
"""test_inject.py - mcsafe inject walks a program through its failing copies."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

import dialogue
from tool import ERROR, FINE, LOST, MCSAFE, run

SUBJECT = os.environ["MCSAFE_SUBJECT"]
ARCHIVE, WRAPPED, STATIC = (
    os.environ.get(f"MCSAFE_SUBJECT_{way}") for way in ("ARCHIVE", "WRAPPED", "STATIC")
)


def inject(*words: str, **options) -> subprocess.CompletedProcess:
    """Run mcsafe inject."""
    return run("inject", *words, **options)


def results(*words: str) -> tuple[int, dict]:
    """Run mcsafe inject --json, and return its status and what it wrote."""
    done = inject("--json", *words)
    if done.stderr:
        raise AssertionError(done.stderr)
    return done.returncode, json.loads(done.stdout)


def outcomes(*words: str) -> tuple[int, list[str]]:
    """Return the status, and the outcome of each run."""
    status, found = results(*words)
    return status, [one["outcome"] for one in found["runs"]]


class Inject(unittest.TestCase):
    """Each way of the subject is recognised."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe inject ")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def test_what_a_program_does_is_named(self) -> None:
        """The first copy of the subject is handled. The second one decides."""
        for way, status, outcome in (
            ("right", FINE, "reported"),
            ("tell", FINE, "told"),
            ("crash", LOST, "crashed"),
            ("shell", LOST, "crashed"),
            ("ignore", LOST, "ignored"),
            ("recover", LOST, "ignored"),
            ("wrong", LOST, "wrong"),
            ("fork", FINE, "reported"),
        ):
            with self.subTest(way):
                self.assertEqual(outcomes("--", SUBJECT, way), (status, ["reported", outcome]))

    def test_a_program_that_hangs_is_killed(self) -> None:
        """Only the hanging run takes the time."""
        done = inject("--timeout", "10", "--", SUBJECT, "hang")
        self.assertEqual(done.returncode, LOST)
        self.assertIn("copy 2: hung: no end after 10 seconds\n", done.stdout)

    def test_recovery_is_right_on_request(self) -> None:
        """The output must then be that of a run without failures."""
        self.assertEqual(
            outcomes("--recovers", SUBJECT, "recover"), (FINE, ["reported", "recovered"])
        )
        self.assertEqual(outcomes("--recovers", SUBJECT, "wrong"), (LOST, ["reported", "wrong"]))
        # Half of the copy is there, with all of the text in it.
        found = outcomes("--recovers", "--offset", "3", SUBJECT, "ignore")
        self.assertEqual(found, (LOST, ["reported", "wrong"]))

    def test_output_that_varies_is_not_compared(self) -> None:
        """A difference of two runs without failures tells nothing."""
        status, found = results("--", SUBJECT, "vary")
        self.assertEqual((found["stderr_compared"], found["stdout_compared"]), (False, False))
        self.assertEqual((status, found["runs"][1]["outcome"]), (LOST, "ignored"))
        done = inject("--", SUBJECT, "vary")
        self.assertIn("standard error differs from run to run", done.stdout)
        self.assertIn("    | process ", done.stdout)

    def test_an_ignored_signal_stays_ignored(self) -> None:
        """As nohup(1) wants it: the terminal has gone, and the walk goes on."""
        command = ["sh", "-c", 'trap "" HUP; exec "$0" inject sh -c "$1"', MCSAFE]
        done = subprocess.run(
            [*command, f"kill -HUP $PPID; exec {shlex.quote(SUBJECT)} right"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))

    def test_many_copies(self) -> None:
        """The results of all runs are kept, but not their files."""
        done = subprocess.run(
            ["bash", "-c", 'ulimit -n 30; exec "$0" inject "$1" many', MCSAFE, SUBJECT],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        self.assertIn("101 failing copies, 0 not handled\n", done.stdout)

    def test_copies_of_all_threads_fail(self) -> None:
        """They are counted over all threads of a process."""
        self.assertEqual(outcomes("--", SUBJECT, "threads"), (FINE, ["reported"] * 3))

    def test_copies_of_each_process_are_counted(self) -> None:
        """The shell makes no copy, and each program counts from 1."""
        command = f"{shlex.quote(SUBJECT)} right || {shlex.quote(SUBJECT)} right"
        status, found = results("--", "sh", "-c", command)
        self.assertEqual(status, FINE)
        self.assertEqual([one["outcome"] for one in found["runs"]], ["reported"] * 2)
        self.assertEqual([len(one["failed"]) for one in found["runs"]], [2, 2])
        self.assertEqual((found["processes"], found["copies"]), (2, 2))

    def test_callers_are_named(self) -> None:
        """The function that has called, with its file, and main() as the last one."""
        _, found = results("--nth", "2", "--", SUBJECT, "crash")
        [one] = found["runs"]
        [copy] = one["failed"]
        self.assertEqual(
            (copy["copy"], copy["function"], copy["length"], copy["offset"]),
            (2, "mcsafe_memcpy", 100, 50),
        )
        self.assertEqual((one["signal"], one["status"]), ("SIGSEGV", None))
        names = [caller["function"] for caller in copy["callers"]]
        # The compiler may inline the functions of the subject into main().
        self.assertTrue(set(names) <= {"copy_record", "crash", "main"} and names, names)
        self.assertEqual(copy["callers"][0]["module"], str(Path(SUBJECT).resolve()))

    def test_chosen_copies(self) -> None:
        """Numbers, ranges, the offset, and all later copies."""
        _, found = results("--nth", "2,1-2", "--offset", "7", "--", SUBJECT, "right")
        self.assertEqual([one["copy"] for one in found["runs"]], [2, 1, 2])
        self.assertEqual({one["failed"][0]["offset"] for one in found["runs"]}, {7})
        self.assertEqual(
            outcomes("--onwards", "--nth", "1", "--", SUBJECT, "tell"), (FINE, ["reported"])
        )

    def test_a_copy_that_is_not_made(self) -> None:
        """Nothing was tested then, so it is not fine."""
        done = inject("--nth", "1,9", "--", SUBJECT, "right")
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("copy 9: unreached: the program makes fewer copies", done.stdout)

    def test_a_copy_that_fails_by_itself(self) -> None:
        """The walk goes on after it, and it was not tested, so it is not fine."""
        for words in (("--",), ("--nth", "1-3", "--")):
            found = outcomes(*words, SUBJECT, "lost")
            self.assertEqual(found, (ERROR, ["reported", "unreached", "reported"]))
        file = self.scratch / "results.xml"
        done = inject("--junit", str(file), "--", SUBJECT, "lost")
        text = "the copy stops before it, and the program ends with status 0"
        self.assertIn(f"copy 2: unreached: {text}\n", done.stdout)
        self.assertIn("2 failing copies, 0 not handled\n", done.stdout)
        [skipped] = xml.etree.ElementTree.parse(file).getroot().iter("skipped")
        self.assertEqual(skipped.get("message"), text)

    def test_junit(self) -> None:
        """One test for each copy, and a failure for each that is not handled."""
        file = self.scratch / "results of <&>.xml"
        for way, failures in (("crash", 1), ("tell", 0)):
            done = inject("--junit", str(file), "--nth", "1-2", "--", SUBJECT, way)
            self.assertEqual(done.returncode, LOST if failures else FINE)
            suite = xml.etree.ElementTree.parse(file).getroot().find("testsuite")
            self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", str(failures)))
            cases = suite.findall("testcase")
            self.assertEqual([case.get("name") for case in cases], ["copy 1", "copy 2"])
            found = [failure.get("message") for failure in suite.iter("failure")]
            self.assertEqual(found, ["killed by SIGSEGV"] * failures)
        self.assertIn(r"\x1ba record is lost <&>", cases[1].findtext("system-err"))

    def test_files_that_cannot_be_written(self) -> None:
        """They are named."""
        junit = "/nonexistent/junit.xml"
        done = inject("--junit", junit, "--", SUBJECT, "right")
        self.assertEqual(done.returncode, ERROR)
        self.assertIn(f"{junit}: No such file or directory", done.stderr)
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "inject", "--", SUBJECT, "right"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("standard output: No space left on device", done.stderr)

    def test_wrong_usage(self) -> None:
        """The message names the option."""
        for words, message in (
            ((), "which program?"),
            (("--",), "which program?"),
            (("--nth", "0", SUBJECT), "--nth: a list of numbers from 1 on"),
            (("--nth", "3-1", SUBJECT), "--nth: a list of numbers from 1 on"),
            (("--nth", "1,", SUBJECT), "--nth: a list of numbers from 1 on"),
            (("--nth", "-1", SUBJECT), "--nth: a list of numbers from 1 on"),
            (("--nth", "99999999999999999999", SUBJECT), "--nth: a list of numbers"),
            (("--timeout", "0", SUBJECT), "--timeout: a number of seconds"),
            (("--timeout", "1s", SUBJECT), "--timeout: a number of seconds"),
            (("--offset", "x", SUBJECT), '--offset: "x" is no number of bytes'),
            (("--all", "--nth", "1", SUBJECT), "exclude each other"),
            (("--frobnicate", SUBJECT), "there is no option --frobnicate"),
            (("/nonexistent/program",), "/nonexistent/program: No such file or directory"),
            (("/dev/null",), "/dev/null: Permission denied"),
            (("--library", "/nonexistent", SUBJECT, "right"), "/nonexistent: No such file"),
            (("--library", "/", SUBJECT, "right"), "/: not a file"),
            (("--input", "/nonexistent", SUBJECT, "right"), "No such file or directory"),
        ):
            with self.subTest(words):
                done = inject(*words)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)

    def test_a_program_that_fails_by_itself(self) -> None:
        """Without a failing copy it must end with 0, in time."""
        for words, message in (
            ((SUBJECT, "right", "3"), "ends with exit status 3, though no copy fails"),
            (("sh", "-c", "kill -SEGV $$"), "is killed by SIGSEGV, though no copy fails"),
            (("--timeout", "0.1", "sleep", "100"), "does not end in 0.1 seconds"),
        ):
            with self.subTest(words):
                done = inject(*words)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)

    def test_programs_that_cannot_be_tested(self) -> None:
        """Each reason is told."""
        done = inject("true")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertEqual(done.stderr, "mcsafe inject: true makes no copies with libmcsafe\n")
        for program, message in (
            (STATIC, "is linked statically, so nothing can be preloaded"),
            (ARCHIVE, "libmcsafe is linked statically into"),
        ):
            if program is None:  # this build has no archive
                continue
            done = inject("--", program, "right")
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(message, done.stderr)

    def test_a_library_that_is_not_the_injector(self) -> None:
        """The loader passes it over, or it traces nothing."""
        file = self.scratch / "library.so"
        file.write_text("no library")
        done = inject("--library", str(file), SUBJECT, "right")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("subject has started no program that takes libmcsafe-inject", done.stderr)

    def test_an_injector_that_is_gone_is_not_the_end(self) -> None:
        """Otherwise the walk would end early, and nobody would know."""
        library = self.scratch / "library.so"
        shutil.copy(os.environ["MCSAFE_INJECT_LIBRARY"], library)
        # The second run, which is without a failure too, removes it.
        script = 'test -e mark && rm -f library.so; touch mark; exec "$0" right'
        words = ("--library", str(library), "--", "sh", "-c", script, SUBJECT)
        done = inject(*words, cwd=self.scratch)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("library.so was not loaded in the run of copy 1", done.stderr)

    def test_a_program_with_the_injector_in_it(self) -> None:
        """It is tested like one that takes a preloaded injector."""
        if WRAPPED is None:  # this build has no archive
            return
        self.assertEqual(outcomes("--", WRAPPED, "crash"), (LOST, ["reported", "crashed"]))

    def test_an_interruption_ends_the_walk(self) -> None:
        """The results so far are written, and the program that runs is killed."""
        with subprocess.Popen(
            [MCSAFE, "inject", "--timeout", "600", "--", SUBJECT, "hang"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            # Copy 1 was reported, so the run of copy 2 begins, and hangs.
            while not (line := process.stdout.readline()).startswith("copy 1:"):
                self.assertNotEqual(line, "", "the command has ended")
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors), (ERROR, ""))
        self.assertIn("interrupted: later copies were not tried", rest)
        self.assertIn("1 failing copy, 0 not handled", rest)

    def test_nothing_is_left(self) -> None:
        """No file stays, and no process: the pipe ends with the last one that has it."""
        with tempfile.TemporaryDirectory() as place:
            reading, writing = os.pipe()
            done = inject(
                "--", SUBJECT, "fork", env={**os.environ, "TMPDIR": place}, pass_fds=[writing]
            )
            os.close(writing)
            self.assertEqual(os.read(reading, 1), b"")
            os.close(reading)
            self.assertEqual((done.returncode, os.listdir(place)), (FINE, []))

    def test_the_manual(self) -> None:
        """The dialogue of the page."""
        (self.scratch / "backup").symlink_to(SUBJECT)
        kinds = {"kind poison": "kind (poison|guard|protect)"}
        dialogue.replay("mcsafe-inject.1", self.scratch, free=kinds)


if __name__ == "__main__":
    unittest.main()
