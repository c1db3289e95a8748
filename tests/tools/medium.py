# SPDX-License-Identifier: BSD-3-Clause
"""medium.py - files of which parts cannot be read, for the commands that look for them."""

import os
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

PAGE = 4096
# LD_PRELOAD is a list, so no blank may be in the path.
_LINKS = tempfile.TemporaryDirectory(prefix="mcsafe-medium-", dir="/tmp")
SHIM = Path(_LINKS.name) / "bad_medium.so"
SHIM.symlink_to(os.environ["MCSAFE_BAD_MEDIUM"])


def _text(ranges: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{start}+{length}" for start, length in ranges)


def bad(
    file: Path,
    lost: Iterable[tuple[int, int]] = (),
    worn: Iterable[tuple[int, int]] = (),
    passing: Iterable[tuple[int, int]] = (),
) -> dict[str, str]:
    """Return an environment in which these ranges of a file are bad: see bad_medium.c."""
    return {
        **os.environ,
        "LD_PRELOAD": str(SHIM),
        "BAD_MEDIUM": str(file),
        "BAD_LOST": _text(lost),
        "BAD_WORN": _text(worn),
        "BAD_PASSING": _text(passing),
    }


class Medium(unittest.TestCase):
    """A test with a directory in /dev/shm: an error there counts as one of the medium.

    In a directory of overlayfs, for example, errors count as passing.
    """

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe medium ", dir="/dev/shm")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.file = self.scratch / "data"

    def write(self, pages: int, more: bytes = b"") -> bytes:
        """Fill the file with pages that differ from each other, and return its content."""
        content = b"".join(f"{page:08}".encode() * (PAGE // 8) for page in range(pages)) + more
        self.file.write_bytes(content)
        return content
