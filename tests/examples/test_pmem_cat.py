# SPDX-License-Identifier: BSD-3-Clause
"""test_pmem_cat.py PROGRAM - the example writes a file, and leaves out the ranges of a list."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = sys.argv[1]
CHUNK = 1 << 20
SIZE = 2 * CHUNK + 12345
# The second is part of a cache line, which is left out as a whole. The third crosses the end of a
# chunk.
KNOWN = "4096 512\n10000 8\n1048000 1000\n"


def run(*args: str) -> subprocess.CompletedProcess:
    """Run the example on some files."""
    return subprocess.run([PROGRAM, *args], capture_output=True, check=False, timeout=60)


def holes(stderr: bytes) -> list[tuple[int, int]]:
    """Return start and length of each hole that the example reported."""
    found = re.findall(rb": (\d+) bytes at (\d+) are lost\n", stderr)
    return [(int(start), int(n)) for n, start in found]


def lines_of(ranges: list[tuple[int, int]]) -> set[int]:
    """Return the numbers of all cache lines that the ranges touch."""
    return {at // 64 for start, n in ranges for at in range(start, start + n)}


with tempfile.TemporaryDirectory() as directory:
    file, known, saved = (Path(directory, name) for name in ("file", "known", "saved"))
    data = bytes(i * 7 % 251 + 1 for i in range(SIZE))
    file.write_bytes(data)

    done = run(str(file))
    assert done.returncode == 0, done
    assert done.stdout == data
    assert f"{SIZE} bytes".encode() in done.stderr, done.stderr

    known.write_text(KNOWN)
    done = run("-k", str(known), "-s", str(saved), str(file))
    assert done.returncode == 1, done.stderr
    left_out = bytearray(data)
    told = holes(done.stderr)
    lines = lines_of([(4096, 512), (10000, 8), (1048000, 1000)])
    assert lines_of(told) == lines, told
    for line in lines:
        left_out[line * 64 : line * 64 + 64] = bytes(64)
    assert done.stdout == bytes(left_out)
    ranges = [line for line in saved.read_text().splitlines() if not line.startswith("#")]
    assert "\n".join(ranges) + "\n" == KNOWN, ranges

    known.write_text("4096 512\nnonsense\n")
    done = run("-k", str(known), str(file))
    assert done.returncode == 1, done
    assert b"line 2 is not a range" in done.stderr, done.stderr
    assert done.stdout == b""

    # The file loses its end after the first chunk was copied: the program waits until the pipe is
    # empty enough for the rest of the chunk.
    file.write_bytes(data)
    with subprocess.Popen(
        [PROGRAM, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        begun = program.stdout.read(4096)
        os.truncate(file, CHUNK + 8192)
        got = begun + program.stdout.read()
        said = program.stderr.read().decode()
    assert program.returncode == 1, said
    assert got == data[: CHUNK + 8192] + bytes(SIZE - CHUNK - 8192)
    reason = f"{file}, offset {CHUNK + 8192}: past the end of the file, which has {CHUNK + 8192}"
    lost = f"{CHUNK - 8192} bytes at {CHUNK + 8192} are lost"
    assert f"pmem_cat: {file}: {lost}: {reason} bytes\n" in said, said

    assert run("/nowhere").returncode == 1
    assert run().returncode == 2
    assert run("-x", str(file)).returncode == 2
