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


def parts_of_kernel(record: str) -> list[str]:
    """Return name=version of the packages that hold the files of a kernel, from the record of its
    linux-image package. With Linux 7 Debian has divided that package into three. Before, it holds
    the files itself, and depends on none of these."""
    depends = re.search(r"^Depends:.*$", record, re.M)
    parts = re.findall(r"\b(linux-(?:base|binary|modules)-\d\S*) \(= ([^)]+)\)",
                       depends[0] if depends else "")  # fmt: skip
    return [f"{name}={version}" for name, version in parts]


def kernel_packages() -> list[str]:
    """Ask apt which kernel linux-image-amd64 stands for, and return the packages to unpack."""
    show = ("apt-cache", "show", "--no-all-versions")
    image = depended_kernel(_output(*show, "linux-image-amd64"))
    return parts_of_kernel(_output(*show, image)) or [image]


def present_name(package: str) -> str:
    """Return what this version of Debian calls a package. Debian 13 renamed the libraries whose
    interface changed with the size of time_t: libext2fs2 is libext2fs2t64 there."""
    names = f"^{re.escape(package)}(t64)?$"
    found = _output("apt-cache", "search", "--names-only", names).split()[:1]
    return found[0] if found else package


def unpack(packages: str | list[str], into: Path) -> None:
    """Download packages and put their files below `into`, all of them or none."""
    if isinstance(packages, str):
        packages = [packages]
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        _output("apt-get", "download", *packages, cwd=scratch)
        tree = Path(scratch, "tree")
        for archive in Path(scratch).glob("*.deb"):
            _output("dpkg-deb", "-x", str(archive), str(tree))
        tree.rename(into)


def _output(*argv: str, cwd: str | None = None) -> str:
    try:
        return subprocess.run(argv, cwd=cwd, check=True, text=True, capture_output=True).stdout
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{' '.join(argv)} failed:\n{error.stderr.strip()}") from None
