# SPDX-License-Identifier: BSD-3-Clause
"""test_kv_recover.py PROGRAM KIND - the example loses one record, names it, and continues."""

import os
import subprocess
import sys

# There are two rounds of eight keys: the second record of key 5 is in block 13, the first in block
# 5.
EXPECTED = """\
lost: block 13, the latest record of key 5: memfd:kv_recover, offset 53248: \
poisoned memory, 4096 bytes are lost
repaired: block 13, with "first value of key 5" from block 5
after the loss: 1 records lost, 0 values wrong
opened again: 17 records, 0 lost, 0 values wrong
"""

program, kind = sys.argv[1:]
done = subprocess.run([program, kind], text=True, capture_output=True, check=False, timeout=30)
print(done.stdout, done.stderr, sep="", end="")
if done.returncode == 77:
    sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
assert done.returncode == 0, f"exit status {done.returncode}"
first, rest = done.stdout.split("\n", 1)
assert first.startswith("made bad: block 13; "), first
assert rest == EXPECTED, rest

wrong = subprocess.run([program, "nonsense"], capture_output=True, check=False, timeout=30)
assert wrong.returncode == 2, f"exit status {wrong.returncode} for a kind that does not exist"
