# SPDX-License-Identifier: BSD-3-Clause
"""numpy_shield.py - sum up a mapped file of numbers with numpy, and survive the loss of its end.

    python3 numpy_shield.py [--plain] [--cut BYTES] FILE

numpy reads a memory map with loops of its own, which cannot be left. If another process truncates
the file, or the disk fails, Python dies of SIGBUS. Under a shield the sum comes back, with zeros in
place of what is lost, and the program asks the shield what that was.

FILE holds unsigned 64-bit numbers. --cut truncates the file after it was mapped, as another process
might. --plain opens no shield.

Exit status: 0, the sum is right; 1, usage or an error; 74 (EX_IOERR), a part of the file is lost.
"""

import argparse
import ctypes
import os
import sys
from collections.abc import Iterator
from ctypes import POINTER, Structure, byref, c_bool, c_int, c_size_t, c_void_p

import numpy

mcsafe = ctypes.CDLL("libmcsafe.so.0")


class Range(Structure):
    """struct mcsafe_range."""

    _fields_ = [("start", c_size_t), ("len", c_size_t)]


# Every pointer is 64 bits long. Without these lines ctypes would pass and return 32 bits.
mcsafe.mcsafe_install.restype = c_int
mcsafe.mcsafe_shield_open.argtypes = [POINTER(c_void_p), c_void_p, c_size_t, c_void_p]
mcsafe.mcsafe_shield_lost.argtypes = [c_void_p]
mcsafe.mcsafe_shield_lost.restype = c_size_t
mcsafe.mcsafe_shield_next.argtypes = [c_void_p, c_size_t, POINTER(Range)]
mcsafe.mcsafe_shield_next.restype = c_bool
mcsafe.mcsafe_shield_close.argtypes = [c_void_p]


def check(err: int, what: str) -> None:
    """The functions of the library return 0 or a negated error number."""
    if err != 0:
        raise OSError(-err, f"{what}: {os.strerror(-err)}")


class Shield:
    """A shield over the memory of an array, which must begin at the start of a page."""

    def __init__(self, array: numpy.ndarray) -> None:
        self._handle = c_void_p()
        self._array = array  # the mapping must stay
        check(mcsafe.mcsafe_install(), "mcsafe_install")
        check(
            mcsafe.mcsafe_shield_open(
                byref(self._handle), array.ctypes.data, array.nbytes, None
            ),
            "mcsafe_shield_open",
        )

    def __enter__(self) -> "Shield":
        return self

    def __exit__(self, *_: object) -> None:
        mcsafe.mcsafe_shield_close(self._handle)

    @property
    def lost(self) -> int:
        """How many bytes stand-ins have replaced. Cheap: ask after each computation."""
        return mcsafe.mcsafe_shield_lost(self._handle)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the offset and the length of each range that is a stand-in."""
        at, found = 0, Range()
        while mcsafe.mcsafe_shield_next(self._handle, at, byref(found)):
            yield found.start, found.len
            at = found.start + found.len


def total(path: str, plain: bool, cut: int | None) -> int:
    """Print the sum, and what of it is not to be trusted."""
    numbers = numpy.memmap(path, dtype="<u8", mode="r")
    if plain:
        if cut is not None:
            os.truncate(path, cut)
        print("sum:", numbers.sum())
        return 0
    with Shield(numbers) as shield:
        if cut is not None:
            os.truncate(path, cut)
        print("sum:", numbers.sum())
        for start, n in shield.ranges():
            first, end = start // 8, min((start + n) // 8, len(numbers))
            print(f"lost: numbers {first} to {end - 1}, of {path}, {n} bytes at {start}")
        return os.EX_IOERR if shield.lost != 0 else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Sum up a mapped file of unsigned 64-bit numbers.")
    parser.add_argument("--plain", action="store_true", help="open no shield")
    parser.add_argument("--cut", type=int, metavar="BYTES", help="truncate the file")
    parser.add_argument("file")
    arguments = parser.parse_args()
    try:
        return total(arguments.file, arguments.plain, arguments.cut)
    except (OSError, ValueError) as error:
        print(f"{arguments.file}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
