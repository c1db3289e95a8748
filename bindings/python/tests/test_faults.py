# SPDX-License-Identifier: BSD-3-Clause
"""test_faults.py - each method raises FaultError exactly where memory fails, and not before."""

import errno
import os
import random
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

import mcsafe
import support
from mcsafe import inject
from support import PAGE


class Truncated(support.FileTest):
    """A file of four pages, of which one is left."""

    def setUp(self) -> None:
        super().setUp()
        with open(self.path, "r+b") as file:
            self.m = mcsafe.mmap(file.fileno(), 0)
        self.addCleanup(self.m.close)
        self.cut(1)

    def raised(self, call: Callable[[], object], offset: int = PAGE, access: str = "read",
               done: int = 0) -> mcsafe.FaultError:
        """The error of a call, whose members are checked."""
        with self.assertRaises(mcsafe.FaultError) as e:
            call()
        error = e.exception
        self.assertIsInstance(error, OSError)
        said = (error.errno, error.path, error.reason, error.offset, error.access, error.done)
        self.assertEqual(said, (errno.EIO, str(self.path), "past-end", offset, access, done))
        self.assertEqual(str(error), f"[Errno 5] {self.path}, offset {offset}: past the end of the "
                                     f"file, which has {PAGE} bytes")
        self.assertEqual((error.length, error.file_size), (4 * PAGE - offset, PAGE))
        return error

    def test_items(self) -> None:
        m = self.m
        self.assertEqual((m[PAGE - 1], m[0]), (self.data[PAGE - 1], self.data[0]))
        self.raised(lambda: m[PAGE])
        self.raised(lambda: m[-1], 4 * PAGE - 1)
        m[PAGE - 1] = 7
        self.raised(lambda: m.__setitem__(PAGE + 5, 7), PAGE + 5, "write")
        self.assertEqual(self.path.read_bytes()[-1], 7)

    def test_the_loss_ends_with_the_map(self) -> None:
        self.cut(4)
        with open(self.path, "rb") as file:
            m = mcsafe.mmap(file.fileno(), 3 * PAGE + 100, access=mcsafe.ACCESS_READ)
        self.addCleanup(m.close)
        self.cut(1)
        into = bytearray(4 * PAGE)
        for call in (m.read, lambda: mcsafe.copy(into, m)):
            with self.assertRaises(mcsafe.FaultError) as e:
                call()
            self.assertEqual((e.exception.offset, e.exception.length), (PAGE, 2 * PAGE + 100))
        self.assertEqual(mcsafe.explain(m, 2 * PAGE).length, PAGE + 100)
        self.assertEqual(sum(memoryview(m)[PAGE:]), 0)
        self.assertEqual(m.lost(), [(PAGE, 2 * PAGE + 100)])

    def test_slices(self) -> None:
        m, data = self.m, self.data
        self.assertEqual(m[:PAGE], data[:PAGE])
        self.assertEqual(m[PAGE:PAGE], b"")
        self.raised(lambda: m[:], PAGE, done=PAGE)
        self.raised(lambda: m[PAGE - 5:PAGE + 1], done=5)
        self.raised(lambda: m[3 * PAGE:], 3 * PAGE)
        self.assertEqual(m[0:PAGE:100], data[0:PAGE:100])
        self.raised(lambda: m[PAGE - 1::2], PAGE + 1, done=1)
        self.raised(lambda: m[::-1], 4 * PAGE - 1)
        self.raised(lambda: m.__setitem__(slice(PAGE - 3, PAGE + 3), b"123456"), PAGE, "write", 3)
        self.assertEqual(self.path.read_bytes(), data[:PAGE - 3] + b"123")
        self.raised(lambda: m.__setitem__(slice(PAGE + 2, None, -1), bytes(PAGE + 3)), PAGE + 2,
                    "write")

    def test_iteration(self) -> None:
        self.raised(lambda: list(self.m))
        seen = []
        try:
            for one in self.m:
                seen.append(one)
        except mcsafe.FaultError:
            pass
        self.assertEqual(b"".join(seen), self.data[:PAGE])

    def test_reading_keeps_the_position(self) -> None:
        m, data = self.m, self.data
        m.seek(PAGE - 10)
        error = self.raised(m.read, done=10)
        self.assertEqual(m.tell(), PAGE - 10)
        self.assertEqual(m.read(error.done), data[PAGE - 10:PAGE])
        self.raised(m.read_byte)
        self.raised(lambda: m.read(1))
        self.assertEqual((m.tell(), m.read(0)), (PAGE, b""))

    def test_lines(self) -> None:
        m, data = self.m, self.data
        m.seek(data.index(b"\n", 2000) + 1)
        before = m.tell()
        self.assertEqual(m.readline(), data[before:data.index(b"\n", before) + 1])
        m.seek(data.rindex(b"\n", 0, PAGE) + 1)
        before = m.tell()
        self.raised(m.readline, done=PAGE - before)
        self.assertEqual(m.tell(), before)

    def test_writing_keeps_the_position_and_what_came_before(self) -> None:
        m = self.m
        m.seek(PAGE - 4)
        self.raised(lambda: m.write(b"123456"), PAGE, "write", 4)
        self.assertEqual((m.tell(), self.path.read_bytes()[-4:]), (PAGE - 4, b"1234"))
        m.seek(PAGE)
        self.raised(lambda: m.write_byte(1), PAGE, "write")
        self.assertEqual(m.tell(), PAGE)

    def test_find_raises_only_if_the_bad_page_is_needed(self) -> None:
        m, data = self.m, self.data
        for needle in (data[5:6], data[250:251], data[100:200], data[200:200 + 251],
                       data[PAGE - 600:PAGE - 1]):
            self.assertEqual(m.find(needle, 0), data.find(needle))
        self.assertEqual(m.find(b"\0", 0, PAGE), -1)
        self.assertEqual(m.find(b"\0\0", 0, PAGE), -1)
        self.raised(lambda: m.find(b"\0", 0), done=PAGE)
        self.raised(lambda: m.find(b"\0\0", 0), done=PAGE)
        self.raised(lambda: m.find(b"\0", PAGE + 70), PAGE + 70)
        m.seek(PAGE + 33)
        self.raised(m.readline, PAGE + 33)
        self.raised(lambda: m.find(data[PAGE - 600:PAGE] + b"\0", 0), done=PAGE)
        self.raised(lambda: m.find(data[PAGE - 251:PAGE - 250], PAGE - 5, PAGE + 5), done=5)

    def test_rfind_searches_from_the_end(self) -> None:
        m, data = self.m, self.data
        self.assertEqual(m.rfind(data[7:9], 0, PAGE), data.rfind(data[7:9], 0, PAGE))
        # All of the page is needed, from its first byte on.
        self.raised(lambda: m.rfind(b"a", 0), 3 * PAGE)
        self.raised(lambda: m.rfind(b"ab", 0, PAGE + 5))

    def test_rfind_finds_what_lies_above_a_bad_page(self) -> None:
        m = mcsafe.mmap(-1, 5 * PAGE)
        m[:] = data = (self.data * 2)[:5 * PAGE]
        inject.fail(m, PAGE, PAGE)
        self.assertEqual(m.rfind(data[3:9], 0), data.rfind(data[3:9]))
        above = data[2 * PAGE:2 * PAGE + 300]
        self.assertEqual(m.rfind(above, 0), data.rfind(above))
        with self.assertRaises(mcsafe.FaultError):
            m.rfind(b"\0", 0)
        with self.assertRaises(mcsafe.FaultError) as e:
            m.find(b"\0", 0)
        self.assertEqual(e.exception.done, PAGE)
        inject.clear(m, PAGE, PAGE)
        self.assertEqual(m.find(b"\0", 0), -1)

    def test_move_names_the_side(self) -> None:
        m, data = self.m, self.data
        m.move(0, 100, 200)
        self.assertEqual(m[:200], data[100:300])
        self.raised(lambda: m.move(0, 2 * PAGE, 10), 2 * PAGE)
        self.raised(lambda: m.move(2 * PAGE, 0, 10), 2 * PAGE, "write")
        self.raised(lambda: m.move(PAGE - 5, PAGE - 10, 10), PAGE, "write")

    def test_salvage_lists_the_holes(self) -> None:
        got, holes = mcsafe.salvage(self.m)
        self.assertEqual((got, holes), (self.data[:PAGE] + bytes(3 * PAGE), [(PAGE, 3 * PAGE)]))
        self.assertEqual(mcsafe.salvage(self.m, fill=255)[0][PAGE:], b"\xff" * 3 * PAGE)
        self.grow()
        self.assertEqual(mcsafe.salvage(self.m), (got, []))

    def test_explain_raises_nothing(self) -> None:
        self.assertIsNone(mcsafe.explain(self.m, PAGE - 1))
        error = mcsafe.explain(self.m, PAGE + 3)
        self.assertEqual((type(error), error.offset, error.reason),
                         (mcsafe.FaultError, PAGE + 3, "past-end"))
        for wrong in (-1, 4 * PAGE):
            with self.assertRaises(IndexError):
                mcsafe.explain(self.m, wrong)

    def test_copy_counts(self) -> None:
        room = bytearray(4 * PAGE)
        self.raised(lambda: mcsafe.copy(room, self.m), done=PAGE)
        self.assertEqual(room, self.data[:PAGE] + bytes(3 * PAGE))
        self.raised(lambda: mcsafe.copy(self.m, bytes(2 * PAGE)), PAGE, "write", PAGE)
        self.grow()
        self.assertEqual(mcsafe.copy(room, self.m), 4 * PAGE)
        self.assertEqual(room, bytes(4 * PAGE))

    def test_the_map_works_again_once_the_file_has_grown(self) -> None:
        self.raised(lambda: self.m[PAGE])
        self.grow()
        self.assertEqual(self.m[PAGE:], bytes(3 * PAGE))

    def test_an_offset_counts_from_the_start_of_the_file(self) -> None:
        self.grow()
        with open(self.path, "rb") as file:
            m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ, offset=2 * PAGE)
        self.cut(1)
        self.raised(lambda: m[10], 2 * PAGE + 10)


