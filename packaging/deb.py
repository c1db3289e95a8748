#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""deb.py - build the Debian packages, and check them with lintian

Builds from the last commit, or without git from the files of the tree. The packages, the source
package and the logs are in build/deb. Neither the build nor the packages use git or the network.
With --try it also installs the packages, runs their tests (debian/tests) with autopkgtest, and
purges the packages. That changes the system, and needs root or sudo.
"""

import argparse
import os
import subprocess
from pathlib import Path

import source
from source import ROOT, Failed, git, say

# The steps of debhelper, and the result of ctest.
PROGRESS = r"^ +dh_auto_\w+|^\d+% tests passed|^dpkg-deb: building"


def unpack(output: Path) -> Path:
    """Write the upstream tarball, unpack it, and return the directory of the source package."""
    version = source.version(ROOT)
    archive = output / f"libmcsafe_{version}.orig.tar.gz"
    if source.has_git(ROOT) and git(ROOT, "status", "--porcelain"):
        say("the tree has changes that are not committed: they are not in the packages")
    source.tarball(ROOT, archive)
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(output)], check=True)
    return output / f"libmcsafe-{version}"


def lint(output: Path) -> None:
    """Run lintian on all that was built."""
    [changes] = output.glob("*.changes")
    log = output / "lintian.log"
    argv = ["lintian", "-i", "-EvIL", "+pedantic", "--fail-on", "error,warning", changes.name]
    if os.geteuid() == 0:
        argv.insert(1, "--allow-root")
    source.run_logged(argv, output, log, "^[EWIPX]: ", dict(os.environ))


def as_root(output: Path, log: str, progress: str, *argv: str) -> None:
    """Run a command as root, and log what it prints."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    sudo = [] if os.geteuid() == 0 else ["sudo", "--preserve-env=DEBIAN_FRONTEND"]
    source.run_logged([*sudo, *argv], output, output / log, progress, env)


def left() -> list[str]:
    """Return the files of libmcsafe that are on the system, of whatever package."""
    # libpmem2-dev has manual pages of functions of this name.
    foreign = "pmem2_source_*_mcsafe.3*"
    found = subprocess.run(
        ["find", "/usr", "/etc", "-xdev", "-iname", "*mcsafe*", "-not", "-path", f"{ROOT}/*",
         "-not", "-name", foreign],
        check=False, text=True, capture_output=True,
    )  # fmt: skip
    return found.stdout.splitlines()


def try_packages(output: Path, tree: Path, names: list[str]) -> None:
    """Install the packages, run their tests, and purge them."""
    before = left()
    if before:
        raise Failed(f"libmcsafe is on this system already: {before[0]}")
    say("installing")
    as_root(output, "install.log", "^Setting up .*mcsafe", "apt-get", "install", "--yes",
            "--no-install-recommends", *(f"./{name}" for name in names))  # fmt: skip
    say("running debian/tests")
    # The packages are installed: autopkgtest neither builds nor finds others.
    as_root(output, "autopkgtest.log", r"^\w+ +(PASS|FAIL|SKIP)|: test \w+: -+$", "autopkgtest",
            "--no-built-binaries", f"{tree}/", "--", "null")  # fmt: skip
    say("purging")
    as_root(output, "purge.log", "^Removing .*mcsafe", "apt-get", "purge", "--yes",
            *(name.split("_")[0] for name in names))  # fmt: skip
    after = left()
    if after:
        raise Failed("left after the purge:\n" + "\n".join(after))


def main() -> int:
    """Build and check."""
    parser = argparse.ArgumentParser(
        prog="./dev deb", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--no-tests", action="store_true", help="build without the tests")
    parser.add_argument("--output", type=Path, default=ROOT / "build/deb", metavar="DIR",
                        help="default: build/deb; emptied first")  # fmt: skip
    parser.add_argument("--try", dest="try_", action="store_true",
                        help="install the packages, run debian/tests, purge them")  # fmt: skip
    options = parser.parse_args()
    output = source.fresh_directory(options.output.resolve())
    tree = unpack(output)

    env = dict(os.environ)
    jobs = env.get("MCSAFE_JOBS") or str(os.cpu_count())
    env["DEB_BUILD_OPTIONS"] = f"parallel={jobs}"
    if options.no_tests:
        env["DEB_BUILD_OPTIONS"] += " nocheck"
        env["DEB_BUILD_PROFILES"] = "nocheck"
    say(f"building in {tree}")
    argv = ["dpkg-buildpackage", "-us", "-uc"]
    source.run_logged(argv, tree, output / "build.log", PROGRESS, env)
    packages = sorted(path.name for path in output.glob("*.deb") if "dbgsym" not in path.name)
    if not packages:
        raise Failed("dpkg-buildpackage has made no package")
    say("checking with lintian")
    lint(output)
    if options.try_:
        try_packages(output, tree, packages)
    source.say_maintainer(ROOT)
    say(f"in {output}: {' '.join(packages)}")
    return 0


if __name__ == "__main__":
    source.main_of(main)
