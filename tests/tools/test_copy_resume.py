# SPDX-License-Identifier: BSD-3-Clause
"""test_copy_resume.py - mcsafe copy with a map file: killed, full, stopped, continued."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import unittest

from rescue import (
    FAST,
    METHODS,
    PAGE,
    STRIDE,
    Rescue,
    bad_text,
    blocks_of,
    content,
    image_of,
    map_of,
    ranges_of,
)
from tool import ERROR, FINE, LOST, MCSAFE

SIZE = 20 * PAGE - 5
BAD = ranges_of([2, 3, 7, 19], SIZE)
HOLE = (10 * PAGE, 3 * PAGE)
COPY = ("copy", "--fill", "0xdd", "--map", "map", "--map-interval", "0")


class Resume(Rescue):
    """A file with bad blocks and with a hole."""

    parent = FAST

    def setUp(self) -> None:
        super().setUp()
        self.data = image_of(content(SIZE), [HOLE])
        with open(self.src, "wb") as src:
            src.write(self.data[: HOLE[0]])
            src.seek(sum(HOLE))
            src.write(self.data[sum(HOLE) :])
        self.image = image_of(self.data, BAD, 0xDD)

    def copy(self, *options: str, method: str = "read", **faults: object):
        """Copy with the bad blocks, in pieces of two pages."""
        environment, words = METHODS[method]
        faults = {"BAD": bad_text(BAD), "SHORT": 2 * PAGE, **environment, **faults}
        return self.faulty(*COPY, *words, *options, "src", "dst", **faults)

    def begin_again(self) -> None:
        for path in (self.dst, self.map, self.log):
            path.unlink(missing_ok=True)

    def check_map_holds(self) -> None:
        """What the map file has finished is in the image, also after a kill."""
        if not self.map.exists():
            return
        image = self.dst.read_bytes()
        for start, length, status in map_of(self.map)[1]:
            if status == "+":
                self.assertTrue(image[start : start + length] == self.data[start : start + length])
            elif status == "-":
                self.assertTrue(image[start : start + length] == b"\xdd" * length)

    def check_complete(self, done: subprocess.CompletedProcess) -> None:
        self.assertEqual(done.returncode, LOST, done.stderr)
        self.assertTrue(self.dst.read_bytes() == self.image)
        self.assertEqual(map_of(self.map), ("+", blocks_of(SIZE, BAD)))


class Killed(Resume):
    """kill -9 before every call that changes a file."""

    def count_steps(self, method: str) -> int:
        self.begin_again()
        done = self.copy(method=method)
        self.check_lost(done, BAD)
        self.check_complete(done)
        steps = len(self.steps())
        self.begin_again()
        return steps

    def test_killed_once_at_each_step(self) -> None:
        """The image and the map are those of a run that nothing disturbs."""
        for method in METHODS:
            steps = self.count_steps(method)
            self.assertGreater(steps, 20)
            for step in range(1, steps + 1, STRIDE):
                with self.subTest(method=method, step=step):
                    self.begin_again()
                    done = self.copy(method=method, SIGNAL=f"{step}:9")
                    self.assertEqual(done.returncode, -signal.SIGKILL)
                    self.check_map_holds()
                    if self.map.exists():
                        self.check_complete(self.copy(method=method))
                    else:
                        # It was killed before there was a map.
                        self.check_complete(self.copy("--force", method=method))

    def test_killed_many_times_at_random_steps(self) -> None:
        """Until it gets to the end."""
        seed = int(os.environ.get("MCSAFE_TEST_SEED", "0"), 0) or random.randrange(1, 1 << 32)
        print(f"MCSAFE_TEST_SEED={seed:#x} repeats this run")
        rng = random.Random(seed)
        kills = 0
        for _ in range(30):
            self.begin_again()
            first = True
            while True:
                options = () if self.map.exists() else ("--force",)
                method = rng.choice(list(METHODS))
                step = rng.randrange(1, 40)
                faults = {"SHORT": rng.choice([PAGE, 2 * PAGE, 3000])}
                if first:
                    # A whole copy has more steps.
                    faults["SIGNAL"] = f"{step % 20 + 1}:9"
                elif rng.randrange(4) != 0:
                    faults["SIGNAL"] = f"{step}:9"
                first = False
                done = self.copy(*options, method=method, **faults)
                if done.returncode != -signal.SIGKILL:
                    break
                kills += 1
                self.check_map_holds()
            self.check_complete(done)
        self.assertGreaterEqual(kills, 30)

    def test_a_finished_copy_is_not_read_again(self) -> None:
        """Neither good nor bad blocks. The loss is told again."""
        self.check_complete(self.copy())
        self.log.unlink()
        done = self.copy()
        self.check_complete(done)
        self.check_lost(done, BAD)
        self.assertIn(b"the map file has it as bad, and it was not tried again", done.stderr)
        # The bytes of --fill are written again.
        self.assertNotRegex(self.log.read_text(), "read|bad")
        self.log.unlink()
        done = self.faulty("copy", "--map", "map", "src", "dst")
        self.check_complete(done)
        self.assertNotRegex(self.log.read_text(), "read|bad|pwrite")

    def test_the_map_is_written_after_the_data(self) -> None:
        """Data, fdatasync of the image, fsync of the new map, rename: always in this order."""
        self.copy()
        names = [line.split()[1] for line in self.steps()]
        synced = True
        for name, following in zip(names, [*names[1:], "end"], strict=True):
            if name in ("pwrite", "ftruncate", "fallocate"):
                synced = False
            elif name == "fdatasync":
                synced = True
                self.assertEqual(following, "fsync")
            elif name == "fsync":
                self.assertEqual(following, "rename")
            self.assertTrue(synced or name != "rename")
        self.assertGreater(names.count("rename"), 8)


    def test_the_map_is_written_twice_a_minute(self) -> None:
        """With a clock that each look sets forward by 8 seconds: at each fourth piece."""
        self.copy("--map-interval", "30", BAD="", CLOCK=8000)
        names = "".join(line.split()[1][0] for line in self.steps())
        # p: pwrite, f: fdatasync and fsync, r: rename. The hole is a piece without a write.
        self.assertRegex(names, "^pppp?ffr")
        self.assertLess(names.count("r"), 5)


class Stopped(Resume):
    """Signals and errors that end a copy."""

    def test_signals_stop_after_a_piece(self) -> None:
        """The map file is written, what remains is told, and the process dies of the signal."""
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.begin_again()
            done = self.copy("--map-interval", "1000", SIGNAL=f"3:{int(signo)}")
            self.assertEqual(done.returncode, -signo)
            self.assertRegex(
                done.stderr.decode(),
                r"mcsafe copy: 63[.]9 KiB of 79[.]9 KiB are not copied; the same command continues",
            )
            # The third write is that of the second bad page.
            self.assertEqual(
                map_of(self.map), ("?", [(0, 8192, "+"), (8192, 8192, "-"), (16384, 65531, "?")])
            )
            self.check_complete(self.copy())

    def test_an_ignored_signal_stays_ignored(self) -> None:
        """As nohup(1) wants it."""
        words = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
        self.src.write_bytes(bytes(100))
        environment = {**os.environ, "FAULTY_SIGNAL": f"1:{int(signal.SIGHUP)}"}
        done = subprocess.run(
            [*words, os.environ["MCSAFE_FAULTY"], "copy", self.src, self.dst],
            env=environment,
            check=False,
        )
        self.assertEqual(done.returncode, FINE)

    def test_a_full_file_system(self) -> None:
        """The offset is told, and the same command continues when there is space."""
        for full in (0, 1, PAGE, 5 * PAGE + 77, SIZE - 1):
            with self.subTest(full=full):
                self.begin_again()
                done = self.copy(FULL=full)
                self.assertEqual(done.returncode, ERROR)
                self.assertIn(
                    f"mcsafe copy: dst: offset {full}: No space left on device\n",
                    done.stderr.decode(),
                )
                self.assertIn("the same command continues\n", done.stderr.decode())
                finished = sum(block[1] for block in map_of(self.map)[1] if block[2] != "?")
                self.assertLessEqual(finished, full)
                self.assertGreater(finished, full - 2 * PAGE)
                self.check_complete(self.copy())

    def test_a_map_file_that_cannot_be_written(self) -> None:
        """The copy fails and tells what it has found. The map file is as it was."""
        for number in (1, 3):
            with self.subTest(number=number):
                self.begin_again()
                done = self.copy(RENAME=number)
                errors = done.stderr.decode()
                self.assertEqual(done.returncode, ERROR)
                self.assertIn("mcsafe copy: map: No space left on device\n", errors)
                self.assertEqual("bytes are lost:" in errors, number == 3)
                self.assertEqual(list(self.dir.glob("map.*")), [])
                self.assertEqual(self.map.exists(), number == 3)
                self.assertIn("the same command continues" if number == 3 else "--map FILE", errors)
                self.check_complete(self.copy(*["--force"] * (number == 1)))

    def test_a_limit_of_the_size_of_files(self) -> None:
        """The real error of a real call, without a map file."""
        self.src.write_bytes(content(SIZE))
        done = subprocess.run(
            [MCSAFE, "copy", self.src, self.dst],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12345, 12345)),
        )
        self.assertEqual(done.returncode, ERROR)
        self.assertRegex(
            done.stderr,
            "^mcsafe copy: .*/dst: offset 12345: File too large\n"
            "mcsafe copy: .* not copied; with --map FILE the copy could be continued\n$",
        )

    def test_data_that_do_not_reach_the_medium(self) -> None:
        """The map file stays as it was: the kernel tells the error once only."""
        self.copy(SYNC=3)
        before = [line.split()[1] for line in self.steps()]
        self.assertEqual(before.count("rename"), 2)
        self.assertEqual(before.count("fdatasync"), 3)
        self.check_map_holds()
        self.check_complete(self.copy())
        self.begin_again()
        done = self.copy(SYNC=3)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn(
            b"mcsafe copy: dst: Input/output error; the map file map is left as it was\n",
            done.stderr,
        )

    def test_a_file_that_has_shrunk_between_two_runs(self) -> None:
        """What was not read before is lost, as if it had shrunk during one run."""
        self.copy(SIGNAL="5:15")
        kept = max(sum(block[:2]) for block in map_of(self.map)[1] if block[2] != "?")
        os.truncate(self.src, kept + 100)
        done = self.copy("--fill", "0", BAD="")
        self.assertEqual(done.returncode, LOST)
        self.assertRegex(
            done.stderr.decode(),
            rf"  {SIZE - kept - 100} bytes at offset {kept + 100}: past the end of the file, "
            f"which has shrunk to {kept + 100} bytes\n",
        )
        self.assertEqual(self.dst.stat().st_size, SIZE)

    def test_each_range_has_its_own_reason(self) -> None:
        """What an earlier run has lost, what this run could not read, and what is gone."""
        self.copy(SIGNAL="5:15")
        os.truncate(self.src, 15 * PAGE)
        told = json.loads(self.copy("--json").stdout)
        self.assertEqual(
            [(lost["start"], lost["length"], lost["reason"]) for lost in told["ranges"]],
            [
                (2 * PAGE, PAGE, "map"),
                (3 * PAGE, PAGE, "media"),
                (7 * PAGE, PAGE, "media"),
                (15 * PAGE, SIZE - 15 * PAGE, "past-end"),
            ],
        )

    def test_a_file_that_has_grown_between_two_runs(self) -> None:
        """The new part is copied, and what is bad stays untouched."""
        self.check_complete(self.copy())
        more = content(3 * PAGE, 2)
        with open(self.src, "ab") as src:
            src.write(more)
        self.log.unlink()
        done = self.copy("--map-interval", "9", BAD=bad_text(BAD[:2]))
        self.assertEqual(done.returncode, LOST)
        # --fill was given, so that the bad ranges are filled anew.
        self.assertTrue(self.dst.read_bytes() == self.image + more)
        self.assertNotIn("bad", self.log.read_text())


class Retry(Resume):
    """Bad blocks are read again on request only."""

    def test_each_retry_is_one_more_pass(self) -> None:
        """The blocks are healed during the first retry, after the first bad block was read."""
        for method in METHODS:
            self.begin_again()
            # Find the step: the first write of the retry pass.
            self.copy("--map-interval", "1000", method=method)
            steps = [line.split()[1] for line in self.steps()]
            first = len([name for name in steps if name in ("pwrite", "fallocate")]) + 1
            for retries in (1, 2, 3):
                with self.subTest(method=method, retries=retries):
                    self.begin_again()
                    done = self.copy(
                        *("--map-interval", "1000", "--retry", str(retries)),
                        method=method,
                        HEAL=first,
                    )
                    told = done.stderr.decode()
                    still = re.findall(r"(\d+) bytes at offset (\d+)", told)
                    if retries == 1:
                        self.assertEqual(done.returncode, LOST, told)
                        (length, start), *others = still
                        self.assertEqual((int(start), others), (BAD[0][0], []))
                        lost = [(int(start), int(length))]
                    else:
                        self.assertEqual((done.returncode, told), (FINE, ""))
                        lost = []
                    self.assertTrue(self.dst.read_bytes() == image_of(self.data, lost, 0xDD))
                    self.assertEqual(map_of(self.map), ("+", blocks_of(SIZE, lost)))

    def test_a_bad_page_is_accessed_once_in_each_pass(self) -> None:
        """A mapping raises one fault for each bad page, and none when the copy is continued."""
        pages = sum(-(-length // PAGE) for _, length in BAD)
        for method in ("map poison", "map eof"):
            for retries in range(3):
                with self.subTest(method=method, retries=retries):
                    self.begin_again()
                    self.check_complete(self.copy("--retry", str(retries), method=method))
                    self.assertIn(f"\nfaults {pages * (retries + 1)}\n", self.log.read_text())
                    self.log.unlink()
                    self.check_complete(self.copy(method=method))
                    self.assertIn("\nfaults 0\n", self.log.read_text())

    def test_a_retry_of_another_run(self) -> None:
        """The map file alone says what is bad."""
        self.check_complete(self.copy())
        self.assertEqual(self.copy("--retry", "1", BAD="").returncode, FINE)
        self.assertTrue(self.dst.read_bytes() == self.data)

    def test_a_new_fill_byte_for_what_was_bad_before(self) -> None:
        """--fill and --sparse count for it, and the source is not read for that."""
        self.check_complete(self.copy())
        self.log.unlink()
        for fill in (7, 0xDD):
            done = self.faulty(
                *("copy", "--map", "map", "--fill", str(fill), "src", "dst"), BAD=bad_text(BAD)
            )
            self.assertEqual(done.returncode, LOST)
            self.assertTrue(self.dst.read_bytes() == image_of(self.data, BAD, fill))
        self.faulty("copy", "--map", "map", "src", "dst")
        self.assertTrue(self.dst.read_bytes() == self.image)
        self.faulty("copy", "--map", "map", "--sparse", "src", "dst")
        self.assertTrue(self.dst.read_bytes() == image_of(self.data, BAD))
        self.assertNotRegex(self.log.read_text(), "read|bad")


if __name__ == "__main__":
    unittest.main()
