# SPDX-License-Identifier: BSD-3-Clause
"""test_buffers.py - buffers lie in a shield: other code lives, and the loss is told."""

import errno
import os
import re
import struct
import sys
import unittest
from unittest import mock

import mcsafe
import support
from support import PAGE


class Buffers(support.FileTest):
    """A file of four pages, which loses three while it is mapped."""

    def open(self, **options: object) -> mcsafe.mmap:
        """Map the file."""
        with open(self.path, "r+b") as file:
            return mcsafe.mmap(file.fileno(), 0, **options)

    def lose(self, m: mcsafe.mmap, left: int = 1) -> None:
        """Truncate the file, and read it through a buffer."""
        self.cut(left)
        with memoryview(m) as view:
            self.assertEqual(bytes(view), self.data[:left * PAGE] + bytes((4 - left) * PAGE))

    def test_nothing_is_told_while_all_is_well(self) -> None:
        with self.open() as m:
            self.assertEqual(bytes(m), self.data)
            self.assertEqual(m.lost(), [])
            m[5:8] = b"abc"
        self.assertEqual(self.path.read_bytes()[5:8], b"abc")

    def test_other_code_lives_and_lost_tells(self) -> None:
        for use in (
            lambda m: struct.unpack_from("<Q", m, 2 * PAGE),
            lambda m: re.search(b"\0", m),
            lambda m: memoryview(m)[PAGE],
            lambda m: bytes(m),
            lambda m: int.from_bytes(memoryview(m)[PAGE:PAGE + 8]),
            lambda m: bytearray(m),
            lambda m: b"".join([m, m]),
        ):
            self.path.write_bytes(self.data)
            with self.open() as m:
                self.cut(1)
                self.assertEqual(m.lost(), [])
                use(m)
                self.assertEqual(m.lost(), [(PAGE, 3 * PAGE)])

    def test_the_last_range_ends_with_the_map(self) -> None:
        self.path.write_bytes(self.data[:-100])
        with self.open() as m:
            self.cut(3)
            memoryview(m)[3 * PAGE]
            self.assertEqual(m.lost(), [(3 * PAGE, PAGE - 100)])

    def test_leaving_raises_what_nobody_has_been_told(self) -> None:
        with self.assertRaises(mcsafe.FaultError) as e:
            with self.open() as m:
                self.lose(m)
        self.assertTrue(m.closed)
        error = e.exception
        self.assertEqual((error.errno, error.path, error.offset, error.length, error.reason),
                         (errno.EIO, str(self.path), PAGE, 3 * PAGE, "past-end"))
        self.assertEqual(str(error), f"[Errno 5] {self.path}, offset {PAGE}: past the end of the "
                                     f"file, which has {PAGE} bytes; {3 * PAGE} bytes were lost, "
                                     "and zeros stood in")

    def test_leaving_raises_nothing_that_was_told(self) -> None:
        with self.open() as m:
            self.lose(m)
            self.assertEqual(m.lost(), [(PAGE, 3 * PAGE)])

    def test_leaving_raises_what_was_lost_after_the_last_question(self) -> None:
        with self.assertRaises(mcsafe.FaultError):
            with self.open() as m:
                self.lose(m, 2)
                m.lost()
                self.lose(m, 1)

    def test_check_false_raises_nothing(self) -> None:
        with self.open(check=False) as m:
            self.lose(m)

    def test_an_exception_on_its_way_gets_a_note(self) -> None:
        with self.assertRaises(KeyError) as e:
            with self.open() as m:
                self.lose(m)
                raise KeyError("other")
        self.assertEqual(len(e.exception.__notes__), 1)
        self.assertIn(f"{3 * PAGE} bytes were lost", e.exception.__notes__[0])
        self.assertTrue(m.closed)

    def test_close_raises_and_closes(self) -> None:
        m = self.open()
        self.lose(m)
        with self.assertRaises(mcsafe.FaultError):
            m.close()
        self.assertTrue(m.closed)
        m.close()

    def test_a_map_with_buffers_is_not_closed_but_the_loss_is_told(self) -> None:
        m = self.open()
        view = memoryview(m)
        with self.assertRaises(BufferError), m:
            pass
        with self.assertRaises(mcsafe.FaultError), m:
            self.lose(m)
        self.assertFalse(m.closed)
        view.release()
        m.close()

    def test_close_that_fails_does_not_count_as_told(self) -> None:
        m = self.open()
        view = memoryview(m)
        self.lose(m)
        with self.assertRaises(BufferError):
            m.close()
        view.release()
        with self.assertRaises(mcsafe.FaultError):
            m.close()

    def test_a_map_that_nobody_closes_is_told_at_last(self) -> None:
        with mock.patch.object(sys, "unraisablehook") as hook:
            m = self.open()
            self.lose(m)
            del m
            self.assertEqual(hook.call_count, 1)
            self.assertIsInstance(hook.call_args.args[0].exc_value, mcsafe.FaultError)
            m = self.open(check=False)
            self.grow()
            del m
            m = self.open()
            bytes(m)
            del m
            self.assertEqual(hook.call_count, 1)

    def test_methods_do_not_take_stand_ins_for_data(self) -> None:
        m = self.open()
        self.lose(m)
        m.lost()
        needle = bytes(2)
        for call in (
            lambda: m[PAGE], lambda: m[PAGE - 1:PAGE + 1], lambda: m[PAGE + 1::-1],
            lambda: m[::2], lambda: m.find(needle, 0), lambda: m.rfind(needle, 0),
            lambda: m.find(b"\0", 0), lambda: m.read(PAGE + 1), lambda: m.move(0, PAGE, 1),
            lambda: m.move(PAGE, 0, 1), lambda: m.__setitem__(PAGE, 1),
            lambda: m.__setitem__(slice(PAGE - 1, PAGE + 1), b"ab"), m.flush,
            lambda: m.flush(PAGE, PAGE), lambda: mcsafe.copy(bytearray(4 * PAGE), m),
            lambda: mcsafe.copy(m, bytes(2 * PAGE)), m.restore,
        ):
            with self.assertRaises(mcsafe.FaultError) as e:
                call()
            self.assertEqual((e.exception.reason, e.exception.path), ("past-end", str(self.path)))
            self.assertGreaterEqual(e.exception.offset, PAGE)
        m[0:2] = b"ok"
        self.assertEqual((m[:2], m.find(b"ok", 0), m.rfind(b"ok", 0, PAGE)), (b"ok", 0, 0))
        self.assertIsNone(m.flush(0, PAGE))
        self.assertEqual(mcsafe.salvage(m, fill=9),
                         (self.path.read_bytes() + b"\x09" * 3 * PAGE, [(PAGE, 3 * PAGE)]))
        self.assertEqual(mcsafe.explain(m, PAGE).offset, PAGE)
        self.assertIsNone(mcsafe.explain(m, 0))
        m.close()

    def test_restore_gives_the_file_back(self) -> None:
        m = self.open()
        self.lose(m)
        with self.assertRaises(mcsafe.FaultError):
            m.restore()
        self.path.write_bytes(self.data)
        m.restore()
        self.assertEqual((m.lost(), m[:], bytes(m)), ([], self.data, self.data))
        m.close()

    def test_resize_drops_the_stand_ins_and_forgets_no_loss(self) -> None:
        m = self.open()
        self.lose(m)
        m.resize(6 * PAGE)
        self.assertEqual((len(m), m[:PAGE]), (6 * PAGE, self.data[:PAGE]))
        self.assertEqual(m[PAGE:], bytes(5 * PAGE))
        with self.assertRaises(mcsafe.FaultError) as e:
            m.close()
        self.assertIn("for a time", str(e.exception))

    def test_a_write_through_a_buffer_to_what_is_lost_is_told(self) -> None:
        with self.assertRaises(mcsafe.FaultError):
            with self.open() as m:
                self.cut(1)
                memoryview(m)[2 * PAGE:2 * PAGE + 5] = b"hello"
        self.assertEqual(self.path.read_bytes(), self.data[:PAGE])

    def test_a_private_map_has_a_shield_too(self) -> None:
        with self.open(access=mcsafe.ACCESS_COPY) as m:
            self.lose(m)
            self.assertEqual(m.lost(), [(PAGE, 3 * PAGE)])

    def test_executable_memory_needs_shield_false(self) -> None:
        everything = mcsafe.PROT_READ | mcsafe.PROT_WRITE | mcsafe.PROT_EXEC
        with mcsafe.mmap(-1, PAGE, prot=everything) as m:
            with self.assertRaisesRegex(BufferError, "executed; shield=False"):
                memoryview(m)
            m[0] = 3
        with mcsafe.mmap(-1, PAGE, prot=everything, shield=False) as m:
            with memoryview(m) as view:
                view[0] = 3
            self.assertEqual((m[0], m.lost()), (3, []))

    def test_without_a_shield_a_buffer_kills(self) -> None:
        done = support.python("""
            import os, sys, mcsafe
            with open(sys.argv[1], "rb") as file:
                m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ, shield=False)
            os.truncate(sys.argv[1], 0)
            bytes(m)
            """, self.path)
        self.assertEqual(done.returncode, -7, done)


