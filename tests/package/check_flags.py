# SPDX-License-Identifier: BSD-3-Clause
"""check_flags.py - checks that a compilation database adds only include directories for a program.
"""

import json
import shlex
import sys
from pathlib import Path

TAKES_ONE_MORE = {"-I", "-isystem", "-o", "-c"}


def added_flags(command: str) -> list[str]:
    """Return the flags of a compiler's command line that a plain compilation does not have."""
    words = iter(shlex.split(command)[1:])
    flags = []
    for word in words:
        if word in TAKES_ONE_MORE:
            next(words)
        elif not word.startswith("-I"):
            flags.append(word)
    return flags


def main() -> int:
    """Check every source file whose name begins with the second argument."""
    database = json.loads(Path(sys.argv[1]).read_text())
    commands = [
        entry["command"] for entry in database if Path(entry["file"]).name.startswith(sys.argv[2])
    ]
    assert commands, f"nothing called {sys.argv[2]}* is compiled"
    flags = [flag for command in commands for flag in added_flags(command)]
    if flags:
        print(f"libmcsafe adds flags to its user's: {shlex.join(flags)}")
    return 1 if flags else 0


if __name__ == "__main__":
    sys.exit(main())
