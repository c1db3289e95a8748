# SPDX-License-Identifier: BSD-3-Clause
"""test_reproducers.py - the programs of the reports: with mmap they die, with mcsafe they say why.

Each program runs twice, once with each module. Nothing else differs.
"""

import re
import signal
import sys
import unittest

import support
from mcsafe import inject

# Reads in a loop, while another process truncates the file.
TRUNCATE_UNDER_LOAD = """
import os, subprocess, sys
path = sys.argv[1] + "/log"
with open(path, "wb") as file:
    file.write(b"line\\n" * 400000)
with open(path, "rb") as file:
    m = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
other = subprocess.Popen(["sh", "-c", 'sleep 0.2; truncate -s 8192 "$1"', "sh", path])
while True:
    m.seek(0)
    while m.readline():
        pass
"""

# Fills a file in a full /dev/shm.
FULL_SHM = """
import sys
import support
from pathlib import Path
where = Path(sys.argv[1])
if not support.mount_small_tmpfs(where, 20 * 4096):
    sys.exit(77)
with open(where / "frames", "w+b") as file:
    file.truncate(1 << 20)
    m = mmap.mmap(file.fileno(), 0)
for frame in range(256):
    m[frame * 4096:(frame + 1) * 4096] = b"frame" + bytes(4091)
"""

# Reads a page that the memory, or the disk, has lost.
LOST_PAGE = """
import sys
from mcsafe import inject
with open(sys.argv[1] + "/model", "w+b") as file:
    file.write(bytes(1 << 20))
    file.flush()
    m = mmap.mmap(file.fileno(), 0)
if mmap.__name__ == "mcsafe":
    inject.fail(m, 40960, 4096, sys.argv[2])
else:
    inject.fail(memoryview(m), 40960, 4096, sys.argv[2])
print(m.find(b"needle"))
"""

# A loader that reads tensors out of a mapped file.
LOADER = """
import os, struct, sys
path = sys.argv[1] + "/weights"
with open(path, "wb") as file:
    file.write(b"\\1" * (1 << 20))
with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m:
    os.truncate(path, 65536)
    total = sum(struct.unpack_from("<100f", m, 4096 * i)[0] for i in range(200))
print(total)
"""

NUMPY = """
import os, sys
try:
    import numpy
except ImportError:
    sys.exit(77)
path = sys.argv[1] + "/numbers"
with open(path, "wb") as file:
    file.write(b"\\1" * (1 << 20))
with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m:
    array = numpy.frombuffer(m, dtype="<u4")
    os.truncate(path, 65536)
    total = array.sum()
    del array
print(total)
"""

CUT = ("offset 65536: past the end of the file, which has 65536 bytes; "
       "983040 bytes were lost, and zeros stood in")


class Reproducers(support.FileTest):
    """Each program dies with mmap, and ends with status 1 and a message with mcsafe."""

    def both(self, program: str, message: str, *arguments: str) -> None:
        """Run a program with both modules."""
        where = self.path.parent
        dies = support.python("import mmap\n" + program, where, *arguments)
        if dies.returncode == 77:
            support.skip("this needs root, or numpy")
        # A shell calls this status 135.
        self.assertEqual(dies.returncode, -signal.SIGBUS, dies)
        self.assertEqual(dies.stderr, "")
        tells = support.python("import mcsafe as mmap\n" + program, where, *arguments)
        self.assertEqual((tells.returncode, tells.stdout), (1, ""), tells)
        last = tells.stderr.splitlines()[-1]
        print(last)
        self.assertTrue(re.fullmatch("mcsafe.FaultError: " + message, last), last)

    def test_truncation_under_load(self) -> None:
        self.both(TRUNCATE_UNDER_LOAD, r"\[Errno 5\] .*/log, offset \d+: past the end of the file, "
                                       "which has 8192 bytes")

    def test_a_full_dev_shm(self) -> None:
        self.both(FULL_SHM, r"\[Errno 28\] .*/frames, offset \d+: no space left on tmpfs")

    def test_a_lost_page(self) -> None:
        kind = "poison" if inject.supported("poison") else "eof"
        print(kind)
        self.both(LOST_PAGE, r"\[Errno \d+\] .*", kind)

    def test_a_loader(self) -> None:
        self.both(LOADER, r"\[Errno 5\] .*/weights, " + CUT)

    def test_numpy(self) -> None:
        self.both(NUMPY, r"\[Errno 5\] .*/numbers, " + CUT)


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    print(sys.version)
    support.main()
