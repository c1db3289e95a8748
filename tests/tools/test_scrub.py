# SPDX-License-Identifier: BSD-3-Clause
"""test_scrub.py - mcsafe scrub finds what cannot be read, stops, and goes on."""

import errno
import json
import os
import pty
import signal
import subprocess
import unittest
from pathlib import Path

import dialogue
from medium import PAGE, Medium, bad
from tool import ERROR, FINE, LOST, MCSAFE, run

MIB = 1 << 20


def scrub(*words: str | Path, **options) -> subprocess.CompletedProcess:
    """Run mcsafe scrub."""
    return run("scrub", *map(str, words), **options)


def found(*words: str | Path, status: int, **options) -> dict:
    """Return what mcsafe scrub --json writes."""
    done = scrub("--json", *words, **options)
    if done.returncode != status or done.stderr:
        raise AssertionError(f"exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def pairs(ranges: list[dict]) -> list[tuple[int, int]]:
    """Return ranges as tuples."""
    return [(one["start"], one["length"]) for one in ranges]


def read_terminal(master: int) -> str:
    """Return what a terminal has got, after the last program has closed it."""
    written = b""
    try:
        while more := os.read(master, 4096):
            written += more
    except OSError as error:  # the way in which Linux tells the end
        if error.errno != errno.EIO:
            raise
    os.close(master)
    return written.decode()


class Scrub(Medium):
    """Files with bad ranges that this test has made."""

    def test_a_good_file(self) -> None:
        """All of it is checked, and nothing is bad. The last page may be a part."""
        for more in (b"", b"end"):
            content = self.write(40, more)
            result = found(self.file, status=FINE)
            self.assertTrue(result["complete"])
            self.assertEqual((result["size"], result["offset"]), (len(content),) * 2)
            self.assertEqual((result["bad"], result["unread"]), ([], []))

    def test_an_empty_file(self) -> None:
        """There is nothing to read."""
        self.write(0)
        self.assertEqual(found(self.file, status=FINE)["size"], 0)

    def test_bad_ranges_are_found(self) -> None:
        """At the start, at the end, and neighbours, which are one range."""
        self.write(64)
        lost = [(0, PAGE), (5 * PAGE, PAGE), (6 * PAGE, 2 * PAGE), (63 * PAGE, PAGE)]
        result = found(self.file, status=LOST, env=bad(self.file, lost))
        expected = [(0, PAGE), (5 * PAGE, 3 * PAGE), (63 * PAGE, PAGE)]
        self.assertEqual(pairs(result["bad"]), expected)
        self.assertEqual((result["bad_bytes"], result["unread"]), (5 * PAGE, []))
        self.assertTrue(result["complete"])

    def test_errors_that_may_pass(self) -> None:
        """They are told, and are not in the list that is saved."""
        self.write(8)
        saved = self.scratch / "list"
        shim = bad(self.file, lost=[(PAGE, PAGE)], passing=[(4 * PAGE, PAGE)])
        result = found("--save", saved, self.file, status=LOST, env=shim)
        self.assertEqual(pairs(result["bad"]), [(PAGE, PAGE)])
        self.assertEqual(pairs(result["unread"]), [(4 * PAGE, PAGE)])
        self.assertEqual(saved.read_text().splitlines()[1:], [f"{PAGE} {PAGE}"])
        shim = bad(self.file, passing=[(4 * PAGE, PAGE)])
        self.assertEqual(found(self.file, status=LOST, env=shim)["bad"], [])

    def test_known_ranges_are_not_read(self) -> None:
        """They stay in the list, and nobody is told of a fault."""
        self.write(8)
        known = self.scratch / "known"
        known.write_text(f"# mine\n{PAGE} {PAGE}\n{100 * PAGE} 1\n")
        done = scrub("--load", known, self.file, env=bad(self.file, [(PAGE, PAGE)]))
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        self.assertIn(f"  bytes {PAGE}-{2 * PAGE - 1} (4.0 KiB): bad\n", done.stdout)
        # What is past the end of the file is left out.
        self.assertNotIn(f"{100 * PAGE}", done.stdout)
        result = found("--load", known, "--recheck", self.file, status=LOST)
        self.assertEqual((result["readable_bytes"], result["bad_bytes"]), (PAGE, PAGE))

    def test_each_range_is_told_at_once(self) -> None:
        """With the reason, on standard error; not with --quiet."""
        self.write(8)
        shim = bad(self.file, [(2 * PAGE, PAGE)])
        done = scrub(self.file, env=shim)
        self.assertIn(f"{self.file}: bytes {2 * PAGE}-{3 * PAGE - 1} cannot be read: ", done.stderr)
        self.assertEqual(scrub("-q", self.file, env=shim).stderr, "")

    def test_a_list_is_written_whole_or_not(self) -> None:
        """An old list stays if the new one cannot be written."""
        self.write(2)
        done = scrub("--save", "-", "-q", self.file, env=bad(self.file, [(0, PAGE)]))
        self.assertEqual(done.returncode, LOST)
        self.assertTrue(done.stdout.endswith(f"\n0 {PAGE}\n"), done.stdout)
        done = scrub("--save", "/nonexistent/list", self.file)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("/nonexistent/list: No such file or directory", done.stderr)

    def interrupt(self, *words: str | Path, shim: dict) -> subprocess.CompletedProcess:
        """Begin a scrub that takes seconds, and interrupt it once a bad range was found."""
        command = [MCSAFE, "scrub", "--rate", "4M", *map(str, words), str(self.file)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shim
        ) as process:
            first = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=100)
        return subprocess.CompletedProcess(command, process.returncode, output, first + errors)

    def test_an_interrupted_scrub_goes_on(self) -> None:
        """The parts together find what one run finds, and the state is gone then."""
        self.write(32 * MIB // PAGE)
        lost = [(0, PAGE), (16 * MIB, PAGE), (32 * MIB - PAGE, PAGE)]
        shim = bad(self.file, lost, passing=[(PAGE, PAGE)])
        state, saved = self.scratch / "state", self.scratch / "list"
        done = self.interrupt("--resume", state, "--save", saved, shim=shim)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("stopped; the state is in the file of --resume", done.stdout)
        self.assertEqual(saved.read_text().splitlines()[1:], [f"0 {PAGE}"])
        heading = state.read_text().splitlines()[0]
        self.assertRegex(heading, rf"^# mcsafe scrub: \d+ of {32 * MIB} bytes checked$")
        offset = int(heading.split()[3])
        self.assertTrue(0 < offset < 32 * MIB, heading)
        result = found("--resume", state, "--save", saved, self.file, status=LOST, env=shim)
        self.assertEqual(pairs(result["bad"]), lost)
        self.assertEqual(pairs(result["unread"]), [(PAGE, PAGE)])
        self.assertTrue(result["complete"])
        self.assertFalse(state.exists())
        self.assertEqual(saved.read_text().splitlines()[1:], [f"{a} {n}" for a, n in lost])

    def test_a_state_that_cannot_be_written(self) -> None:
        """The scrub ends, and tells what it has found."""
        self.write(32 * MIB // PAGE)
        faulty = {"FAULTY_CLOCK": "11000", "FAULTY_RENAME": "1"}
        done = subprocess.run(
            [os.environ["MCSAFE_FAULTY"], "scrub", "--resume", self.scratch / "state", self.file],
            env={**bad(self.file, [(0, PAGE)]), **faulty},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, ERROR, done.stderr)
        self.assertIn(f"{self.scratch / 'state'}: No space left on device", done.stderr)
        lines = done.stdout.splitlines()[1:]
        end = "  stopped; the file of --resume is as it was"
        self.assertEqual(lines, ["  bytes 0-4095 (4.0 KiB): bad", end])

    def test_a_scrub_begins_where_the_state_ends(self) -> None:
        """What lies before is not read again."""
        self.write(64)
        state = self.scratch / "state"
        state.write_text(f"# mcsafe scrub: {16 * PAGE} of {64 * PAGE} bytes checked\n")
        shim = bad(self.file, [(0, PAGE), (17 * PAGE, PAGE)])
        result = found("--resume", state, self.file, status=LOST, env=shim)
        self.assertEqual(pairs(result["bad"]), [(17 * PAGE, PAGE)])

    def test_wrong_states(self) -> None:
        """They are refused, and stay."""
        self.write(2)
        state = self.scratch / "state"
        for text, message in (
            ("", "not the state of a scrub"),
            ("0 4096\n", "not the state of a scrub"),
            (f"# mcsafe scrub: 9 of {2 * PAGE} bytes checked", "not the state of a scrub"),
            (f"# mcsafe scrub: -1 of {2 * PAGE} bytes checked\n", "not the state of a scrub"),
            (f"# mcsafe scrub: 9999 of {2 * PAGE} bytes checked\n", "not the state of a scrub"),
            (f"# mcsafe scrub: 0 of {PAGE} bytes checked\n", "the state is of a file with 4096"),
            (f"# mcsafe scrub: 0 of {2 * PAGE} bytes checked\n7\n", "line 2: not a start"),
        ):
            with self.subTest(text):
                state.write_text(text)
                done = scrub("--resume", state, self.file)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)
                self.assertEqual(state.read_text(), text)

    def test_progress_is_for_terminals(self) -> None:
        """It is on standard error, and is taken away at the end."""
        self.write(2 * MIB // PAGE)
        master, slave = pty.openpty()
        done = subprocess.run(
            [MCSAFE, "scrub", "--rate", "4M", self.file],
            stdout=subprocess.PIPE,
            stderr=slave,
            check=True,
        )
        os.close(slave)
        written = read_terminal(master)
        self.assertRegex(written, r"\r\033\[K[0-9.]+ [KM]iB of 2\.0 MiB \(\d+ %\)")
        self.assertTrue(written.endswith("\r\033[K"), repr(written[-40:]))
        self.assertNotIn(b"\r", done.stdout)

    def test_wrong_usage(self) -> None:
        """The message names the option or the file."""
        self.write(1)
        fifo = self.scratch / "fifo"
        os.mkfifo(fifo)
        nothing = "neither a file, a block device nor a device-dax node"
        no_state = "not the state of a scrub: it is no file"
        for words, message in (
            (("--resume", fifo, self.file), f"fifo: {no_state}"),
            (("--resume", "/dev/null", self.file), f"/dev/null: {no_state}"),
            ((), "which file or device?"),
            ((self.file, self.file), "only one file or device"),
            (("--rate", "0", self.file), '--rate: "0" is no number of bytes above 0'),
            (("--rate", "fast", self.file), '--rate: "fast" is no number of bytes'),
            (("--json", "--save=-", self.file), "both want standard output"),
            ((self.scratch / "no\033thing",), r"no\x1bthing: No such file or directory"),
            ((self.scratch,), nothing),
            ((fifo,), nothing),
            (("/dev/null",), nothing),
            (("--load", "/nonexistent", self.file), "/nonexistent: No such file or directory"),
            (("--load", self.file, self.file), "data, line 1: not a start and a length"),
        ):
            with self.subTest(words):
                done = scrub(*words)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)

    def test_a_file_that_may_not_be_read(self) -> None:
        """Root may read all, so an ordinary user tries."""
        self.write(1)
        self.scratch.chmod(0o755)
        self.file.chmod(0)
        user = [] if os.getuid() else ["setpriv", "--reuid=65534", "--clear-groups"]
        done = subprocess.run(
            [*user, MCSAFE, "scrub", self.file], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("data: Permission denied", done.stderr)

    def test_a_full_standard_output(self) -> None:
        """It is an error, and the list is saved nevertheless."""
        self.write(2)
        saved = self.scratch / "list"
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "scrub", "--save", saved, self.file],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                env=bad(self.file, [(0, PAGE)]),
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("standard output: No space left on device", done.stderr)
        self.assertEqual(saved.read_text().splitlines()[1:], [f"0 {PAGE}"])

    def test_an_unwritten_result_stays_in_the_state(self) -> None:
        """A scrub of days is not lost because nobody could be told."""
        self.write(2)
        state = self.scratch / "state"
        environment = bad(self.file, [(0, PAGE)])
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "scrub", "--resume", state, self.file],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
                env=environment,
            )
        self.assertEqual(done.returncode, ERROR)
        result = found("--resume", state, self.file, status=LOST)
        self.assertEqual(pairs(result["bad"]), [(0, PAGE)])
        self.assertFalse(state.exists())

    def test_what_is_read_is_not_overwritten(self) -> None:
        """Nor is the state, which is removed at the end, the list that is kept."""
        content = self.write(2)
        link = self.scratch / "link"
        link.hardlink_to(self.file)
        for words in (["--save", link], ["--save", self.file], ["--resume", self.file]):
            done = scrub(*words, self.file)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(f"{words[1]} is what is read, and would be overwritten", done.stderr)
        done = scrub("--save", "./list", "--resume", "list", self.file, cwd=self.scratch)
        self.assertEqual(
            (done.returncode, done.stderr),
            (ERROR, "mcsafe scrub: --save: ./list is the state of --resume, and would be "
             "overwritten\n"),
        )
        self.assertEqual(self.file.read_bytes(), content)

    def test_files_are_checked_before_the_work(self) -> None:
        """A result that could not be kept is told before the file is read."""
        self.write(1)
        for option in ("--save", "--resume"):
            done = scrub(option, "/nowhere/file", self.file)
            self.assertEqual(
                (done.returncode, done.stdout, done.stderr),
                (ERROR, "", "mcsafe scrub: /nowhere/file: No such file or directory\n"),
            )

    def test_a_list_goes_where_a_name_leads(self) -> None:
        """A link stays a link, a pipe stays a pipe, and a directory is an error."""
        self.write(1)
        target, link = self.scratch / "target", self.scratch / "link"
        target.write_text("old")
        link.symlink_to("target")
        self.assertEqual(scrub("--save", link, self.file).returncode, FINE)
        self.assertTrue(link.is_symlink())
        self.assertTrue(target.read_text().startswith("#"))
        pipe = self.scratch / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
            self.assertEqual(scrub("--save", pipe, self.file).returncode, FINE)
            self.assertEqual(reader.communicate()[0], target.read_text())
        self.assertTrue(pipe.is_fifo())
        done = scrub("--save", self.scratch, self.file)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("Is a directory", done.stderr)
        self.assertEqual(len(list(self.scratch.iterdir())), 4)

    def test_an_ignored_signal_stays_ignored(self) -> None:
        """As nohup(1) wants it."""
        self.write(2)
        command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", MCSAFE, "scrub"]
        with subprocess.Popen([*command, "--rate", "8k", self.file], stdout=subprocess.PIPE) as it:
            os.set_blocking(it.stdout.fileno(), False)
            # Wait for the handlers of the command, if it has any: SigCgt of the new program.
            while Path(f"/proc/{it.pid}/comm").read_text().strip() != Path(MCSAFE).name:
                pass
            while it.poll() is None:
                it.send_signal(signal.SIGHUP)
        self.assertEqual(it.returncode, FINE)

    def test_the_manual(self) -> None:
        """The dialogue of the page."""
        self.write(256)
        (self.scratch / "archive.db").symlink_to("data")
        shim = bad(self.file, [(40 * PAGE, PAGE)])
        dialogue.replay("mcsafe-scrub.1", self.scratch, environment=shim)


if __name__ == "__main__":
    unittest.main()
