# SPDX-License-Identifier: BSD-3-Clause
"""test_install.py - what CMake installs works, and pip builds the same offline."""

import importlib.util
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import support

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
BUILD = os.environ["MCSAFE_BUILD_DIR"]
CMAKE = os.environ["MCSAFE_CMAKE"]
# Relative to the prefix.
PYTHON_DIR = os.environ["MCSAFE_PYTHON_DIR"]

PROGRAM = """
import importlib.metadata, os, sys, tempfile
import mcsafe
from mcsafe import inject
assert mcsafe.__file__.startswith(sys.argv[1]), mcsafe.__file__
assert importlib.metadata.version("mcsafe") == mcsafe.__version__
with tempfile.NamedTemporaryFile() as file:
    file.truncate(8192)
    m = mcsafe.mmap(file.fileno(), 0)
    file.truncate(4096)
    try:
        m[:]
    except mcsafe.FaultError as error:
        print(error.done, error.reason)
print(sorted(os.listdir(os.path.dirname(mcsafe.__file__))))
"""
FILES = ["__init__.py", "__init__.pyi", "_mcsafe.abi3.so", "inject.abi3.so", "inject.pyi",
         "py.typed"]


def need_pip() -> None:
    """Skip the test, if this Python cannot build a wheel."""
    for name in ("pip", "setuptools", "wheel"):
        if importlib.util.find_spec(name) is None:
            support.skip(f"this Python has no {name}")


class Install(unittest.TestCase):
    """A prefix with libmcsafe, in a directory whose name has a blank."""

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe python ")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.prefix = cls.scratch / "prefix"
        for part in ("runtime", "development", "inject", "python"):
            done = support.run(CMAKE, "--install", BUILD, "--prefix", cls.prefix, "--component",
                               f"mcsafe_{part}")
            assert done.returncode == 0, done
        [library] = cls.prefix.rglob("libmcsafe.so.0")
        cls.lib = library.parent

    def check(self, directory: Path, **environment: str) -> None:
        """Use the package that is in a directory."""
        done = support.run(sys.executable, "-B", "-c", PROGRAM, directory,
                           PYTHONPATH=str(directory), **environment)
        self.assertEqual((done.returncode, done.stdout), (0, f"4096 past-end\n{FILES}\n"), done)

    def test_what_cmake_installs(self) -> None:
        self.check(self.prefix / PYTHON_DIR, LD_LIBRARY_PATH=str(self.lib))

    def pip(self, name: str, **environment: str) -> tuple[Path, str, int]:
        """Install with pip from a copy of the sources, where pip may leave files."""
        copy = self.scratch / name
        shutil.copytree(SOURCE / "bindings/python", copy / "bindings/python",
                        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        (copy / "include/mcsafe").mkdir(parents=True)
        shutil.copy(SOURCE / "include/mcsafe/version.h", copy / "include/mcsafe")
        target = self.scratch / f"{name} installed"
        done = support.run(sys.executable, "-m", "pip", "install", "--no-build-isolation",
                           "--no-index", "--no-compile", "--disable-pip-version-check", "--verbose",
                           "--target", target, copy / "bindings/python", **environment)
        return target, done.stdout + done.stderr, done.returncode

    def test_what_pip_builds(self) -> None:
        need_pip()
        target, said, status = self.pip("good", PKG_CONFIG_PATH=str(self.lib / "pkgconfig"))
        self.assertEqual(status, 0, said)
        # The wheel is for every Python from 3.11 on.
        self.assertIn("cp311-abi3-linux_x86_64.whl", said)
        # No LD_LIBRARY_PATH: the module knows where libmcsafe is.
        self.check(target, LD_LIBRARY_PATH="")

    def test_pip_says_what_is_missing(self) -> None:
        need_pip()
        _, said, status = self.pip("bad", PKG_CONFIG_LIBDIR=str(self.scratch), PKG_CONFIG_PATH="")
        self.assertNotEqual(status, 0)
        self.assertIn("install libmcsafe first, or name its directory in PKG_CONFIG_PATH", said)


if __name__ == "__main__":
    support.main()
