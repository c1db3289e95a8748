# SPDX-License-Identifier: BSD-3-Clause
"""kernel.py - the kernel that the guest boots, and the modules that it loads."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import debian
from errors import Unavailable

# The expectations of the tests were measured on this series. An installed kernel of another series
# is not used.
INSTALLED_SERIES = "6.1."


@dataclass(frozen=True)
class Kernel:
    """A bootable image and the directory with its modules."""

    image: Path
    modules: Path

    def module_files(self, wanted: Iterable[str]) -> list[Path]:
        """Return the files of the wanted modules and of all modules that they need, in loading
        order."""
        files = {path.stem.replace("-", "_"): path for path in self.modules.rglob("*.ko")}

        def depends(name: str) -> list[str]:
            if name not in files:
                raise Unavailable(f"{self.modules} has no module {name}")
            return module_depends(files[name].read_bytes())

        return [files[name] for name in closure(wanted, depends)]


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
        modules = root / "lib/modules" / image.name.removeprefix("vmlinuz-")
        if os.access(image, os.R_OK) and modules.is_dir():
            return Kernel(image, modules)
    return None


def find(cache: Path) -> Kernel:
    """Return the fetched kernel, otherwise an installed one."""
    kernel = below(_tree(cache)) or below(Path("/"), INSTALLED_SERIES)
    if not kernel:
        raise Unavailable("no guest kernel; `./dev vm --fetch` downloads Debian's")
    return kernel


def fetch(cache: Path) -> Kernel:
    """Download Debian's kernel into the cache, unless the cache has one already."""
    if not _tree(cache).exists():
        debian.unpack(debian.kernel_package(), _tree(cache))
    return find(cache)


def _tree(cache: Path) -> Path:
    return cache / "kernel"
