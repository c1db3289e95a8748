# SPDX-License-Identifier: BSD-3-Clause
"""test_map.py - mcsafe.mmap does what mmap.mmap does, where memory is good."""

import mmap
import os
import pickle
import random
import sys
import unittest
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcsafe
import support
from support import PAGE

SEED = int(os.environ.get("MCSAFE_TEST_SEED", random.randrange(1 << 30)))
MAPS = (mmap.mmap, mcsafe.mmap)


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """What a call returns, or the exception that it raises."""
    try:
        return "returns", call()
    except (ValueError, TypeError, IndexError, OSError, BufferError, OverflowError) as error:
        return "raises", type(error)


class Twins:
    """A map of each kind, of the same bytes, and calls with random arguments."""

    def __init__(self, dice: random.Random, size: int) -> None:
        self.dice, self.size = dice, size
        self.maps = [kind(-1, size) for kind in MAPS]
        data = bytes(dice.choices(b"abc\n", k=size))
        for one in self.maps:
            one[:] = data

    def index(self) -> int:
        """An index that may be outside."""
        return self.dice.choice((0, -1, self.size, -self.size, self.dice.randrange(-99, 99),
                                 self.dice.randrange(-self.size - 3, self.size + 3)))

    def slice(self) -> slice:
        """Any slice."""
        step = self.dice.choice((None, None, 1, 2, -1, 7, -300))
        ends = [self.dice.choice((None, self.index())) for _ in range(2)]
        return slice(*ends, step)

    def text(self) -> bytes:
        """Bytes to search or to store, which may occur."""
        if self.dice.random() < 0.2:
            start = self.dice.randrange(self.size)
            return self.maps[0][start:start + self.dice.randrange(5000)]
        return bytes(self.dice.choices(b"abc\n", k=self.dice.randrange(6)))

    def call(self) -> tuple[str, Callable[[Any], Any]]:
        """A random call, and its description."""
        dice = self.dice
        index, piece, text = self.index(), self.slice(), self.text()
        fitting = bytes(dice.choices(b"abc\n", k=len(range(*piece.indices(self.size)))))
        value = dice.choice((0, 255, 256, -1, 97, b"a", None))
        # Versions of Python differ in which of two errors they report.
        stored = value if -self.size <= index < self.size else 0
        # They also differ where nothing is searched in a range that is turned round.
        find = (text, *(self.index() for _ in range(dice.randrange(3)))) if text else (text,)
        seek = (self.index(), dice.choice((0, 1, 2, 3)))
        count = dice.choice((None, -1, dice.randrange(99)))
        move = tuple(dice.choice((index, dice.randrange(self.size))) for _ in range(3))
        calls: dict[str, Callable[[Any], Any]] = {
            f"m[{index}]": lambda m: m[index],
            f"m[{piece}]": lambda m: m[piece],
            f"m[{index}] = {stored!r}": lambda m: m.__setitem__(index, stored),
            f"m[{piece}] = {fitting!r}": lambda m: m.__setitem__(piece, fitting),
            f"m[{piece}] = {text!r}": lambda m: m.__setitem__(piece, text),
            f"find{find}": lambda m: m.find(*find),
            f"rfind{find}": lambda m: m.rfind(*find),
            f"seek{seek}": lambda m: (m.seek(*seek), m.tell())[1],
            f"read({count})": lambda m: m.read(count),
            "readline()": lambda m: m.readline(),
            "read_byte()": lambda m: m.read_byte(),
            f"write({text!r})": lambda m: m.write(text),
            f"write_byte({value!r})": lambda m: m.write_byte(value),
            f"move{move}": lambda m: m.move(*move),
            "tell()": lambda m: m.tell(),
            f"flush({index}, {move[0]})": lambda m: m.flush(index, move[0]),
            f"madvise(0, {index})": lambda m: m.madvise(mmap.MADV_NORMAL, index),
            "del m[0]": lambda m: m.__delitem__(0),
            "size()": lambda m: m.size(),
            "list": lambda m: list(m),
        }
        return dice.choice(list(calls.items()))


