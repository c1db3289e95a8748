# SPDX-License-Identifier: BSD-3-Clause
"""debian.py - Debian packages, downloaded and unpacked without being installed."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from errors import Unavailable

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TARGETS = ("apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)")


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


def kernel_packages(release: Sequence[str] = ()) -> list[str]:
    """Ask apt which kernel linux-image-amd64 stands for, and return the packages to unpack. The
    options come from other_release()."""
    show = ("apt-cache", *release, "show", "--no-all-versions")
    image = depended_kernel(_output(*show, "linux-image-amd64"))
    return parts_of_kernel(_output(*show, image)) or [image]


def present_name(package: str) -> str:
    """Return what this version of Debian calls a package. Debian 13 renamed the libraries whose
    interface changed with the size of time_t: libext2fs2 is libext2fs2t64 there."""
    names = f"^{re.escape(package)}(t64)?$"
    found = _output("apt-cache", "search", "--names-only", names).split()[:1]
    return found[0] if found else package


def mirror(targets: str) -> str:
    """Return the mirror from which this machine gets the packages of Debian, from the output of
    TARGETS."""
    for line in targets.splitlines():
        origin, component, uri = (*line.split(), "", "", "")[:3]
        if origin == "Debian" and component == "main" and "security" not in uri:
            return uri
    raise Unavailable("apt knows no mirror of Debian; run `apt-get update` first")


@contextlib.contextmanager
def other_release(suite: str) -> Iterator[tuple[str, ...]]:
    """Give options with which apt knows the packages of another release of Debian, from the mirror
    of this machine, and no others. The lists are removed afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch, "sources.list")
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror(_output(*TARGETS))} {suite} main\n")
        settings = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": f"{scratch}/lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": f"{scratch}/cache",
            "Acquire::Languages": "none",
        }
        options = tuple(f"-o{name}={value}" for name, value in settings.items())
        for directory in ("lists/partial", "cache/archives/partial"):
            Path(scratch, directory).mkdir(parents=True)
        # The directory is of one user, and apt may be another one while it downloads.
        Path(scratch).chmod(0o755)
        _output("apt-get", *options, "update")
        yield options


def unpack(packages: str | list[str], into: Path, release: Sequence[str] = ()) -> None:
    """Download packages and put their files below `into`, all of them or none. The options come
    from other_release()."""
    if isinstance(packages, str):
        packages = [packages]
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        _output("apt-get", *release, "download", *packages, cwd=scratch)
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