class Numpy(support.FileTest):
    """numpy, which is not changed."""

    pages = 40

    def setUp(self) -> None:
        super().setUp()
        try:
            import numpy
        except ImportError:
            support.skip("this Python has no numpy")
        self.numpy = numpy

    def test_a_sum_over_a_truncated_file(self) -> None:
        numbers = struct.unpack(f"<{self.pages * PAGE // 8}Q", self.data)
        with open(self.path, "rb") as file:
            m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ)
        array = self.numpy.frombuffer(m, dtype="<u8")
        self.assertEqual(int(array.astype(object).sum()), sum(numbers))
        self.cut(30)
        self.assertEqual(int(array.astype(object).sum()), sum(numbers[:30 * PAGE // 8]))
        self.assertEqual(m.lost(), [(30 * PAGE, 10 * PAGE)])
        del array
        m.close()

    def test_copy_survives_a_memmap_of_numpy(self) -> None:
        array = self.numpy.memmap(self.path, dtype="u1", mode="r")
        self.cut(3)
        room = self.numpy.zeros(len(array), dtype="u1")
        with self.assertRaises(mcsafe.FaultError) as e:
            mcsafe.copy(room, array)
        self.assertEqual((e.exception.done, e.exception.path), (3 * PAGE, str(self.path)))
        self.assertEqual(bytes(room[:3 * PAGE]), self.data[:3 * PAGE])


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    support.main()
