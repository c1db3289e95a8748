#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""rpm.py - build the packages of packaging/libmcsafe.spec, and check them with rpmlint

Builds from the last commit, or without git from the files of the tree. The packages and the log are
in build/rpm. On a system that is not based on rpm, rpmbuild knows no packages: there it does not
check what the build needs (--nodeps), and rpmlint is optional.
"""

import argparse
import os
import shutil
from pathlib import Path

import source
from source import ROOT, Failed, say

FOLDER = Path(__file__).parent
# The steps of rpmbuild, and what it writes.
PROGRESS = r"^Executing\((%\w+)\)|^Wrote: "


def build(output: Path) -> list[Path]:
    """Build, and return the packages."""
    version = source.version(ROOT)
    sources = output / "SOURCES"
    sources.mkdir()
    source.tarball(ROOT, sources / f"libmcsafe-{version}.tar.gz")
    jobs = os.environ.get("MCSAFE_JOBS") or str(os.cpu_count())
    argv = ["rpmbuild", "-ba", "--define", f"_topdir {output}", "--define", f"_smp_mflags -j{jobs}",
            "--define", f"_tmppath {output}", str(FOLDER / "libmcsafe.spec")]  # fmt: skip
    if not Path("/etc/redhat-release").exists() and not Path("/etc/SUSE-brand").exists():
        argv.insert(1, "--nodeps")
    source.run_logged(argv, output, output / "build.log", PROGRESS, dict(os.environ))
    packages = sorted(output.glob("*RPMS/**/*.rpm"))
    if not packages:
        raise Failed("rpmbuild has made no package")
    return packages


def lint(output: Path, packages: list[Path]) -> None:
    """Run rpmlint, if it is there."""
    if shutil.which("rpmlint") is None:
        say("rpmlint is not installed: the packages are not checked")
        return
    say("checking with rpmlint")
    argv = ["rpmlint", "--strict", "--config", str(FOLDER / "rpmlint.toml"),
            str(FOLDER / "libmcsafe.spec"), *map(str, packages)]  # fmt: skip
    source.run_logged(argv, output, output / "rpmlint.log", r": [EW]: |checked", dict(os.environ))


def main() -> int:
    """Build and check."""
    parser = argparse.ArgumentParser(
        prog="./dev rpm", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build/rpm", metavar="DIR",
                        help="default: build/rpm; emptied first")  # fmt: skip
    options = parser.parse_args()
    output = source.fresh_directory(options.output.resolve())
    say(f"building in {output}")
    packages = build(output)
    lint(output, packages)
    source.say_maintainer(ROOT)
    say(f"in {output}: {' '.join(path.name for path in packages)}")
    return 0


if __name__ == "__main__":
    source.main_of(main)
