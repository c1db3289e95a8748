# SPDX-License-Identifier: BSD-3-Clause
"""test_decode_shield.py PROGRAM KIND - zlib and libpng decode a file of which a page is lost.

Neither library is changed. Without a shield both die; with one they go on or report an error, and
the program says what was lost.
"""

import gzip
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

PAGE = 4096
EX_IOERR = 74

program, kind = "", ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A picture with 8 bits of each of red, green, blue and alpha, in chunks of some KiB."""
    rows = [pixels[i : i + 4 * width] for i in range(0, len(pixels), 4 * width)]
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IDAT", data[i : i + 8192]) for i in range(0, len(data), 8192)]
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(parts) + chunk(b"IEND", b"")


class DecodeShield(unittest.TestCase):
    """Random bytes, which take as much room when they are compressed."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe decode ")
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name, "a file")
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        raw = random.Random(seed).randbytes(64 * 64 * 4)
        if kind == "gzip":
            self.whole = gzip.compress(raw)
            crc = f"crc32 of the file: {zlib.crc32(self.whole):08x}\n"
            self.right = f"{crc}inflate: {len(raw)} bytes, the end\n"
        else:
            self.whole = png(64, 64, raw)
            self.right = f"64 x 64 pixels, their sum is {sum(raw)}; libpng: no error\n"
        self.file.write_bytes(self.whole)

    def test_a_whole_file_is_decoded(self) -> None:
        for more in ([], ["--plain"]):
            done = run(*more, str(self.file))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, self.right)

    def test_without_a_shield_it_dies(self) -> None:
        done = run("--plain", "--lose", str(PAGE), str(self.file))
        self.assertEqual(done.returncode, -signal.SIGBUS, done)

    def test_with_a_shield_the_loss_of_any_page_is_told(self) -> None:
        for offset in range(0, len(self.whole), PAGE):
            with self.subTest(offset=offset):
                done = run("--lose", str(offset + 7), str(self.file))
                self.assertEqual(done.returncode, EX_IOERR, done)
                # Where no page can be lost alone, the file ends before the page.
                self.assertRegex(done.stderr, rf"^lost: \d+ bytes at {offset}\n$")
                self.assertNotEqual(done.stdout, self.right)
                self.assertEqual(self.file.read_bytes(), self.whole)
                if kind == "gzip":
                    self.check_crc(done, offset)

    def check_crc(self, done: subprocess.CompletedProcess[str], offset: int) -> None:
        """zlib has read zeros where the page was."""
        lost = int(re.findall(r"lost: (\d+)", done.stderr)[0])
        read = bytearray(self.whole)
        read[offset : offset + lost] = bytes(len(read[offset : offset + lost]))
        self.assertIn(f"crc32 of the file: {zlib.crc32(read):08x}\n", done.stdout)

    def test_bad_input_is_an_error_of_the_decoder(self) -> None:
        self.file.write_bytes(self.whole[:100] + bytes(100) + self.whole[200:])
        done = run(str(self.file))
        self.assertEqual((done.returncode, done.stderr), (1, ""), done)

    def test_wrong_usage(self) -> None:
        self.assertEqual(run().returncode, 1)
        done = run("/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere: No such file", done.stderr)
        done = run("--lose", str(len(self.whole)), str(self.file))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"offset {len(self.whole)} is not in the file", done.stderr)


def main() -> None:
    """Skip the tests where the machine cannot make a page fail. Otherwise run them."""
    global program, kind
    program, kind = sys.argv[1:]
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(2 * PAGE))
        file.flush()
        probe = run("--lose", "0", file.name)
    if probe.returncode == 77:
        print(probe.stderr.strip())
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
