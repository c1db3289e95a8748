#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""mapped_sum.py - add up the bytes of a mapped file that is cut short in the middle

This program knows nothing of libmcsafe. It dies of SIGBUS. Under `mcsafe run` it goes on:

    mcsafe run -- python3 mapped_sum.py
"""

import mmap
import tempfile

PAGE = 4096

with tempfile.NamedTemporaryFile(prefix="mapped_sum.") as file:
    file.write(b"\1" * (4 * PAGE))
    file.flush()
    with mmap.mmap(file.fileno(), 4 * PAGE, prot=mmap.PROT_READ) as data:
        # Another program would do this: a log is rotated, a download begins again.
        file.truncate(2 * PAGE)
        print("sum of the bytes:", sum(data[:]), flush=True)
