# SPDX-License-Identifier: BSD-3-Clause
"""debian.py - Debian packages, downloaded and unpacked without being installed."""

import re
import subprocess
import tempfile
from pathlib import Path

from errors import Unavailable


def depended_kernel(record: str) -> str:
    """Return name=version of the kernel in an `apt-cache show linux-image-amd64` record."""
    found = re.search(r"^Depends:.*?\b(linux-image-\d[\w.+-]*)(?: \(= ([^)]+)\))?", record, re.M)
    if not found:
        raise Unavailable("apt knows no linux-image-amd64; run `apt-get update` first")
    name, version = found.groups()
    return f"{name}={version}" if version else name


def kernel_package() -> str:
    """Ask apt which kernel linux-image-amd64 stands for."""
    return depended_kernel(_output("apt-cache", "show", "--no-all-versions", "linux-image-amd64"))


def present_name(package: str) -> str:
    """Return what this version of Debian calls a package. Debian 13 renamed the libraries whose
    interface changed with the size of time_t: libext2fs2 is libext2fs2t64 there."""
    names = f"^{re.escape(package)}(t64)?$"
    found = _output("apt-cache", "search", "--names-only", names).split()[:1]
    return found[0] if found else package


def unpack(package: str, into: Path) -> None:
    """Download a package and put its files below `into`, all of them or none."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        _output("apt-get", "download", package, cwd=scratch)
        [archive] = Path(scratch).glob("*.deb")
        tree = Path(scratch, "tree")
        _output("dpkg-deb", "-x", str(archive), str(tree))
        tree.rename(into)


def _output(*argv: str, cwd: str | None = None) -> str:
    try:
        return subprocess.run(argv, cwd=cwd, check=True, text=True, capture_output=True).stdout
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{' '.join(argv)} failed:\n{error.stderr.strip()}") from None
