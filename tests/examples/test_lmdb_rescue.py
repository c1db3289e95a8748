# SPDX-License-Identifier: BSD-3-Clause
"""test_lmdb_rescue.py PROGRAM - the example finds every key whose pages can be read, and no other.

mdb_load makes the environment, and the test cuts it off. A reader that shares no code with LMDB
works out what is left, from the pages of the file (the layout of LMDB 0.9).
"""

import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGE = 4096
META_ROOT, META_TXNID = 16 + 24 + 48 + 40, 16 + 24 + 48 + 48 + 8  # of the main database
P_BRANCH, P_LEAF, F_BIGDATA = 1, 2, 1

program = ""


class Pages:
    """The pages of data.mdb that can be read."""

    def __init__(self, image: bytes, bad: set[int]) -> None:
        self.image, self.bad = image, bad
        metas = [image[PAGE * i : PAGE * (i + 1)] for i in (0, 1)]
        newest = max(metas, key=lambda meta: struct.unpack_from("<Q", meta, META_TXNID))
        (self.root,) = struct.unpack_from("<Q", newest, META_ROOT)

    def is_there(self, number: int) -> bool:
        """Whether a page can be read."""
        return number not in self.bad and PAGE * (number + 1) <= len(self.image)

    def nodes(self, number: int) -> list[tuple[int, int, int, bytes, int]]:
        """Yield lo, hi, flags, key, and the offset of the value, for each node of a page."""
        page = self.image[PAGE * number : PAGE * (number + 1)]
        (lower,) = struct.unpack_from("<H", page, 12)
        found = []
        for offset in struct.unpack_from(f"<{(lower - 16) // 2}H", page, 16):
            lo, hi, flags, size = struct.unpack_from("<HHHH", page, offset)
            key = page[offset + 8 : offset + 8 + size]
            found.append((lo, hi, flags, key, PAGE * number + offset + 8 + size))
        return found

    def leaves(self, number: int) -> list[int]:
        """Yield the leaves below a page in order, whether they can be read or not. Uses the whole
        file."""
        (flags,) = struct.unpack_from("<H", self.image, PAGE * number + 10)
        if flags & P_LEAF:
            return [number]
        assert flags & P_BRANCH
        children = [lo | hi << 16 | flags << 32 for lo, hi, flags, _, _ in self.nodes(number)]
        return [leaf for child in children for leaf in self.leaves(child)]

    def readable(self, number: int, into: dict[str, int]) -> None:
        """Yield each key that can be reached, with the number of bytes of its value that can be
        read."""
        if not self.is_there(number):
            return
        (kind,) = struct.unpack_from("<H", self.image, PAGE * number + 10)
        for lo, hi, flags, key, at in self.nodes(number):
            if kind & P_BRANCH:
                self.readable(lo | hi << 16 | flags << 32, into)
            elif not flags & F_BIGDATA:
                into[key.decode()] = lo | hi << 16
            else:
                size = lo | hi << 16
                (first,) = struct.unpack_from("<Q", self.image, at)
                # mdb_get reads no overflow page, so the key is found in any case.
                good = 0
                while good < size and self.is_there(first + (16 + good) // PAGE):
                    good = PAGE * ((16 + good) // PAGE + 1) - 16
                into[key.decode()] = min(good, size)


class LmdbRescue(unittest.TestCase):
    """Runs the example on damaged copies of one environment."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe lmdb ")
        self.addCleanup(scratch.cleanup)
        self.env = Path(scratch.name, "env")
        self.env.mkdir()
        seed = int(os.environ.get("MCSAFE_TEST_SEED", str(random.randrange(1 << 32))), 0)
        print(f"MCSAFE_TEST_SEED={seed}")
        self.random = random.Random(seed)
        keys = [f"key{i:05}" for i in range(4000)]
        self.values = {key: self.value() for key in keys}
        self.load()
        self.file = self.env / "data.mdb"
        self.whole = self.file.read_bytes()

    def value(self) -> str:
        """Mostly short values. Some have pages of their own."""
        size = self.random.choice((3, 20, 60)) if self.random.random() < 0.98 else 9000
        return "".join(self.random.choices("abcdefghij", k=size))

    def load(self) -> None:
        """Have mdb_load make the environment, in an order that spreads the pages over the file."""
        text = ["VERSION=3", "format=print", "type=btree", "mapsize=67108864", "HEADER=END"]
        items = list(self.values.items())
        self.random.shuffle(items)
        for key, value in items:
            text += [f" {key}", f" {value}"]
        dump = "\n".join([*text, "DATA=END", ""])
        subprocess.run(["mdb_load", self.env], input=dump, text=True, check=True)

    def run_on(self, *options: str) -> tuple[int, str]:
        """Run the example with all keys."""
        done = subprocess.run(
            [program, *options, str(self.env)],
            input="".join(f"{key}\n" for key in self.values),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def check(self, said: str, status: int, pages: Pages) -> int:
        """Compare the result with the content of the pages, and return how many keys are lost."""
        readable: dict[str, int] = {}
        pages.readable(pages.root, readable)
        whole = {k for k, good in readable.items() if good == len(self.values[k])}
        found = dict(re.findall(r"^found: (\w+)=(\w+)$", said, re.M))
        self.assertEqual(found, {key: self.values[key] for key in whole})
        part_line = r"^part: (\w+), (\d+) of \d+ bytes, then \w+ at page \d+$"
        part = dict(re.findall(part_line, said, re.M))
        self.assertEqual(
            {key: int(good) for key, good in part.items()},
            {key: good for key, good in readable.items() if key not in whole},
        )
        lost = set(re.findall(r"^lost: (\w+), \w+ at page \d+$", said, re.M))
        self.assertEqual(lost, self.values.keys() - readable.keys())
        self.assertEqual(status, 1 if lost or part else 0)
        self.check_walk(said, pages)
        return len(lost)

    def check_walk(self, said: str, pages: Pages) -> None:
        """Each walk ends at the first leaf that cannot be read."""
        leaves = Pages(self.whole, set()).leaves(pages.root)
        for name, order in (("forward", leaves), ("backward", leaves[::-1])):
            [(keys, end)] = re.findall(rf"^{name}: (\d+) keys, then (.*)$", said, re.M)
            if not pages.is_there(pages.root):
                self.assertEqual(int(keys), 0)
                continue
            n = 0
            for leaf in order:
                if not pages.is_there(leaf):
                    self.assertRegex(end, rf"^\w+ at page {leaf}$")
                    break
                n += len(pages.nodes(leaf))
            else:
                self.assertEqual(end, "the end")
            self.assertEqual(int(keys), n)

    def test_a_whole_environment_loses_nothing(self) -> None:
        status, said = self.run_on()
        self.assertEqual(self.check(said, status, Pages(self.whole, set())), 0)

    def test_a_truncated_environment_loses_only_its_end(self) -> None:
        total = len(self.whole) // PAGE
        root = Pages(self.whole, set()).root
        lost_some = 0
        for n in (total - 1, (root + 1 + total) // 2, root + 1, root, 2):
            with self.subTest(pages=n, root=root, total=total):
                os.truncate(self.file, PAGE * n)
                status, said = self.run_on()
                lost = self.check(said, status, Pages(self.whole[: PAGE * n], set()))
                lost_some += 0 < lost < len(self.values)
                self.assertEqual(self.file.stat().st_size, PAGE * n)
                self.file.write_bytes(self.whole)
        self.assertGreater(lost_some, 0)

    def test_mdb_dump_dies_of_the_same_fault(self) -> None:
        root = Pages(self.whole, set()).root
        os.truncate(self.file, PAGE * (root + 1))
        done = subprocess.run(
            ["sh", "-c", 'ulimit -c 0; mdb_dump "$1" >/dev/null; exit $?', "sh", self.env],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        self.assertEqual(done.returncode, 135)

    def test_injected_faults_lose_only_their_pages(self) -> None:
        pages = Pages(self.whole, set())
        for leaf in self.random.sample(pages.leaves(pages.root), 3) + [pages.root]:
            with self.subTest(page=leaf):
                status, said = self.run_on("--inject", str(leaf))
                lost = self.check(said, status, Pages(self.whole, {leaf}))
                self.assertGreater(lost, 0)
                self.assertEqual(self.file.read_bytes(), self.whole)

    def test_errors_have_their_exit_status(self) -> None:
        for status, words, args in (
            (2, "usage", []),
            (2, "not a page", ["--inject", "x", str(self.env)]),
            (3, "No such file", [str(self.env / "none")]),
        ):
            done = subprocess.run([program, *args], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, status)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    if shutil.which("mdb_load") is None or shutil.which("mdb_dump") is None:
        print("SKIP: there is no mdb_load, or no mdb_dump")
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main()