class Equal(unittest.TestCase):
    """Compares the two kinds call by call."""

    def test_random_calls_have_the_same_results_and_effects(self) -> None:
        print(f"seed {SEED}")
        dice = random.Random(SEED)
        raised = 0
        for _ in range(60):
            twins = Twins(dice, dice.choice((1, 5, 300, PAGE - 1, 3 * PAGE + 7, 40000)))
            said = []
            for _ in range(100):
                what, call = twins.call()
                said.append(what)
                left, right = (outcome(lambda m=m: call(m)) for m in twins.maps)
                # seek() returns the position, as it does from Python 3.13 on.
                self.assertEqual(left, right, said[-5:])
                raised += left[0] == "raises"
            self.assertEqual(*(m[:] for m in twins.maps), said)
            for one in twins.maps:
                one.close()
        self.assertGreater(raised, 500)

    def test_long_needles_and_long_maps_are_searched_right(self) -> None:
        dice = random.Random(SEED)
        data = bytes(dice.choices(b"ab", k=1 << 20))
        found = 0
        with mcsafe.mmap(-1, len(data)) as m:
            m[:] = data
            for length in (1, 2, 17, 100, 4095, 4097, 8192, 16383, 16384, 40000, 1 << 19):
                for _ in range(4):
                    start = dice.randrange(len(data) - length)
                    needle = data[start:start + length]
                    if dice.random() < 0.3:
                        needle = needle[:-1] + b"c"
                    low = dice.randrange(len(data))
                    for ends in ((0,), (low,), (0, low), (low, len(data) - 5)):
                        left = m.find(needle, *ends), m.rfind(needle, *ends)
                        self.assertEqual(left, (data.find(needle, *ends),
                                                data.rfind(needle, *ends)), (length, ends))
                        found += left[0] >= 0
        self.assertGreater(found, 50)

    def test_constructors_refuse_the_same(self) -> None:
        with open("/dev/null", "rb") as null, open(__file__, "rb") as file:
            size = os.path.getsize(__file__)
            for arguments, options in (
                ((-1, -1), {}),
                ((-2, PAGE), {}),
                ((-1, 0), {}),
                ((-1, PAGE), {"offset": -1}),
                ((-1, PAGE), {"access": 4}),
                ((-1, PAGE), {"access": mmap.ACCESS_READ, "prot": mmap.PROT_READ}),
                ((null.fileno(), 0), {}),
                ((file.fileno(), 0), {}),
                ((file.fileno(), size + 1), {"access": mmap.ACCESS_READ}),
                ((file.fileno(), 0), {"access": mmap.ACCESS_READ, "offset": 1 << 30}),
                ((file.fileno(), 10), {"access": mmap.ACCESS_READ, "offset": 1}),
                (("x", 10), {}),
                ((), {}),
                ((-1, PAGE), {"nonsense": 1}),
            ):
                with self.subTest(arguments, **options):
                    said = []
                    for kind in MAPS:
                        refused = (ValueError, TypeError, OSError, OverflowError)
                        with self.assertRaises(refused) as e:
                            kind(*arguments, **options)
                        said.append((type(e.exception), getattr(e.exception, "errno", None)))
                    self.assertEqual(said[0], said[1])

    def test_each_access_maps_the_same(self) -> None:
        with open(__file__, "rb") as file:
            for options in ({"access": mmap.ACCESS_READ}, {"access": mmap.ACCESS_COPY},
                            {"prot": mmap.PROT_READ}, {"flags": mmap.MAP_PRIVATE}):
                with self.subTest(**options):
                    said = []
                    for kind in MAPS:
                        m = kind(file.fileno(), 0, **options)
                        said.append((m[:], m.size(), memoryview(m).readonly,
                                     outcome(lambda m=m: m.__setitem__(0, 1)),
                                     outcome(lambda m=m: m.resize(10)),
                                     repr(m).replace("mmap.mmap", "mcsafe.mmap")))
                    self.assertEqual(said[0], said[1])

    def test_a_closed_map_refuses_everything(self) -> None:
        for kind in MAPS:
            m = kind(-1, PAGE)
            m.close()
            m.close()
            self.assertTrue(m.closed)
            for call in (lambda m: m[0], lambda m: m[:], lambda m: len(m), lambda m: m.read(),
                         lambda m: m.find(b"a"), lambda m: m.write(b"a"), lambda m: m.tell(),
                         lambda m: m.seek(0), lambda m: m.flush(), lambda m: m.size(),
                         lambda m: m.__enter__(), lambda m: memoryview(m),
                         lambda m: m.resize(3), lambda m: m.move(0, 0, 0), lambda m: m.readline(),
                         lambda m: m.read_byte(), lambda m: m.write_byte(1), lambda m: list(m)):
                self.assertEqual(outcome(lambda call=call, m=m: call(m)), ("raises", ValueError))


