# SPDX-License-Identifier: BSD-3-Clause
"""tool.py - run the command mcsafe."""

import os
import re
import subprocess
from pathlib import Path

MCSAFE = os.environ["MCSAFE"]
SOURCES = Path(__file__).resolve().parents[2]
FINE, ERROR, LOST = 0, 1, 74


def run(*words: str, **options) -> subprocess.CompletedProcess:
    """Run mcsafe with these words, and return what it wrote and its exit status."""
    return subprocess.run([MCSAFE, *words], capture_output=True, text=True, check=False, **options)


def commands() -> list[str]:
    """Return the commands of commands.def."""
    definitions = (SOURCES / "tools/commands.def").read_text()
    return re.findall(r"(?m)^COMMAND\((\w+),", definitions)
