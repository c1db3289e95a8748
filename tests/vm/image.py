# SPDX-License-Identifier: BSD-3-Clause
"""image.py - the files that the guest runs from: an initramfs, and a disk with an ext4 file system.
"""

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import debian
from errors import Unavailable
from kernel import Kernel, module_code

GUEST_INIT = Path(__file__).with_name("guest-init")
# ext4 asks the crypto layer for crc32c by name, so the field "depends" does not show it.
MODULES = ("crc32c_generic", "virtio_pci", "virtio_blk", "ext4")
DISK_BYTES = 64 << 20


class Archive:
    """A cpio archive in the "newc" format, which the kernel unpacks as its first root."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._names: set[str] = set()

    def add(self, name: str, content: bytes, mode: int = 0o755) -> None:
        """Add a file. The directories above it must already be there."""
        path = PurePosixPath(name.lstrip("/"))
        for parent in reversed(path.parents[:-1]):
            if str(parent) not in self._names:
                self._entry(str(parent), stat.S_IFDIR | 0o755, b"")
        if str(path) in self._names:
            raise ValueError(f"two files for /{path} in the guest")
        self._entry(str(path), stat.S_IFREG | mode, content)

    def finish(self) -> bytes:
        """Return the whole archive."""
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self._data)

    def _entry(self, name: str, mode: int, content: bytes) -> None:
        self._names.add(name)
        encoded = name.encode() + b"\0"
        # ino mode uid gid nlink mtime filesize dev-major dev-minor rdev-major rdev-minor namesize
        # check. Each file has one link, so that equal inode numbers mean nothing.
        fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        self._data += b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (encoded, content):
            self._data += part
            self._data += bytes(-len(self._data) % 4)


def shared_libraries(ldd: str) -> dict[str, str]:
    """Return where in the guest the files that `ldd` names go: {path there: path here}.

    Libraries go to /lib, which the loader searches last, because a run path may lead to a directory
    that is a mount point in the guest. The loader itself, which `ldd` names without an arrow, stays
    where it is.
    """
    missing = re.findall(r"^\s*(\S+) => not found", ldd, re.M)
    if missing:
        raise ValueError(f"shared libraries not found: {', '.join(missing)}")
    found = re.findall(r"^\s*(?:(\S+) => )?(/.+) \(0x[0-9a-f]+\)$", ldd, re.M)
    return {f"/lib/{name}" if name else path: path for name, path in found}


def initramfs(
    kernel: Kernel,
    busybox: Path,
    programs: Sequence[Path],
    command: Sequence[str] | None,
    token: str,
    modules: Sequence[str] = MODULES,
    firmware: Mapping[str, bytes] = MappingProxyType({}),
    libraries: str = "",
) -> bytes:
    """Build the initramfs. Without a command the guest gives a shell on its console.

    The tables in `firmware` replace those of the guest's firmware. The programs' shared libraries
    are looked for first in the directories `libraries`.
    """
    archive = Archive()
    for name, table in firmware.items():
        archive.add(f"kernel/firmware/acpi/{name}", table, 0o644)
    archive.add("init", GUEST_INIT.read_bytes())
    archive.add("bin/busybox", busybox.read_bytes())
    shared: dict[str, str] = {}
    for program in programs:
        archive.add(f"bin/{program.name}", program.read_bytes())
        shared.update(_libraries(program, libraries))
    for there, here in shared.items():
        archive.add(there, Path(here).read_bytes())
    for number, module in enumerate(kernel.module_files(modules)):
        name = module.name.removesuffix(".xz")
        archive.add(f"modules/{number:02}-{name}", module_code(module), 0o644)
    if command:
        archive.add("run/token", token.encode(), 0o600)
        archive.add("run/command", f"exec {shlex.join(command)}\n".encode())
    return archive.finish()


def disk(path: Path) -> None:
    """Make an image file with an empty ext4 file system."""
    with path.open("wb") as image:
        image.truncate(DISK_BYTES)
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", str(path)], check=True, env={**os.environ, "PATH": search}
        )
    except FileNotFoundError:
        raise Unavailable("mkfs.ext4 is not installed (Debian: e2fsprogs)") from None


def find_busybox(cache: Path) -> Path:
    """Return a statically linked busybox: the host's, otherwise the fetched one."""
    fetched = _tree(cache)
    for busybox in (Path("/bin/busybox"), fetched / "usr/bin/busybox", fetched / "bin/busybox"):
        if busybox.exists() and not _libraries(busybox):
            return busybox
    raise Unavailable("no busybox-static; install it, or `./dev vm --fetch`")


def fetch_busybox(cache: Path) -> Path:
    """Download busybox-static into the cache, unless the cache has one already."""
    try:
        return find_busybox(cache)
    except Unavailable:
        debian.unpack("busybox-static", _tree(cache))
        return find_busybox(cache)


def _tree(cache: Path) -> Path:
    return cache / "busybox"


def _libraries(program: Path, path: str = "") -> dict[str, str]:
    # ldd fails for a static program and for a script. Neither needs libraries.
    environment = {**os.environ, "LD_LIBRARY_PATH": path} if path else None
    ldd = subprocess.run(
        ["ldd", str(program)], check=False, text=True, capture_output=True, env=environment
    )
    return shared_libraries(ldd.stdout) if ldd.returncode == 0 else {}
