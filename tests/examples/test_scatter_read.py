# SPDX-License-Identifier: BSD-3-Clause
"""test_scatter_read.py PROGRAM KIND - the example reads a record around the page that fails."""

import os
import re
import subprocess
import sys

# Where the third page of the record begins, and where the record ends.
BAD, PAGE, END = 8192, 4096, 20064
PAYLOAD = 20000

program, kind = sys.argv[1:]
done = subprocess.run([program, kind], text=True, capture_output=True, check=False, timeout=30)
print(done.stdout, done.stderr, sep="", end="")
if done.returncode == 77:
    sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
assert done.returncode == 0, f"exit status {done.returncode}"

# With a truncated file everything past its end is lost, otherwise only the one page.
lost = END - BAD if kind == "truncate" else PAGE
found = re.findall(r"^hole: bytes (\d+) to (\d+) ", done.stdout, re.M)
holes = [tuple(map(int, hole)) for hole in found]
assert holes[0][0] == BAD, holes
assert sum(last - first + 1 for first, last in holes) == lost, holes
assert "\nheader: read\n" in done.stdout
assert f"\npayload: {PAYLOAD - lost} bytes read, {lost} lost, 0 wrong\n" in done.stdout

wrong = subprocess.run([program, "nonsense"], capture_output=True, check=False, timeout=30)
assert wrong.returncode == 2, f"exit status {wrong.returncode} for a kind that does not exist"