class Others(unittest.TestCase):
    """Other reasons than truncation."""

    def test_a_full_tmpfs(self) -> None:
        done = support.python("""
            import errno, os, sys, tempfile
            from pathlib import Path
            import mcsafe, support
            where = Path(tempfile.mkdtemp())
            if not support.mount_small_tmpfs(where, 16 * 4096):
                sys.exit(77)
            with open(where / "frames", "w+b") as file:
                file.truncate(64 * 4096)
                m = mcsafe.mmap(file.fileno(), 0)
                try:
                    m[:] = b"x" * len(m)
                except mcsafe.FaultError as error:
                    assert error.errno == errno.ENOSPC, error
                    assert (error.reason, error.access) == ("no-space", "write"), error
                    assert error.done == error.offset > 4096, (error.done, error.offset)
                    assert error.done % 4096 == 0, error.done
                    print(error)
                    assert m[:error.done] == b"x" * error.done
            """)
        if done.returncode == 77:
            support.skip("only root may mount a tmpfs")
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout,
                         r"^\[Errno 28\] .*/frames, offset \d+: no space left on tmpfs\n$")

    def test_each_kind_of_injected_memory(self) -> None:
        tried = 0
        for kind, reasons in (("auto", ("poison", "unknown", "not-mapped", "protected")),
                              ("poison", ("poison", "unknown")), ("guard", ("not-mapped",)),
                              ("protect", ("protected",)), ("eof", ("past-end",))):
            if not inject.supported(kind):
                print(f"this kernel has no {kind}")
                continue
            tried += 1
            with self.subTest(kind):
                m = mcsafe.mmap(-1, 4 * PAGE)
                m[:] = data = random.randbytes(4 * PAGE)
                inject.fail(m, PAGE, PAGE, kind)
                with self.assertRaises(mcsafe.FaultError) as e:
                    m[PAGE - 3:3 * PAGE]
                self.assertEqual(e.exception.done, 3)
                self.assertIn(e.exception.reason, reasons)
                self.assertEqual(mcsafe.salvage(m), (data[:PAGE] + bytes(PAGE) + data[2 * PAGE:],
                                                     [(PAGE, PAGE)]))
                inject.clear(m, PAGE, PAGE)
                self.assertEqual(m[:], data)
        self.assertGreaterEqual(tried, 3)

    def test_injection_refuses_what_is_wrong(self) -> None:
        m = mcsafe.mmap(-1, 2 * PAGE)
        for arguments in ((m, 0, 3 * PAGE), (m, -PAGE, PAGE), (m, 0, PAGE, "nonsense")):
            with self.assertRaises(ValueError):
                inject.fail(*arguments)
        with self.assertRaises(OSError):
            inject.fail(m, 1, PAGE)
        with self.assertRaises(OSError):
            inject.clear(m, 0, PAGE)
        with self.assertRaises(ValueError):
            inject.supported("nonsense")
        with self.assertRaises(OSError) as e:
            inject.schedule("copy:1")
        self.assertEqual(e.exception.errno, errno.EOPNOTSUPP)

    def test_a_schedule_makes_one_copy_fail(self) -> None:
        done = support.run(sys.executable, "-B", "-c", """if True:
            import mcsafe
            from mcsafe import inject
            m = mcsafe.mmap(-1, 8192)
            m[:] = b"y" * 8192
            inject.schedule("copy:2@100")
            assert m[:200] == b"y" * 200
            try:
                m[:200]
            except mcsafe.FaultError as error:
                print(error.done)
            assert m[:200] == b"y" * 200
            print(inject.copies(), inject.failures())
            """, LD_PRELOAD=os.environ["MCSAFE_INJECT_LIBRARY"])
        self.assertEqual((done.returncode, done.stdout), (0, "100\n3 1\n"), done)

    def test_memory_of_other_modules(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "file")
            path.write_bytes(b"z" * 3 * PAGE)
            import mmap
            with open(path, "r+b") as file:
                other = mmap.mmap(file.fileno(), 0)
            os.truncate(path, PAGE)
            room = bytearray(3 * PAGE)
            with self.assertRaises(mcsafe.FaultError) as e:
                mcsafe.copy(room, other)
            self.assertEqual((e.exception.done, e.exception.path), (PAGE, str(path)))
            self.assertEqual(mcsafe.salvage(other)[1], [(PAGE, 2 * PAGE)])
            self.assertEqual(mcsafe.explain(other, 2 * PAGE).offset, 2 * PAGE)
            with mcsafe.mmap(-1, 3 * PAGE) as m:
                with self.assertRaises(mcsafe.FaultError) as e:
                    m[:] = other
                self.assertEqual((e.exception.done, e.exception.access), (PAGE, "read"))
                self.assertEqual(m[:], b"z" * PAGE + bytes(2 * PAGE))

    def test_functions_refuse_wrong_arguments(self) -> None:
        m = mcsafe.mmap(-1, PAGE)
        read_only = mcsafe.mmap(-1, PAGE, prot=mcsafe.PROT_READ)
        for call, error in (
            (lambda: mcsafe.copy(m, bytes(PAGE + 1)), ValueError),
            (lambda: mcsafe.copy(m, m), ValueError),
            (lambda: mcsafe.copy(read_only, b"a"), TypeError),
            (lambda: mcsafe.copy(b"a", b"a"), BufferError),
            (lambda: mcsafe.copy(m, 5), TypeError),
            (lambda: mcsafe.salvage(m, fill=256), ValueError),
            (lambda: mcsafe.salvage(None), TypeError),
        ):
            with self.assertRaises(error):
                call()
        m.close()
        for call in (lambda: mcsafe.copy(m, b""), lambda: mcsafe.copy(bytearray(9), m),
                     lambda: mcsafe.salvage(m), lambda: mcsafe.explain(m)):
            with self.assertRaises(ValueError):
                call()