class Own(support.FileTest):
    """What is asked of mcsafe.mmap alone."""

    def test_the_name_is_that_of_the_package(self) -> None:
        m = mcsafe.mmap(-1, 10)
        self.assertEqual(repr(m), "<mcsafe.mmap closed=False, access=ACCESS_DEFAULT, length=10, "
                                  "pos=0, offset=0>")
        m.close()
        self.assertEqual(repr(m), "<mcsafe.mmap closed=True>")
        self.assertEqual((mcsafe.mmap.__module__, mcsafe.FaultError.__module__),
                         ("mcsafe", "mcsafe"))

    def test_the_constants_are_those_of_the_module_mmap(self) -> None:
        names = [name for name in dir(mmap) if name.isupper()]
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertEqual(getattr(mcsafe, name), getattr(mmap, name))
        self.assertIs(mcsafe.error, OSError)

    def test_memory_is_released(self) -> None:
        with open(self.path, "rb") as file:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(10):
                m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ)
                memoryview(m).release()
                address = f"{m.address:x}-"
                self.assertIn(address, Path("/proc/self/maps").read_text())
                m.close()
                self.assertNotIn(address, Path("/proc/self/maps").read_text())
                self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_resize_changes_the_file_and_keeps_the_bytes(self) -> None:
        with open(self.path, "r+b") as file, mcsafe.mmap(file.fileno(), 0) as m:
            memoryview(m).release()
            m.resize(10 * PAGE)
            self.assertEqual((len(m), os.path.getsize(self.path)), (10 * PAGE, 10 * PAGE))
            self.assertEqual(m[:], self.data + bytes(6 * PAGE))
            m[9 * PAGE:9 * PAGE + 3] = b"end"
            m.resize(100)
            self.assertEqual((m[:], self.path.read_bytes()), (self.data[:100],) * 2)
            view = memoryview(m)
            for call in (lambda: m.resize(5), m.close):
                with self.assertRaises(BufferError):
                    call()
            view.release()

    def test_overlapping_slices_are_copied_as_by_memmove(self) -> None:
        data = bytes(random.Random(SEED).randbytes(60000))
        for to, start, n in ((0, 1, 50000), (1, 0, 50000), (17000, 0, 40000), (0, 17000, 40000)):
            with mcsafe.mmap(-1, len(data)) as m:
                expected = bytearray(data)
                expected[to:to + n] = data[start:start + n]
                m[:] = data
                with memoryview(m) as view:
                    m[to:to + n] = view[start:start + n]
                self.assertEqual(m[:], expected)
                m[:] = data
                m.move(to, start, n)
                self.assertEqual(m[:], expected)

    def test_arguments_may_resize_the_map(self) -> None:
        class Shrinks:
            """An index that resizes the map when it is asked."""

            def __init__(self, m: mcsafe.mmap) -> None:
                self.m = m

            def __index__(self) -> int:
                self.m.resize(1)
                return 50

        for call, expected in (
            (lambda m, i: m[i], IndexError),
            (lambda m, i: m[i:60], b""),
            (lambda m, i: m[0:i:7], b"\0"),
            (lambda m, i: m.find(b"\0", i), -1),
            (lambda m, i: m.rfind(b"\0", 0, i), 0),
            (lambda m, i: m.read(i), b""),
            (lambda m, i: m.write_byte(i), ValueError),
            (lambda m, i: m.__setitem__(3, i), IndexError),
            (lambda m, i: m.__setitem__(slice(i, 60), b"a" * 10), IndexError),
            (lambda m, i: m.move(0, i, 5), ValueError),
            (lambda m, i: m.flush(i), ValueError),
            (lambda m, i: m.seek(i), ValueError),
            (lambda m, i: m.madvise(mcsafe.MADV_NORMAL, i), ValueError),
        ):
            m = mcsafe.mmap(-1, 2 * PAGE, flags=mcsafe.MAP_PRIVATE)
            m.seek(80)
            said = outcome(lambda call=call, m=m: call(m, Shrinks(m)))[1]
            self.assertEqual((said, len(m)), (expected, 1))

    def test_trackfd_keeps_no_descriptor(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        file = os.open(self.path, os.O_RDWR)
        m = mcsafe.mmap(file, 0, trackfd=False)
        os.close(file)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.assertEqual(m[:], self.data)
        with self.assertRaises(OSError):
            m.size()
        with self.assertRaises(ValueError):
            m.resize(PAGE)
        m.close()

    def test_subclasses_and_weak_references(self) -> None:
        class Counted(mcsafe.mmap):
            """A subclass that counts."""

            def __new__(cls, size: int) -> "Counted":
                return super().__new__(cls, -1, size)

            def __init__(self, size: int) -> None:
                self.asked = size

        m = Counted(100)
        self.assertEqual((m.asked, len(m), repr(m)[:15]), (100, 100, "<mcsafe.Counted"))
        reference = weakref.ref(m)
        self.assertIs(reference(), m)
        del m
        self.assertIsNone(reference())

    def test_a_map_cannot_be_pickled(self) -> None:
        with self.assertRaises(TypeError):
            pickle.dumps(mcsafe.mmap(-1, 10))

    def test_an_error_can_be_pickled(self) -> None:
        with open(self.path, "rb") as file:
            m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ)
        self.cut(1)
        with self.assertRaises(mcsafe.FaultError) as e:
            m.read()
        again = pickle.loads(pickle.dumps(e.exception))
        self.assertEqual((str(again), vars(again)), (str(e.exception), vars(e.exception)))

    def test_each_name_has_a_docstring(self) -> None:
        for thing in (mcsafe, mcsafe.mmap, mcsafe.FaultError, mcsafe.Pmem):
            self.assertTrue(thing.__doc__)
            for name in dir(thing):
                if not name.startswith("_") and callable(getattr(thing, name)) and \
                        thing is not mcsafe.FaultError:
                    text = getattr(thing, name).__doc__
                    self.assertTrue(text, name)
                    if name not in ("seekable", "error", "install"):
                        self.assertIn("Raises" if thing is not mcsafe or name != "FaultError"
                                      else "errno", text, name)


if __name__ == "__main__":
    print(sys.version)
    support.main()
