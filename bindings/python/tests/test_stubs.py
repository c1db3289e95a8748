# SPDX-License-Identifier: BSD-3-Clause
"""test_stubs.py - the stubs name what the modules have, and nothing else."""

import ast
import inspect
import unittest
from pathlib import Path

import mcsafe
import support
from mcsafe import inject

PACKAGE = Path(mcsafe.__file__).parent
# What iteration and buffers need has no method of this name before Python 3.12, or at all.
NOT_METHODS = {"__buffer__", "__iter__"}


def stub(name: str) -> ast.Module:
    """A stub, parsed."""
    return ast.parse((PACKAGE / name).read_text())


def methods(cls: ast.ClassDef) -> set[str]:
    """The functions and variables that a class of a stub has."""
    functions = {node.name for node in cls.body if isinstance(node, ast.FunctionDef)}
    variables = {node.target.id for node in cls.body
                 if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    return functions | variables


class Stubs(unittest.TestCase):
    """Compares the stubs with the modules."""

    def test_functions_and_classes(self) -> None:
        for module, name in ((mcsafe, "__init__.pyi"), (inject, "inject.pyi")):
            there = {name for name, value in vars(module).items()
                     if not name.startswith("_") and callable(value)} - {"error"}
            named = {node.name for node in stub(name).body
                     if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            self.assertEqual(there, named)
            self.assertGreater(len(named), 4)

    def test_methods(self) -> None:
        seen = 0
        for node in stub("__init__.pyi").body:
            if isinstance(node, ast.ClassDef):
                cls = getattr(mcsafe, node.name)
                own = {name for name in vars(cls) if not name.startswith("_")}
                named = methods(node)
                self.assertEqual(own, {name for name in named if not name.startswith("_")})
                for name in named - NOT_METHODS:
                    self.assertTrue(hasattr(cls, name), name)
                    seen += 1
        self.assertGreater(seen, 40)

    def test_constants(self) -> None:
        for node in stub("__init__.pyi").body:
            if isinstance(node, ast.ImportFrom) and node.module == "mmap":
                for alias in node.names:
                    self.assertTrue(hasattr(mcsafe, alias.name), alias.name)
        self.assertEqual(set(mcsafe.__all__) - set(dir(mcsafe)), set())

    def test_the_marker_of_typed_packages_is_there(self) -> None:
        self.assertTrue((PACKAGE / "py.typed").exists())

    def test_the_version_is_that_of_the_library(self) -> None:
        self.assertRegex(mcsafe.__version__, r"^\d+\.\d+\.\d+$")
        self.assertTrue(inspect.ismodule(inject))


if __name__ == "__main__":
    support.main()
