# SPDX-License-Identifier: BSD-3-Clause
"""support.py - what the tests of the Rust crate share: cargo, other processes, skips."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

CRATES = Path(os.environ["MCSAFE_SOURCE_DIR"], "bindings/rust")
CARGO = os.environ["MCSAFE_CARGO"]
# Where cargo builds: all tests that use the same compiler share it.
TARGET = Path(os.environ["CARGO_TARGET_DIR"])
TIMEOUT = 600  # seconds: a compiler is slow on a busy machine


def skip(reason: str) -> None:
    """Skip the test that runs, so that everybody sees it; with MCSAFE_NO_SKIP=1, fail."""
    print(f"skipped: {reason}", file=sys.stderr)
    if os.environ.get("MCSAFE_NO_SKIP") == "1":
        raise AssertionError(f"skipped: {reason}")
    raise unittest.SkipTest(reason)


def run(*arguments: str | Path, cwd: Path | None = None,
        **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a program with these variables, or without those that are None."""
    variables = {**os.environ, **environment}
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
    )


def cargo(*arguments: str | Path, cwd: Path = CRATES,
          **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run cargo without a network."""
    return run(CARGO, *arguments, cwd=cwd, CARGO_NET_OFFLINE="true", **environment)


def main() -> None:
    """Run the tests of a script. If all were skipped, the script is a visible skip."""
    result = unittest.main(exit=False, argv=sys.argv[:1]).result
    for test, reason in result.skipped:
        # As CMocka's, for the summary of ./dev test.
        name = test.id().split()[0].rpartition(".")[2]
        print(f"left out: {' '.join(reason.split())}\n[  SKIPPED ] {name}")
    if not result.wasSuccessful() or (result.testsRun == 0 and not result.skipped):
        sys.exit(1)
    # A class that is skipped counts as skipped once, and none of its tests as run.
    sys.exit(77 if result.testsRun <= len(result.skipped) else 0)