class Pmem(support.FileTest):
    """mcsafe.Pmem on an ordinary file."""

    def test_reads_and_writes(self) -> None:
        with mcsafe.Pmem(self.path, write=True) as pmem:
            self.assertEqual((pmem.size, pmem.align, pmem.bad(), pmem.closed),
                             (4 * PAGE, PAGE, [], False))
            self.assertEqual(pmem.pread(100, 50), self.data[50:150])
            self.assertEqual(pmem.pread(1 << 60, 4 * PAGE - 5), self.data[-5:])
            self.assertEqual((pmem.pread(5, 4 * PAGE), pmem.pread(0, 0)), (b"", b""))
            self.assertEqual(pmem.pwrite(b"hello", 10), 5)
            self.assertEqual(pmem.pwrite(b"hello", 4 * PAGE - 2), 2)
            self.assertIsNone(pmem.persist())
            self.assertIsNone(pmem.persist(0, 100))
            self.assertEqual(self.path.read_bytes(), self.data[:10] + b"hello"
                             + self.data[15:-2] + b"he")
            self.assertEqual(pmem.salvage(), (self.path.read_bytes(), []))
            self.assertEqual(pmem.repair(PAGE, PAGE, b"r" * PAGE), PAGE)
            self.assertEqual(pmem.repair(0, PAGE), PAGE)
            self.assertEqual(pmem.pread(2 * PAGE, 0), bytes(PAGE) + b"r" * PAGE)
        self.assertTrue(pmem.closed)

    def test_damage_is_an_error_and_refresh_takes_the_size_over(self) -> None:
        with open(self.path, "rb") as file, mcsafe.Pmem(file.fileno(), ask=False) as pmem:
            self.cut(1)
            self.assertEqual(pmem.pread(2 * PAGE, PAGE - 7), self.data[PAGE - 7:PAGE])
            with self.assertRaises(mcsafe.FaultError) as e:
                pmem.pread(1, PAGE + 9)
            self.assertEqual((e.exception.offset, e.exception.reason), (PAGE + 9, "past-end"))
            self.assertEqual(pmem.salvage(7), (self.data[:PAGE] + b"\7" * 3 * PAGE,
                                               [(PAGE, 3 * PAGE)]))
            pmem.refresh()
            self.assertEqual((pmem.size, pmem.pread(1, PAGE + 9)), (PAGE, b""))

    def test_wrong_arguments_are_refused(self) -> None:
        for call in (lambda: mcsafe.Pmem("/nowhere"), lambda: mcsafe.Pmem(99999),
                     lambda: mcsafe.Pmem(self.path, reserve=True)):
            with self.assertRaises(OSError):
                call()
        with self.assertRaises(TypeError):
            mcsafe.Pmem(1.5)
        pmem = mcsafe.Pmem(str(self.path))
        for call, error in ((lambda: pmem.pwrite(b"a", 0), OSError),
                            (lambda: pmem.pread(-1, 0), ValueError),
                            (lambda: pmem.pread(1, -1), ValueError),
                            (lambda: pmem.repair(0, 5, b"1234"), ValueError),
                            (lambda: pmem.repair(1, PAGE), OSError),
                            (lambda: pmem.persist(), OSError)):
            with self.assertRaises(error):
                call()
        pmem.close()
        pmem.close()
        for call in (lambda: pmem.pread(1, 0), lambda: pmem.pwrite(b"", 0), pmem.persist, pmem.bad,
                     pmem.refresh, pmem.salvage, lambda: pmem.repair(0, PAGE), lambda: pmem.size,
                     lambda: pmem.align, pmem.__enter__):
            with self.assertRaises(ValueError):
                call()


if __name__ == "__main__":
    support.main()
