# SPDX-License-Identifier: BSD-3-Clause
"""setup.py - build the Python package mcsafe against the libmcsafe that pkg-config finds.

    pip install --no-build-isolation --no-index ./bindings/python

libmcsafe must be installed first; PKG_CONFIG_PATH names another place to look. mcsafe.inject is
built if libmcsafe-inject is installed.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).parent
HEADER = HERE / "../../include/mcsafe/version.h"
# The dynamic linker looks there in any case.
SYSTEM = ("/lib", "/usr/lib", "/usr/local/lib")


def version() -> str:
    """The version of the source tree, which is that of the package."""
    numbers = re.findall(r"MCSAFE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", HEADER.read_text())
    return ".".join(numbers)


def pkg_config(*arguments: str) -> list[str]:
    """What pkg-config says; an error, if it does not know the package."""
    try:
        done = subprocess.run(
            ["pkg-config", *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        sys.exit("mcsafe: pkg-config is missing: install pkgconf, or pkg-config")
    if done.returncode != 0:
        sys.exit(
            f"mcsafe: {done.stderr.strip()}\n"
            "mcsafe: install libmcsafe first, or name its directory in PKG_CONFIG_PATH"
        )
    return shlex.split(done.stdout)


def extension(name: str, package: str, sources: list[str]) -> Extension:
    """An extension module that is linked with a library of pkg-config."""
    [libdir] = pkg_config("--variable=libdir", package)
    libdir = str(Path(libdir).resolve())
    return Extension(
        f"mcsafe.{name}",
        sources,
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=[
            "-std=c11", "-fvisibility=hidden", "-fno-plt", *pkg_config("--cflags", package)
        ],
        extra_link_args=pkg_config("--libs", package),
        runtime_library_dirs=[] if libdir.startswith(SYSTEM) else [libdir],
        depends=[str(path.relative_to(HERE)) for path in HERE.glob("src/*.h")],
        py_limited_api=True,
    )


def extensions() -> list[Extension]:
    """All that can be built here."""
    sources = sorted(str(path.relative_to(HERE)) for path in HERE.glob("src/*.c"))
    injector = str(Path("src/inject.c"))
    sources.remove(injector)
    found = [extension("_mcsafe", "mcsafe", sources)]
    if subprocess.run(["pkg-config", "--exists", "mcsafe-inject"], check=False).returncode == 0:
        found.append(extension("inject", "mcsafe-inject", [injector]))
    else:
        print("mcsafe: mcsafe.inject is left out: libmcsafe-inject is not installed")
    return found


setup(
    version=version(),
    ext_modules=extensions(),
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
