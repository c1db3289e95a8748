# SPDX-License-Identifier: BSD-3-Clause
"""test_cat.py - mcsafe cat: a file whose blocks fail, on standard output."""

import os
import signal
import subprocess
import unittest

import dialogue
from rescue import FAULTY, METHODS, PAGE, STRIDE, Rescue, bad_text, content, image_of, ranges_of
from tool import ERROR, FINE, LOST

SIZE = 10 * PAGE - 7


class Cat(Rescue):
    """Data, holes and lost ranges."""

    def setUp(self) -> None:
        super().setUp()
        self.data = content(SIZE)
        self.src.write_bytes(self.data)

    def test_every_pattern_of_7_blocks(self) -> None:
        """As zeros, as another byte, or left out."""
        for method, (environment, options) in METHODS.items():
            for pattern in range(0, 1 << 7, STRIDE):
                bad = ranges_of([i for i in range(7) if pattern >> i & 1], SIZE)
                words, expected = ([], image_of(self.data, bad))
                if pattern % 3 == 1:
                    words, expected = ["--fill", "0x5a"], image_of(self.data, bad, 0x5A)
                elif pattern % 3 == 2:
                    words = ["--skip"]
                    expected, at = b"", 0
                    for start, length in [*bad, (SIZE, 0)]:
                        expected += self.data[at:start]
                        at = start + length
                with self.subTest(method=method, pattern=f"{pattern:b}"):
                    done = self.faulty(
                        "cat", *options, *words, "src", BAD=bad_text(bad), **environment
                    )
                    self.check_lost(done, bad)
                    self.assertTrue(done.stdout == expected)

    def test_parts(self) -> None:
        """Offset and length, also past the end."""
        for offset, length in ((0, 0), (1, 1), (PAGE, PAGE), (5000, 10**9), (SIZE, 5), (SIZE, 0)):
            for method in ("auto", "map", "read"):
                done = self.faulty(
                    *("cat", "--method", method, "--offset", str(offset)),
                    *("--length", str(length), "src"),
                )
                self.assertEqual((done.returncode, done.stderr), (FINE, b""))
                self.assertTrue(done.stdout == self.data[offset : offset + length])
        done = self.faulty("cat", "-o", str(SIZE + 1), "src")
        self.assertEqual((done.returncode, done.stdout), (ERROR, b""))
        self.assertRegex(done.stderr.decode(), "^mcsafe cat: src: offset 40954 is past the end; ")

    def test_a_file_that_does_not_tell_its_size(self) -> None:
        """It is not taken for an empty file, nor for one that has shrunk."""
        for name, text in (
            ("/proc/cpuinfo", "does not tell its size; cp(1)"),
            ("/proc/self/mem", "does not tell its size, and cannot be read: Input/output error"),
        ):
            done = self.faulty("cat", name)
            self.assertEqual((done.returncode, done.stdout), (ERROR, b""))
            self.assertIn(text, done.stderr.decode())
        done = self.faulty("cat", "/sys/kernel/uevent_seqnum")
        self.assertEqual(done.returncode, LOST)
        self.assertIn(b"past the end of the file, which says that it has 4096 bytes", done.stderr)

    def test_holes_are_zeros(self) -> None:
        """Also the last part of a file."""
        with open(self.src, "ab") as src:
            src.truncate(3 << 20)
        for method in ("auto", "map", "read"):
            done = self.faulty("cat", "--method", method, "src")
            self.assertEqual((done.returncode, done.stderr), (FINE, b""))
            self.assertTrue(done.stdout == self.data + bytes((3 << 20) - SIZE))

    def test_a_closed_pipe_ends_quietly(self) -> None:
        """By SIGPIPE, also if the caller ignores it."""
        self.src.write_bytes(content(1 << 20))
        for ignored in (False, True):
            action = signal.SIG_IGN if ignored else signal.SIG_DFL
            with subprocess.Popen(
                [FAULTY, "cat", self.src],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=lambda action=action: signal.signal(signal.SIGPIPE, action),
                restore_signals=False,
            ) as cat:
                self.assertEqual(cat.stdout.read(1), content(1 << 20)[:1])
                cat.stdout.close()
                self.assertEqual(cat.stderr.read(), b"")
                self.assertEqual(cat.wait(), -signal.SIGPIPE)

    def test_a_pipe_that_does_not_block(self) -> None:
        """Whoever shares a pipe may have set O_NONBLOCK: nothing is lost."""
        data = content(1 << 20)
        self.src.write_bytes(data)
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with subprocess.Popen([FAULTY, "cat", self.src], stdout=writer) as cat:
            os.close(writer)
            with open(reader, "rb") as pipe:
                self.assertTrue(pipe.read() == data)
            self.assertEqual(cat.wait(), FINE)

    def test_standard_output_that_fails_is_an_error(self) -> None:
        """A full device, and the file itself."""
        for target, why in (
            ("/dev/full", "standard output: No space left on device"),
            (self.src, f"{self.src} is standard output"),
        ):
            with open(target, "ab") as output:
                done = subprocess.run(
                    [FAULTY, "cat", self.src], stdout=output, stderr=subprocess.PIPE, check=False
                )
            self.assertEqual(done.returncode, ERROR)
            self.assertEqual(done.stderr.decode(), f"mcsafe cat: {why}\n")
        self.assertTrue(self.src.read_bytes() == self.data)

    def test_a_device_that_is_gone(self) -> None:
        """What follows is not written as lost."""
        done = self.faulty("cat", "--method", "read", "src", GONE=2 * PAGE, SHORT=PAGE)
        self.assertEqual(done.returncode, ERROR)
        self.assertTrue(done.stdout == self.data[: 2 * PAGE])
        self.assertEqual(done.stderr, b"mcsafe cat: src: offset 8192: No such device\n")

    def test_wrong_usage(self) -> None:
        """Each is told."""
        for words, why in (
            ((), "FILE is missing"),
            (("a", "b"), "only one FILE can be read"),
            (("none",), "none: No such file or directory"),
            (("/",), "/: Is a directory"),
        ):
            done = self.faulty("cat", *words)
            self.assertEqual((done.returncode, done.stdout), (ERROR, b""))
            self.assertRegex(done.stderr.decode(), f"^mcsafe cat: {why}\n")

    def test_a_long_list_is_cut(self) -> None:
        """The status is the same."""
        self.src.write_bytes(content(50 * PAGE))
        bad = ranges_of(list(range(0, 50, 2)), 50 * PAGE)
        done = self.faulty("cat", "--method", "read", "src", BAD=bad_text(bad))
        self.assertEqual(done.returncode, LOST)
        self.assertIn(b"  and 5 ranges more; ", done.stderr)


class Manual(Rescue):
    """mcsafe-cat(1)."""

    def test_the_examples_show_what_happens(self) -> None:
        """Each command, with what it writes."""
        dialogue.replay("mcsafe-cat.1", self.dir)


if __name__ == "__main__":
    unittest.main()
