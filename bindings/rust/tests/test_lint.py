# SPDX-License-Identifier: BSD-3-Clause
"""test_lint.py - rustfmt, clippy and rustdoc find nothing in the crates."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

import support

TOOLS = Path(support.CARGO).parent


class Lint(unittest.TestCase):
    """Warnings are errors."""

    def tool(self, name: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a tool that lies beside cargo."""
        if not (TOOLS / f"cargo-{name}").exists():
            support.skip(f"there is no {TOOLS}/cargo-{name}")
        return support.cargo(name, *words, PATH=f"{TOOLS}:{os.environ['PATH']}", **more)

    def test_rustfmt(self) -> None:
        done = self.tool("fmt", "--all", "--check")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done)

    def test_clippy(self) -> None:
        done = self.tool("clippy", "--locked", "--workspace", "--all-targets", "--", "-D",
                         "warnings", CARGO_TARGET_DIR=f"{support.TARGET}-clippy")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_rustdoc(self) -> None:
        target = f"{support.TARGET}-doc"
        shutil.rmtree(f"{target}/doc", ignore_errors=True)
        done = support.cargo("doc", "--locked", "--no-deps", "--workspace",
                             CARGO_TARGET_DIR=target, RUSTDOCFLAGS="-D warnings")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(Path(target, "doc/mcsafe/index.html").exists())


if __name__ == "__main__":
    support.main()
