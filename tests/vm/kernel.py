# SPDX-License-Identifier: BSD-3-Clause
"""kernel.py - the kernel that the guest boots, and the modules that it loads."""

import contextlib
import lzma
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import debian
from errors import Unavailable

# The expectations of the tests were measured on this series. An installed kernel of another series
# is not used.
INSTALLED_SERIES = "6.1."

# The kernels that can be asked for by name, and the releases of Debian that they come from. docs/
# poison.md has a column for each.
RELEASES = {"12": "bookworm", "13": "trixie", "sid": "sid"}

# ext4 asks the crypto layer for crc32c, in one of these modules. In newer kernels crc32c is part of
# the library of the kernel, and these modules are gone.
GONE = {"crc32c_generic", "crc32c_intel"}


@dataclass(frozen=True)
class Kernel:
    """A bootable image and the directory with its modules."""

    image: Path
    modules: Path

    def module_files(self, wanted: Iterable[str]) -> list[Path]:
        """Return the files of the wanted modules and of all modules that they need, in loading
        order. Modules that are built into the kernel have no file."""
        files = {module_name(path): path for path in self.modules.rglob("*.ko*")}
        built_in = self.built_in()
        wanted = [name for name in wanted if name in files or name not in GONE]

        def depends(name: str) -> list[str]:
            if name in built_in:
                return []
            if name not in files:
                raise Unavailable(f"{self.modules} has no module {name}")
            return module_depends(module_code(files[name]))

        return [files[name] for name in closure(wanted, depends) if name not in built_in]

    def built_in(self) -> set[str]:
        """Return the names of the modules that are part of the image."""
        listed = self.modules / "modules.builtin"
        lines = listed.read_text().splitlines() if listed.exists() else []
        return {module_name(Path(line)) for line in lines}


def module_name(path: Path) -> str:
    """Return the name of a module, as other modules call it."""
    return path.name.split(".ko")[0].replace("-", "_")


def module_code(path: Path) -> bytes:
    """Return the content of a module, which Debian compresses since version 13."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def module_depends(module: bytes) -> list[str]:
    """Return the names in the "depends" field that modpost writes into every module.

    A package holds no modules.dep, because depmod makes it at installation. Therefore this reads
    the field from which depmod makes that file.
    """
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    names = found.group(1).decode() if found else ""
    return [name.replace("-", "_") for name in names.split(",") if name]


def closure(wanted: Iterable[str], depends: Callable[[str], list[str]]) -> list[str]:
    """Return the wanted names and everything they depend on, dependencies first."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for needed in depends(name):
                visit(needed)
            order.append(name)

    for name in wanted:
        visit(name)
    return order


def below(root: Path, series: str = "") -> Kernel | None:
    """Return a complete Debian kernel of the series below a root directory."""
    for image in sorted(root.glob(f"boot/vmlinuz-{series}*-amd64"), reverse=True):
        # Debian moved the modules from /lib to /usr/lib. An installed system has both names.
        for place in ("usr/lib/modules", "lib/modules"):
            modules = root / place / image.name.removeprefix("vmlinuz-")
            if os.access(image, os.R_OK) and modules.is_dir():
                return Kernel(image, modules)
    # The package of Linux 7 has the image here. An installation copies it to /boot.
    for image in sorted(root.glob(f"usr/lib/modules/{series}*-amd64/vmlinuz"), reverse=True):
        return Kernel(image, image.parent)
    return None


def find(cache: Path, name: str = "") -> Kernel:
    """Return the fetched kernel of that name. Without a name, return the kernel that was fetched
    from this machine's release of Debian, otherwise an installed one."""
    kernel = below(_tree(cache, name)) or (below(Path("/"), INSTALLED_SERIES) if not name else None)
    if not kernel:
        option = f" --kernel {name}" if name else ""
        raise Unavailable(f"no guest kernel; `./dev vm --fetch{option}` downloads Debian's")
    return kernel


def fetch(cache: Path, name: str = "") -> Kernel:
    """Download Debian's kernel into the cache, unless the cache has one already."""
    tree = _tree(cache, name)
    kernel = below(tree)
    if not kernel:
        release = debian.other_release(RELEASES[name]) if name else contextlib.nullcontext(())
        with release as options:
            packages = debian.kernel_packages(options)
            shutil.rmtree(tree, ignore_errors=True)
            debian.unpack(packages, tree, options)
        kernel = below(tree)
    if not kernel:
        raise Unavailable(f"found neither image nor modules in {' '.join(packages)}")
    return kernel


def _tree(cache: Path, name: str) -> Path:
    return cache / (f"kernel-{name}" if name else "kernel")
