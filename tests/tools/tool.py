# SPDX-License-Identifier: BSD-3-Clause
"""tool.py - run the command mcsafe."""

import os
import subprocess

MCSAFE = os.environ["MCSAFE"]
FINE, ERROR, LOST = 0, 1, 74


def run(*words: str, **options) -> subprocess.CompletedProcess:
    """Run mcsafe with these words, and return what it wrote and its exit status."""
    return subprocess.run([MCSAFE, *words], capture_output=True, text=True, check=False, **options)
