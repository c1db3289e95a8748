#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""release.py - check a release, and make its files

Checks that the version is the same everywhere, that the tree has no change that is not committed,
and that there is no such tag yet. Then writes these files to build/release-VERSION:

  libmcsafe-VERSION.tar.gz   the last commit; the same commit gives the same bytes
  NOTES.md                   the section of CHANGELOG.md
  SHA256SUMS                 for `sha256sum --check`

This is a dry run: nothing else changes. --tag also makes the annotated tag vVERSION, whose message
is NOTES.md. It refuses a version that CHANGELOG.md or debian/changelog calls unreleased. Signing,
pushing and publishing are left to the maintainer.
"""

import argparse
import hashlib
from pathlib import Path

import source
from source import ROOT, Failed, git, say


def check(root: Path, version: str, tag: bool) -> None:
    """Raise Failed if this version must not be released from this tree."""
    wrong = source.disagreements(root, version)
    if wrong:
        raise Failed("the version is not the same everywhere:\n" + "\n".join(wrong))
    if not source.has_git(root):
        raise Failed("this tree is no git repository, so it has no commit to release")
    dirty = git(root, "status", "--porcelain").splitlines()
    if dirty:
        raise Failed("the tree has changes that are not committed:\n" + "\n".join(dirty))
    if git(root, "tag", "--list", f"v{version}"):
        raise Failed(f"the tag v{version} exists: version {version} is released")
    unreleased = source.unreleased(root)
    if unreleased and tag:
        raise Failed("the files do not name a release yet:\n" + "\n".join(unreleased))
    for line in unreleased:
        say(f"{line}; --tag will refuse that")


def write_files(root: Path, version: str, text: str, output: Path) -> None:
    """Write the files of the release."""
    source.fresh_directory(output)
    archive = output / f"libmcsafe-{version}.tar.gz"
    say(f"writing {archive}")
    source.tarball(root, archive)
    again = output / "again.tar.gz"
    source.tarball(root, again)
    if archive.read_bytes() != again.read_bytes():
        raise Failed(f"two runs gave different bytes: {archive} and {again}")
    again.unlink()
    notes = output / "NOTES.md"
    notes.write_text(f"# libmcsafe {version}\n\n{text}")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in (notes, archive)
    ]
    (output / "SHA256SUMS").write_text("".join(lines))
    print("".join(lines), end="")


def main() -> int:
    """Check, make the files and, if asked, the tag."""
    parser = argparse.ArgumentParser(
        prog="./dev release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version", metavar="VERSION", help='such as "0.1.0"')
    parser.add_argument("--tag", action="store_true", help="make the tag; without it: a dry run")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: build/release-VERSION")
    options = parser.parse_args()
    version = options.version
    output = options.output or ROOT / f"build/release-{version}"

    check(ROOT, version, options.tag)
    notes = source.section(ROOT)
    write_files(ROOT, version, notes, output)
    source.say_maintainer(ROOT)
    if not options.tag:
        say(f"a dry run: there is no tag v{version}; --tag makes it")
        return 0
    # The file keeps "#" at the start of a line, which git would take for a comment.
    git(ROOT, "tag", "--annotate", "--cleanup=whitespace", "--file",
        str(output.resolve() / "NOTES.md"), f"v{version}")  # fmt: skip
    say(f"made the tag v{version}; left to you: gpg --armor --detach-sign SHA256SUMS,")
    say(f"git push origin v{version}, and the files of {output}")
    return 0


if __name__ == "__main__":
    source.main_of(main)
