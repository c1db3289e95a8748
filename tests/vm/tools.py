# SPDX-License-Identifier: BSD-3-Clause
"""tools.py - programs for persistent memory in the guest: the host's, otherwise fetched ones."""

import os
import shutil
from pathlib import Path

import debian
from errors import Unavailable

PROGRAMS = {
    "ndctl": "ndctl",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "xfs_io": "xfsprogs",
}
# The libraries that they need beyond a minimal Debian.
LIBRARIES = (
    "libblkid1",
    "libcom-err2",
    "libdaxctl1",
    "libedit2",
    "libext2fs2",
    "libiniparser1",
    "libinih1",
    "libjson-c5",
    "libkeyutils1",
    "libkmod2",
    "libndctl6",
    "liburcu8",
    "libuuid1",
)


def find(cache: Path) -> list[Path]:
    """Return the programs."""
    places = _places_of_host()
    for package in PROGRAMS.values():
        places += [_tree(cache, package) / place for place in ("usr/bin", "usr/sbin", "sbin")]
    return [_find(name, places) for name in PROGRAMS]


def fetch(cache: Path) -> list[Path]:
    """Download the programs with their libraries, unless the host has them all."""
    try:
        return [_find(name, _places_of_host()) for name in PROGRAMS]
    except Unavailable:
        for package in (*dict.fromkeys(PROGRAMS.values()), *LIBRARIES):
            if not _tree(cache, package).exists():
                debian.unpack(debian.present_name(package), _tree(cache, package))
        return find(cache)


def library_path(cache: Path) -> str:
    """Return where fetched libraries are, for LD_LIBRARY_PATH."""
    patterns = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
    trees = [_tree(cache, package) for package in LIBRARIES]
    return ":".join(str(path) for tree in trees for p in patterns for path in tree.glob(p))


def _places_of_host() -> list[Path]:
    places = [Path(place) for place in os.environ.get("PATH", "").split(":")]
    return [*places, Path("/usr/sbin"), Path("/sbin"), Path("/usr/bin")]


def _find(name: str, places: list[Path]) -> Path:
    found = shutil.which(name, path=":".join(str(place) for place in places))
    if not found:
        raise Unavailable(
            f"{name} is not installed (Debian: {PROGRAMS[name]}); `./dev vm --fetch` downloads it"
        )
    return Path(found)


def _tree(cache: Path, package: str) -> Path:
    return cache / "tools" / package
