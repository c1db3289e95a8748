# SPDX-License-Identifier: BSD-3-Clause
"""test_repair.py - mcsafe repair writes new data where a file is bad, and nowhere else."""

import json
import os
import pty
import subprocess
import unittest
from pathlib import Path

import dialogue
from medium import PAGE, Medium, bad
from tool import ERROR, FINE, LOST, MCSAFE, run


def repair(*words: str | Path, **options) -> subprocess.CompletedProcess:
    """Run mcsafe repair."""
    return run("repair", *map(str, words), stdin=subprocess.DEVNULL, **options)


def found(*words: str | Path, status: int, **options) -> dict:
    """Return what mcsafe repair --json writes."""
    done = repair("--json", *words, **options)
    if done.returncode != status or done.stderr:
        raise AssertionError(f"exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def pairs(ranges: list[dict]) -> list[tuple[int, int]]:
    """Return ranges as tuples."""
    return [(one["start"], one["length"]) for one in ranges]


class Repair(Medium):
    """Files with bad ranges that this test has made."""

    def setUp(self) -> None:
        super().setUp()
        self.mirror = self.scratch / "mirror"
        self.known = self.scratch / "known"

    def write_mirror(self, pages: int) -> bytes:
        """Write a mirror that differs from the file in every byte."""
        content = b"m" * (pages * PAGE)
        self.mirror.write_bytes(content)
        return content

    def test_a_lost_page_gets_the_data_of_the_mirror(self) -> None:
        """All other bytes stay, and the list of what is bad is empty."""
        content, mirror = self.write(8, b"end"), self.write_mirror(9)
        self.known.write_text(f"{PAGE} {PAGE}\n{8 * PAGE} 3\n")
        rest = self.scratch / "rest"
        result = found(
            "--yes", "--from", self.mirror, "--load", self.known, "--save", rest, self.file,
            status=FINE, env=bad(self.file, [(PAGE, PAGE)]),
        )
        self.assertEqual(pairs(result["repaired"]), [(PAGE, PAGE), (8 * PAGE, 3)])
        self.assertEqual(result["not_repaired"], [])
        expected = content[:PAGE] + mirror[:PAGE] + content[2 * PAGE : 8 * PAGE] + b"mmm"
        self.assertEqual(self.file.read_bytes(), expected)
        self.assertEqual(len(rest.read_text().splitlines()), 1)

    def test_zeros(self) -> None:
        """On request only."""
        content = self.write(4)
        done = repair(
            "--yes", "--zero", "--range", "4K+4K", self.file, env=bad(self.file, [(PAGE, PAGE)])
        )
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        self.assertIn(f"repaired: bytes {PAGE}-{2 * PAGE - 1}\n", done.stdout)
        expected = content[:PAGE] + bytes(PAGE) + content[2 * PAGE :]
        self.assertEqual(self.file.read_bytes(), expected)

    def test_good_bytes_of_a_bad_page_stay(self) -> None:
        """A bad range of some bytes is one of whole cache lines."""
        content = self.write(3)
        done = repair("--yes", "--zero", "--range", f"{PAGE + 100}+10", self.file)
        self.assertEqual(done.returncode, FINE)
        self.assertIn(f"repaired: bytes {PAGE + 64}-{PAGE + 127}\n", done.stdout)
        expected = content[: PAGE + 64] + bytes(64) + content[PAGE + 128 :]
        self.assertEqual(self.file.read_bytes(), expected)

    def test_only_the_given_ranges(self) -> None:
        """What is known beside them stays bad."""
        self.write(8)
        self.known.write_text(f"{PAGE} {PAGE}\n{4 * PAGE} {PAGE}\n")
        rest = self.scratch / "rest"
        result = found(
            "--yes", "--zero", "--load", self.known, "--range", f"{PAGE}+{PAGE}", "--save", rest,
            self.file, status=FINE, env=bad(self.file, [(PAGE, PAGE), (4 * PAGE, PAGE)]),
        )
        self.assertEqual(pairs(result["repaired"]), [(PAGE, PAGE)])
        self.assertEqual(rest.read_text().splitlines()[1:], [f"{4 * PAGE} {PAGE}"])

    def test_bytes_that_are_lost_beside_the_list_are_not_hidden(self) -> None:
        """A page of which the list has only a part is not written."""
        content = self.write(4)
        result = found(
            "--yes", "--zero", "--range", f"{PAGE}+64", self.file,
            status=LOST, env=bad(self.file, [(PAGE, PAGE)]),
        )
        self.assertEqual(result["repaired"], [])
        [one] = result["not_repaired"]
        self.assertEqual((one["start"], one["length"]), (PAGE, 64))
        self.assertIn("other bytes of this page cannot be read", one["reason"])
        self.assertEqual(self.file.read_bytes(), content)

    def test_the_list_does_not_overwrite_the_file_or_the_mirror(self) -> None:
        """--save is for a file of its own."""
        content, mirror = self.write(2), self.write_mirror(2)
        for save in (self.file, self.mirror):
            done = repair("--from", self.mirror, "--yes", "--save", save, self.file)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn("would be overwritten", done.stderr)
        self.assertEqual(self.file.read_bytes(), content)
        self.assertEqual(self.mirror.read_bytes(), mirror)

    def test_a_worn_medium(self) -> None:
        """The other ranges are repaired, and the exit status tells."""
        content = self.write(8)
        shim = bad(self.file, [(6 * PAGE, PAGE)], worn=[(PAGE, 2 * PAGE)])
        self.known.write_text(f"{PAGE} {2 * PAGE}\n{6 * PAGE} {PAGE}\n")
        rest = self.scratch / "rest"
        done = repair(
            "--yes", "--zero", "--load", self.known, "--save", rest, self.file, env=shim
        )
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        self.assertIn(f"repaired: bytes {6 * PAGE}-{7 * PAGE - 1}\n", done.stdout)
        self.assertIn(
            f"not repaired: bytes {PAGE}-{3 * PAGE - 1}: the medium does not take new data",
            done.stdout,
        )
        self.assertEqual(rest.read_text().splitlines()[1:], [f"{PAGE} {2 * PAGE}"])
        expected = content[: 6 * PAGE] + bytes(PAGE) + content[7 * PAGE :]
        self.assertEqual(self.file.read_bytes(), expected)

    def test_a_mirror_that_is_too_short(self) -> None:
        """The pages that it has are repaired."""
        self.write(8)
        self.write_mirror(4)
        self.known.write_text(f"{PAGE} {PAGE}\n{6 * PAGE} {PAGE}\n")
        result = found(
            "--yes", "--from", self.mirror, "--load", self.known, self.file,
            status=LOST, env=bad(self.file, [(PAGE, PAGE), (6 * PAGE, PAGE)]),
        )
        self.assertEqual(pairs(result["repaired"]), [(PAGE, PAGE)])
        self.assertEqual(pairs(result["not_repaired"]), [(6 * PAGE, PAGE)])
        self.assertIn("mirror", result["not_repaired"][0]["reason"])

    def test_a_mirror_that_is_bad_there(self) -> None:
        """Nothing is written in its place."""
        content = self.write(4)
        self.write_mirror(4)
        result = found(
            "--yes", "--from", self.mirror, "--range", f"{PAGE}+{PAGE}", self.file,
            status=LOST, env=bad(self.mirror, [(PAGE, PAGE)]),
        )
        self.assertEqual(pairs(result["not_repaired"]), [(PAGE, PAGE)])
        self.assertEqual(self.file.read_bytes(), content)

    def test_a_dry_run_writes_nothing(self) -> None:
        """It needs no permission to write either."""
        content = self.write(4)
        done = repair("--dry-run", "--zero", "--range", "4K+4K", self.file)
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        self.assertEqual(
            done.stdout,
            f"{self.file}: 1 bad range, 4.0 KiB\n  bytes {PAGE}-{2 * PAGE - 1}: zeros\n",
        )
        self.assertEqual(self.file.read_bytes(), content)
        result = found("-n", "--zero", "--range", "4K+4K", self.file, status=FINE)
        self.assertEqual((pairs(result["bad"]), result["repaired"]), ([(PAGE, PAGE)], []))

    def test_nothing_to_do(self) -> None:
        """Nobody is asked then."""
        self.write(2)
        done = repair("--zero", self.file)
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        self.assertEqual(done.stdout, f"{self.file}: 0 bad ranges, 0 B\n")

    def test_without_a_terminal_nobody_can_be_asked(self) -> None:
        """Nothing is written."""
        content = self.write(2)
        done = repair("--zero", "--range", "0+4K", self.file)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("standard input is no terminal, so nobody can be asked: --yes", done.stderr)
        self.assertEqual(self.file.read_bytes(), content)

    def test_a_terminal_is_asked(self) -> None:
        """Only an answer that begins with y is a yes."""
        for answer, status in ((b"y\n", FINE), (b"n\n", ERROR), (b"\n", ERROR)):
            content = self.write(2)
            master, slave = pty.openpty()
            os.write(master, answer)
            done = subprocess.run(
                [MCSAFE, "repair", "--zero", "--range", "0+4K", self.file],
                stdin=slave,
                capture_output=True,
                text=True,
                check=False,
            )
            os.close(slave)
            os.close(master)
            with self.subTest(answer):
                self.assertIn("Write there? [y/N] ", done.stdout)
                self.assertEqual(done.returncode, status)
                same = self.file.read_bytes() == content
                self.assertEqual(same, status == ERROR)
                self.assertEqual("nothing was written" in done.stderr, same)

    def test_wrong_usage(self) -> None:
        """The message names the option or the file, and nothing is written."""
        content = self.write(2)
        self.write_mirror(2)
        link = self.scratch / "link"
        link.hardlink_to(self.file)
        for words, message in (
            (("--zero",), "which file or device?"),
            ((self.file,), "what is to be written: either --from or --zero"),
            (("--zero", "--from", self.mirror, self.file), "either --from or --zero"),
            (("--zero", "--range", "4096", self.file), '--range: "4096" is not START+LENGTH'),
            (("--zero", "--range", "1+0", self.file), '--range: "1+0" is not START+LENGTH'),
            (("--zero", "--range", "8191+2", self.file), "it has only 8192 bytes: --range=8191+2"),
            (("--zero", "--json", self.file), "--json needs --yes or --dry-run"),
            (("--from", self.file, self.file), "is not a mirror: it is the file itself"),
            (("--from", link, self.file), "is not a mirror: it is the file itself"),
            (("--from", "/nonexistent", self.file), "/nonexistent: No such file or directory"),
            (("--from", self.scratch, self.file), "neither a file"),
            (("--zero", self.scratch / "nothing"), "nothing: No such file or directory"),
            (("--zero", "/dev/null"), "neither a file"),
            (("--zero", "--load", "/nonexistent", self.file), "No such file or directory"),
        ):
            with self.subTest(words):
                done = repair("--yes" if "--json" not in words else "-q", *words)
                if "--json" in words:
                    done = repair(*words)
                self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
                self.assertIn(message, done.stderr)
        self.assertEqual(self.file.read_bytes(), content)

    def test_lists_that_reach_past_the_end(self) -> None:
        """It is told: the list may be of another file."""
        self.write(2)
        self.known.write_text(f"{PAGE} {10 * PAGE}\n")
        done = repair("--yes", "--zero", "--load", self.known, self.file)
        self.assertEqual(done.returncode, FINE)
        self.assertIn(f"{9 * PAGE} bad bytes of the lists are past its end", done.stderr)

    def test_a_file_that_may_not_be_written(self) -> None:
        """Root may write all, so an ordinary user tries."""
        self.write(1)
        self.scratch.chmod(0o755)
        self.file.chmod(0o444)
        user = [] if os.getuid() else ["setpriv", "--reuid=65534", "--clear-groups"]
        for words, status in ((["--yes"], ERROR), (["--dry-run"], FINE)):
            done = subprocess.run(
                [*user, MCSAFE, "repair", *words, "--zero", "--range", "0+1", self.file],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, status)
            self.assertEqual("data: Permission denied" in done.stderr, status == ERROR)

    def test_the_manual(self) -> None:
        """The dialogue of the page."""
        self.write(64)
        self.write_mirror(64)
        (self.scratch / "archive.db").symlink_to("data")
        self.known.write_text(f"{40 * PAGE} {PAGE}\n")
        shim = bad(self.file, [(40 * PAGE, PAGE)])
        dialogue.replay("mcsafe-repair.1", self.scratch, environment=shim)


if __name__ == "__main__":
    unittest.main()
