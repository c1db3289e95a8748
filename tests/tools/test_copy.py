# SPDX-License-Identifier: BSD-3-Clause
"""test_copy.py - mcsafe copy: the image of a file whose blocks fail."""

import contextlib
import fcntl
import json
import os
import pty
import stat
import struct
import subprocess
import termios
import unittest
from pathlib import Path

import dialogue
from rescue import (
    FAST,
    FAULTY,
    MAP,
    METHODS,
    PAGE,
    READ,
    STRIDE,
    Rescue,
    bad_text,
    blocks_of,
    content,
    image_of,
    map_of,
    ranges_of,
)
from tool import ERROR, FINE, LOST

PIECE = 256 << 10  # bytes that mcsafe copy reads at once


class Patterns(Rescue):
    """Every pattern of good and bad blocks."""

    parent = FAST

    def check_patterns(self, blocks: int, method: str, size: int, **faults: object) -> None:
        environment, options = METHODS[method]
        data = content(size)
        self.src.write_bytes(data)
        for pattern in range(0, 1 << blocks, STRIDE):
            bad = ranges_of([i for i in range(blocks) if pattern >> i & 1], size)
            self.dst.unlink(missing_ok=True)
            fill = pattern % 251
            done = self.faulty(
                "copy",
                *options,
                "--fill",
                str(fill),
                "src",
                "dst",
                BAD=bad_text(bad),
                **environment,
                **faults,
            )
            with self.subTest(pattern=f"{pattern:b}"):
                self.check_lost(done, self.shown(bad))
                self.assertTrue(self.dst.read_bytes() == image_of(data, bad, fill))
            if done.returncode not in (FINE, LOST):
                self.fail(done.stderr)

    @staticmethod
    def shown(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The ranges that a list for people shows."""
        return ranges[:20]

    def test_every_pattern_of_12_blocks_that_are_read(self) -> None:
        """4096 patterns, and a last block that is not full."""
        self.check_patterns(12, "read", 12 * PAGE - 100)

    def test_every_pattern_of_8_blocks_of_a_file_system_that_fails_whole_reads(self) -> None:
        """The blocks are then read one by one."""
        self.check_patterns(8, "read", 8 * PAGE, WHOLE=1)

    def test_every_pattern_of_8_blocks_in_short_reads(self) -> None:
        """A read may return fewer bytes than were asked for."""
        self.check_patterns(8, "read", 8 * PAGE - 1, SHORT=3000)

    def test_every_pattern_of_8_mapped_blocks_with_poison(self) -> None:
        """The registry of the mapping keeps poison."""
        self.check_patterns(8, "map poison", 8 * PAGE - 100)

    def test_every_pattern_of_8_mapped_blocks_with_errors(self) -> None:
        """I/O errors are not in the registry, unless pread(2) meets them too: it does here."""
        self.check_patterns(8, "map eof", 8 * PAGE)


class Images(Rescue):
    """What the image has besides the data."""

    def test_blocks_that_fail_at_the_borders_of_pieces(self) -> None:
        """Both sides of each border, and ranges that cross it."""
        size = 3 * PIECE + 5 * PAGE
        data = content(size)
        self.src.write_bytes(data)
        per_piece = PIECE // PAGE
        bad = ranges_of(
            [
                *(0, per_piece - 1, 2 * per_piece - 1, 2 * per_piece, 2 * per_piece + 1),
                *(3 * per_piece, 3 * per_piece + 4),
            ],
            size,
        )
        for method, (environment, options) in METHODS.items():
            with self.subTest(method):
                self.dst.unlink(missing_ok=True)
                self.map.unlink(missing_ok=True)
                done = self.faulty(
                    "copy", *options, "--map", "map", "src", "dst", BAD=bad_text(bad), **environment
                )
                self.check_lost(done, bad)
                self.assertTrue(self.dst.read_bytes() == image_of(data, bad))
                self.assertEqual(map_of(self.map), ("+", blocks_of(size, bad)))

    def test_the_reason_is_told(self) -> None:
        """As text and as JSON: one for each way to fail."""
        self.src.write_bytes(content(4 * PAGE))
        for faults, options, reason, text in (
            ({"ERRNO": 5}, READ[1], "media", "Input/output error"),
            ({"ERRNO": 61}, READ[1], "media", "No data available"),
            ({"ERRNO": 133}, READ[1], "poison", "Memory page has hardware error"),
            ({"KIND": "poison"}, MAP[1], "poison", "poisoned memory"),
            ({"KIND": "protect"}, MAP[1], "protected", "reading is not allowed"),
        ):
            with self.subTest(faults=faults):
                faults["BAD"] = "4096+8192"
                done = self.faulty("copy", *options, "--force", "src", "dst", **faults)
                if reason == "poison" and "KIND" in faults:
                    # An I/O error without CONFIG_MEMORY_FAILURE, a guard page or a protected page
                    # without UFFDIO_POISON.
                    text = f"({text}|the medium .*|a guard page|not mapped|reading .*)"
                self.assertRegex(
                    done.stderr.decode(),
                    "^mcsafe copy: src: 8192 of 16384 bytes are lost:\n"
                    f"  8192 bytes at offset 4096: {text}\n$",
                )
                done = self.faulty("copy", *options, "--force", "--json", "src", "dst", **faults)
                self.assertEqual((done.returncode, done.stderr), (LOST, b""))
                told = json.loads(done.stdout)
                self.assertEqual((told["copied"], told["lost"]), (8192, 8192))
                (lost,) = told["ranges"]
                self.assertEqual((lost["start"], lost["length"]), (4096, 8192))
                self.assertRegex(lost["text"], text)
                if "KIND" not in faults or faults["KIND"] != "poison":
                    self.assertEqual(lost["reason"], reason)

    def test_a_long_list_is_cut(self) -> None:
        """JSON and the map file have all of it."""
        self.src.write_bytes(content(60 * PAGE))
        bad = ranges_of(list(range(0, 60, 2)), 60 * PAGE)
        done = self.faulty("copy", "--method", "read", "src", "dst", BAD=bad_text(bad))
        self.check_lost(done, bad[:20])
        self.assertIn(b"  and 10 ranges more; mcsafe copy --json lists all\n", done.stderr)
        done = self.faulty("copy", "-f", "--json", "src", "dst", BAD=bad_text(bad), KIND="poison")
        if done.returncode == LOST:
            told = [(lost["start"], lost["length"]) for lost in json.loads(done.stdout)["ranges"]]
            self.assertEqual(told, bad)

    def test_lost_ranges_can_stay_holes(self) -> None:
        """They read as zeros, and take no space where the file system has holes."""
        data = content(1 << 20)
        self.src.write_bytes(data)
        bad = [(128 << 10, 512 << 10)]
        for old in (None, b"x" * (1 << 20)):
            self.dst.unlink(missing_ok=True)
            self.map.unlink(missing_ok=True)
            if old is not None:
                # An image that is continued has old bytes there.
                self.dst.write_bytes(old)
                self.map.write_text("0 ? 1\n0 1048576 ?\n")
            done = self.faulty(
                *("copy", "--method", "read", "--sparse", "--force", "--map", "map"),
                *("src", "dst"),
                BAD=bad_text(bad),
            )
            self.check_lost(done, bad)
            self.assertTrue(self.dst.read_bytes() == image_of(data, bad))
            self.assertLess(self.dst.stat().st_blocks * 512, 600 << 10)

    def test_a_map_without_a_finished_part_does_not_give_up_another_file(self) -> None:
        """A map of mcsafe run, or one that never began, says nothing about dst."""
        data = content(4 * PAGE)
        self.src.write_bytes(data)
        for text in ("0 ? 1\n0 16384 ?\n", "0 + 1\n0 4096 ?\n4096 4096 -\n"):
            for old, words, status in (
                (b"mine", (), ERROR),
                (b"", (), FINE),
                (b"x", ("-f",), FINE),
            ):
                self.dst.write_bytes(old)
                self.map.write_text(text)
                done = self.faulty("copy", *words, "--map", "map", "src", "dst")
                with self.subTest(text=text, old=old):
                    if status == ERROR:
                        self.assertEqual(done.returncode, ERROR)
                        self.assertEqual(
                            done.stderr,
                            b"mcsafe copy: dst exists, and the map file has no finished part of "
                            b"it; --force overwrites it\n",
                        )
                        self.assertEqual(self.dst.read_bytes(), old)
                    else:
                        self.assertIn(done.returncode, (FINE, LOST), done.stderr)
                        self.assertEqual(self.dst.stat().st_size, len(data))
        # A copy whose first piece was lost, and that was killed then, has begun.
        self.dst.write_bytes(bytes(PAGE))
        self.map.write_text("0x1000 ? 1\n0 4096 -\n4096 12288 ?\n")
        done = self.faulty("copy", "--map", "map", "src", "dst")
        self.assertEqual(done.returncode, LOST, done.stderr)

    def test_the_map_is_not_the_image_by_another_name(self) -> None:
        """Neither exists yet. The map would replace the image at the end."""
        self.src.write_bytes(content(PAGE))
        (self.dir / "link").symlink_to("dst")
        for name in ("./dst", "../" + self.dir.name + "/dst", str(self.dst), "link"):
            self.dst.unlink(missing_ok=True)
            done = self.faulty("copy", "--map", name, "src", "dst")
            with self.subTest(name=name):
                self.assertEqual(
                    (done.returncode, done.stderr),
                    (ERROR, f"mcsafe copy: {name} is the map file and DST\n".encode()),
                )

    def test_a_map_that_cannot_be_written_is_told_first(self) -> None:
        """dst is as it was, also with --force."""
        self.src.write_bytes(content(PAGE))
        self.dst.write_bytes(b"old")
        done = self.faulty("copy", "-f", "--map", "nowhere/map", "src", "dst")
        self.assertEqual(
            (done.returncode, done.stderr),
            (ERROR, b"mcsafe copy: nowhere/map: No such file or directory\n"),
        )
        self.assertEqual(self.dst.read_bytes(), b"old")

    def test_messages_do_not_go_into_the_image(self) -> None:
        """If standard streams are closed, the files do not get their numbers."""
        data = content(4 * PAGE)
        self.src.write_bytes(data)
        for closed, json_status in (
            ("<&-", LOST),
            ("2>&-", LOST),
            (">&-", ERROR),  # what cannot be told is an error
            ("<&- >&-", ERROR),
            (">&- 2>&-", ERROR),
            ("<&- >&- 2>&-", ERROR),
        ):
            for options, status in (((), LOST), (("--json",), json_status)):
                self.dst.unlink(missing_ok=True)
                words = (FAULTY, "copy", *options, "--method", "read", "src", "dst")
                done = subprocess.run(
                    ["sh", "-c", f'"$@" {closed}', "sh", *words],
                    cwd=self.dir,
                    env={**os.environ, "FAULTY_FILE": str(self.src), "FAULTY_BAD": "4096+4096"},
                    capture_output=True,
                    check=False,
                )
                with self.subTest(closed=closed, options=options):
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertEqual(self.dst.read_bytes(), image_of(data, [(PAGE, PAGE)]))

    def test_a_part_of_a_file(self) -> None:
        """It goes to the same offset, and the map has the rest as not tried."""
        data = content(10 * PAGE)
        self.src.write_bytes(data)
        part = ("--offset", "5000", "--length", "3k")
        done = self.faulty("copy", *part, "--map", "map", "src", "dst")
        self.assertEqual(done.returncode, FINE, done.stderr)
        self.assertEqual(self.dst.read_bytes(), bytes(5000) + data[5000 : 5000 + 3072])
        self.assertEqual(
            map_of(self.map),
            ("+", [(0, 5000, "?"), (5000, 3072, "+"), (8072, 10 * PAGE - 8072, "?")]),
        )
        done = self.faulty("copy", "--offset", "9p", "src", "dst2")
        self.assertEqual(
            (done.returncode, done.stderr),
            (ERROR, b"mcsafe copy: src: offset 10133099161583616 is past the end; "
             b"there are 40960 bytes\n"),
        )
        # Only a map file of a part, as ddrescue makes it.
        self.map.write_text("0 ? 1\n5000 3072 +\n")
        done = self.faulty("copy", "--map", "map", "src", "dst")
        self.assertEqual(done.returncode, FINE, done.stderr)
        self.assertTrue(self.dst.read_bytes() == data)
        self.assertEqual(map_of(self.map), ("+", [(0, 10 * PAGE, "+")]))

    def test_empty_files_and_rights(self) -> None:
        """An empty file has an empty copy. The copy has no right that the source has not."""
        self.src.write_bytes(b"")
        self.src.chmod(0o640)
        for method in ("auto", "map", "read"):
            self.dst.unlink(missing_ok=True)
            done = self.faulty("copy", "--method", method, "src", "dst")
            self.assertEqual((done.returncode, done.stderr), (FINE, b""))
            self.assertEqual(self.dst.read_bytes(), b"")
            self.assertEqual(stat.S_IMODE(self.dst.stat().st_mode) & ~0o640, 0)

    def test_force_overwrites_all_of_a_longer_file(self) -> None:
        """Nothing of the old file remains."""
        self.src.write_bytes(b"new")
        self.dst.write_bytes(b"an old file")
        self.assertEqual(self.faulty("copy", "--force", "src", "dst").returncode, FINE)
        self.assertEqual(self.dst.read_bytes(), b"new")


class Sparse(Rescue):
    """Files that are mostly holes, on a file system that surely has holes: tmpfs."""

    parent = FAST

    def test_ten_gib_of_holes(self) -> None:
        """All of it would take minutes, and all the space of a small disk."""
        islands = {0: b"first", 123456789: b"middle" * 1000, (10 << 30) - 9: b"the end 9"}
        with open(self.src, "wb") as src:
            src.truncate(10 << 30)
            for at, data in islands.items():
                os.pwrite(src.fileno(), data, at)
        for method in ("auto", "map", "read"):
            self.dst.unlink(missing_ok=True)
            done = self.faulty("copy", "--method", method, "src", "dst")
            self.assertEqual((done.returncode, done.stderr), (FINE, b""))
            self.assertEqual(self.dst.stat().st_size, 10 << 30)
            self.assertLess(self.dst.stat().st_blocks * 512, 1 << 20)
            with open(self.dst, "rb") as dst:
                for at, data in islands.items():
                    self.assertEqual(os.pread(dst.fileno(), len(data), at), data)
                found = os.lseek(dst.fileno(), 1 << 20, os.SEEK_DATA)
                self.assertEqual(found // (1 << 20), 123456789 // (1 << 20))


class Terminal(Rescue):
    """What a person sees, with a clock that each look sets forward."""

    def run_on_terminal(self, columns: int) -> str:
        """Copy a file whose second half is lost. Return what is written to the terminal."""
        self.src.write_bytes(content(4 * PIECE))
        self.dst.unlink(missing_ok=True)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ |= {"FAULTY_CLOCK": "1000", "FAULTY_RESIZE": f"2:{2 * PIECE}"}
            os.environ |= {"FAULTY_FILE": str(self.src)}
            # The parent sets the width first.
            os.read(0, 1)
            os.execv(FAULTY, ["mcsafe", "copy", "--method", "read", self.src, self.dst])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 25, columns, 0, 0))
        settings = termios.tcgetattr(terminal)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
        os.write(terminal, b"\n")
        shown = b""
        # At the end a terminal has EIO.
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 4096):
                shown += part
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), LOST)
        return shown.decode()

    def test_progress(self) -> None:
        """How far it has come, how fast, and how much is lost. At the end the line goes away."""
        *shown, last = self.run_on_terminal(200).split("\r\n")[0].split("\r\x1b[K")[1:]
        self.assertEqual(
            shown,
            [
                "256 KiB of 1.0 MiB (25 %), 256 KiB/s",
                "512 KiB of 1.0 MiB (50 %), 256 KiB/s",
                "1.0 MiB of 1.0 MiB (100 %), 341 KiB/s, 512 KiB lost",
                "",
            ][: len(shown)],
        )
        self.assertGreaterEqual(len(shown), 3)
        self.assertRegex(last, "^mcsafe copy: .*: 524288 of 1048576 bytes are lost:$")

    def test_progress_on_a_narrow_terminal(self) -> None:
        """First the rate is left out, then the total. A line is cut before it would wrap."""
        for columns, last in (
            (45, "1.0 MiB of 1.0 MiB (100 %), 512 KiB lost"),
            (40, "1.0 MiB (100 %), 512 KiB lost"),
            (20, "1.0 MiB (100 %), 51"),
        ):
            with self.subTest(columns):
                shown = self.run_on_terminal(columns).split("\r\n")[0].split("\r\x1b[K")[1:-1]
                self.assertEqual(shown[2], last)
                for line in shown:
                    self.assertLess(len(line), columns)

    def test_no_progress_elsewhere(self) -> None:
        """A file or a pipe gets messages only."""
        self.src.write_bytes(content(4 * PIECE))
        self.assertEqual(self.faulty("copy", "src", "dst", CLOCK=1000).stderr, b"")


class Changes(Rescue):
    """A file that changes while it is copied."""

    def check_shrink(self, method: str, piece: int, size: int, step: int, new: int) -> None:
        """The file gets a new size before piece number `step` is written, thus after its read."""
        environment, options = METHODS[method]
        data = content(size)
        self.src.write_bytes(data)
        self.dst.unlink(missing_ok=True)
        self.map.unlink(missing_ok=True)
        done = self.faulty(
            *("copy", *options, "--fill", "0xee", "--map", "map", "src", "dst"),
            RESIZE=f"{step}:{new}",
            SHORT=piece,
            **environment,
        )
        kept = max(min(step * piece, size), min(new, size))
        lost = [(kept, size - kept)] if kept < size else []
        self.check_lost(done, lost)
        self.assertTrue(self.dst.read_bytes() == image_of(data, lost, 0xEE))
        self.assertEqual(map_of(self.map), ("+", blocks_of(size, lost)))
        change = "grown" if new > size else "shrunk"
        self.assertEqual(
            f"src: the file has {change} from {size} to {new} bytes" in done.stderr.decode(),
            new != size,
        )
        if lost:
            self.assertIn(f"which has shrunk to {new} bytes".encode(), done.stderr)

    def test_a_file_shrinks_or_grows_while_it_is_read(self) -> None:
        """At each piece, to sizes before, in and after what was read."""
        size = 6 * PAGE - 10
        for step in range(1, 7):
            for new in (0, 1, PAGE, 2 * PAGE + 7, 3 * PAGE, 5 * PAGE + 1, size, size + 10, 99999):
                with self.subTest(step=step, new=new):
                    self.check_shrink("read", PAGE, size, step, new)

    def test_a_mapped_file_shrinks_or_grows(self) -> None:
        """The rest of its last page reads as zeros, which are not its bytes."""
        size = 3 * PIECE - 10
        for step in range(1, 4):
            for new in (0, 1, PIECE, PIECE + PAGE + 7, 2 * PIECE + 100, size - 1, size, size + 99):
                with self.subTest(step=step, new=new):
                    self.check_shrink("map poison", PIECE, size, step, new)

    def test_a_file_shrinks_inside_a_hole(self) -> None:
        """What is left of the hole is no loss. Past the new end, nobody knows what there was."""
        for method, (environment, options) in METHODS.items():
            with self.subTest(method):
                self.dst.unlink(missing_ok=True)
                self.src.write_bytes(content(PAGE))
                os.truncate(self.src, 10 * PAGE)
                done = self.faulty(
                    *("copy", *options, "src", "dst"), RESIZE=f"1:{4 * PAGE}", **environment
                )
                self.check_lost(done, [(4 * PAGE, 6 * PAGE)])
                self.assertTrue(self.dst.read_bytes() == content(PAGE) + bytes(9 * PAGE))

    def test_a_file_that_is_written_to(self) -> None:
        """The copy is complete, and the change is told."""
        self.src.write_bytes(content(PAGE))
        os.utime(self.src, ns=(1, 1))
        # FAULTY_RESIZE to the same size changes the time.
        done = self.faulty("copy", "src", "dst", RESIZE=f"1:{PAGE}")
        self.assertEqual(done.returncode, FINE)
        self.assertRegex(done.stderr.decode(), "^mcsafe copy: src: the file was written to while")

    def test_a_device_that_is_gone_is_no_loss(self) -> None:
        """The rest stays untried, and can be read when the device is back."""
        data = content(8 * PAGE)
        self.src.write_bytes(data)
        words = ("copy", "--method", "read", "--map", "map", "src", "dst")
        done = self.faulty(*words, GONE=3 * PAGE, SHORT=PAGE)
        self.assertEqual(done.returncode, ERROR)
        self.assertEqual(
            done.stderr.decode(),
            "mcsafe copy: src: offset 12288: No such device\n"
            "mcsafe copy: 20.0 KiB of 32.0 KiB are not copied; the same command continues\n",
        )
        self.assertEqual(map_of(self.map)[1], [(0, 3 * PAGE, "+"), (3 * PAGE, 5 * PAGE, "?")])
        self.assertEqual(self.faulty(*words).returncode, FINE)
        self.assertTrue(self.dst.read_bytes() == data)


class Refusals(Rescue):
    """What is refused leaves all files as they were."""

    def files(self) -> dict[Path, bytes]:
        """All files but the log, which the test writes."""
        paths = [path for path in self.dir.iterdir() if path.is_file() and path != self.log]
        return {path: path.read_bytes() for path in paths}

    def check_refused(self, why: str, *words: str) -> None:
        before = self.files()
        done = self.faulty("copy", *words)
        self.assertEqual(done.returncode, ERROR)
        self.assertRegex(done.stderr.decode(), f"^mcsafe copy: {why}")
        self.assertEqual(self.files(), before)

    def test_files(self) -> None:
        """Each with the name of the file."""
        self.src.write_bytes(b"data")
        self.dst.write_bytes(b"old")
        (self.dir / "link").hardlink_to(self.src)
        (self.dir / "symlink").symlink_to("src")
        (self.dir / "folder").mkdir()
        os.mkfifo(self.dir / "pipe")
        self.check_refused("dst exists; --force overwrites it", "src", "dst")
        self.check_refused("dst exists; --force overwrites it", "--map", "new", "src", "dst")
        for name in ("src", "link", "symlink", "./src"):
            self.check_refused(f"src and {name} are the same file", "--force", "src", name)
        self.check_refused("missing: No such file or directory", "missing", "new")
        self.check_refused("folder: Is a directory", "folder", "new")
        self.check_refused("folder: Is a directory", "-f", "src", "folder")
        self.check_refused("pipe is neither a file", "pipe", "new")
        self.check_refused("pipe is neither a file", "-f", "src", "pipe")
        self.check_refused("/dev/null is neither a file", "/dev/null", "new")
        self.check_refused("/dev/null is neither a file", "-f", "src", "/dev/null")
        self.check_refused("none/new: No such file", "src", "none/new")
        self.check_refused("/proc/self/status: the file does not tell", "/proc/self/status", "new")

    def test_map_files(self) -> None:
        """A wrong line is named. No map file may be one of the other files."""
        self.src.write_bytes(b"data")
        self.map.write_text("# comment\n0x0 ? 1\n0 2 +\n1 2 -\n")
        self.check_refused(
            "map:4: the block begins before the end of the previous block",
            *("--map", "map", "src", "new"),
        )
        self.map.write_text("hello\n")
        self.check_refused("map:1: the current position", "--map", "map", "src", "new")
        self.map.write_text("")
        self.check_refused("map is no map file: there is no", "--map", "map", "src", "new")
        self.check_refused("src is the map file and SRC", "--map", "src", "src", "new")
        self.dst.write_bytes(b"data")
        self.check_refused("dst is the map file and DST", "--map", "dst", "src", "dst")
        self.check_refused("./dst is the map file and DST", "--map", "./dst", "src", "dst")
        self.check_refused("/dev/null is no file", "--map", "/dev/null", "src", "dst")
        self.map.write_text("0 ? 1\n0 3 +\n")
        self.check_refused("new does not exist, but the map file", "--map", "map", "src", "new")
        self.dst.write_bytes(b"da")
        self.check_refused("dst has 2 bytes, but the map file", "--map", "map", "src", "dst")

    def test_options(self) -> None:
        """Each with the name of the option."""
        self.src.write_bytes(b"data")
        self.check_refused('--offset: "x"', "--offset", "x", "src", "new")
        self.check_refused('--length: "-1"', "--length=-1", "src", "new")
        self.check_refused('--fill: "256"', "--fill", "256", "src", "new")
        self.check_refused('--retry: "-1"', "--retry=-1", "src", "new")
        self.check_refused('--map-interval: "1s"', "--map-interval=1s", "src", "new")
        self.check_refused('--method: "mmap"', "--method", "mmap", "src", "new")
        self.check_refused("--fill and --sparse", "--sparse", "--fill", "1", "src", "new")
        self.check_refused("SRC and DST are missing")
        self.check_refused("DST is missing", "src")
        self.check_refused("there are more names", "src", "new", "other")


class Manual(Rescue):
    """mcsafe-copy(1)."""

    def test_the_examples_show_what_happens(self) -> None:
        """Each command, with what it writes."""
        dialogue.replay("mcsafe-copy.1", self.dir)


if __name__ == "__main__":
    unittest.main()
