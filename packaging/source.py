# SPDX-License-Identifier: BSD-3-Clause
"""source.py - the version of the tree, and its tarball

The version is written in include/mcsafe/version.h. CMake, pkg-config, the manual pages and the
sonames take it from there. The files of PLACES repeat it, because other tools read them.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What a build leaves in the tree. A tree with git knows it from .gitignore.
BUILT = ("./build", "./.cache", "__pycache__", "*.pyc")
UNRELEASED = {"CHANGELOG.md": "(unreleased)", "debian/changelog": "UNRELEASED"}


class Failed(Exception):
    """Something that the user must know, in one line or more."""


def say(text: str) -> None:
    """Tell what happens next, at once."""
    print(f"{Path(sys.argv[0]).name}: {text}", flush=True)


def version(root: Path) -> str:
    """Return the version of the tree, for example "0.1.0"."""
    text = (root / "include/mcsafe/version.h").read_text()
    numbers = re.findall(r"^#define MCSAFE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", text, re.M)
    if len(numbers) != len(("major", "minor", "patch")):
        raise Failed(f"include/mcsafe/version.h has {len(numbers)} of three numbers")
    return ".".join(numbers)


# Where the version is repeated: the file, what it is there, and how it is found.
PLACES: list[tuple[str, str, str]] = [
    ("CHANGELOG.md", "the first section", r"^## (\S+)"),
    ("debian/changelog", "the first entry", r"\Alibmcsafe \(([^)]*)-[^-)]*\)"),
    ("packaging/libmcsafe.spec", "Version", r"^Version: +(\S+)$"),
    ("packaging/libmcsafe.spec", "the first entry of %changelog",
     r"^%changelog\n\*.* - (\S+)-[^-\s]+$"),
    ("bindings/rust/mcsafe/Cargo.toml", "version", r'^version = "(.*)"$'),
    ("bindings/rust/mcsafe/Cargo.toml", "the version of mcsafe-sys",
     r'^mcsafe-sys = .*version = "(.*)"'),
    ("bindings/rust/mcsafe-sys/Cargo.toml", "version", r'^version = "(.*)"$'),
    ("bindings/rust/Cargo.lock", "mcsafe", r'^name = "mcsafe"\nversion = "(.*)"$'),
    ("bindings/rust/Cargo.lock", "mcsafe-sys", r'^name = "mcsafe-sys"\nversion = "(.*)"$'),
]  # fmt: skip
# Who maintains the packages. Nobody reads mail to this address: whoever publishes packages writes
# their own name and address into each of these places.
PLACEHOLDER = "The libmcsafe authors <maintainers@libmcsafe.invalid>"
MAINTAINERS: list[tuple[str, str, str]] = [
    ("debian/control", "Maintainer", r"^Maintainer: (.*)$"),
    ("debian/changelog", "the first entry", r"\A.*\n(?:\n|  .*\n)+ -- (.*?)  "),
    ("packaging/libmcsafe.spec", "the first entry of %changelog",
     r"^%changelog\n\* \w+ \w+ \d+ \d+ (.*) - \S+$"),
]  # fmt: skip


def disagreements(root: Path, wanted: str) -> list[str]:
    """Return a line for each place whose version is not the wanted one."""
    found = [("include/mcsafe/version.h", "the version", version(root))]
    for name, what, pattern in PLACES:
        match = re.search(pattern, (root / name).read_text(), re.M)
        found.append((name, what, match[1] if match else "missing"))
    return [f"{name}: {what} is {is_}, not {wanted}" for name, what, is_ in found if is_ != wanted]


def maintainers(root: Path) -> dict[str, str]:
    """Return the maintainer that each place names."""
    found = {}
    for name, what, pattern in MAINTAINERS:
        match = re.search(pattern, (root / name).read_text(), re.M)
        found[f"{name}: {what}"] = match[1] if match else "missing"
    return found


def say_maintainer(root: Path) -> None:
    """Tell whoever builds packages that they name nobody who can be reached."""
    if PLACEHOLDER in maintainers(root).values():
        say(f'the maintainer "{PLACEHOLDER}" is a placeholder: before you publish packages, write '
            "yours (CONTRIBUTING.md, Packages)")  # fmt: skip


def unreleased(root: Path) -> list[str]:
    """Return a line for each file that says that its first version is not released."""
    lines = []
    for name, mark in UNRELEASED.items():
        heads = [line for line in (root / name).read_text().splitlines() if version(root) in line]
        if heads and mark in heads[0]:
            lines.append(f"{name}: the first entry says {mark}")
    return lines


def section(root: Path) -> str:
    """Return the newest section of CHANGELOG.md, without its heading."""
    match = re.search(r"^## .*\n((?:(?!## ).*\n)*)", (root / "CHANGELOG.md").read_text(), re.M)
    if not match or not match[1].strip():
        raise Failed("CHANGELOG.md: the first section is missing or empty")
    return match[1].strip() + "\n"


def git(root: Path, *arguments: str) -> str:
    """Run git in the tree, and return what it prints."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=True, text=True, capture_output=True
        )
    except FileNotFoundError:
        raise Failed("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"git {arguments[0]}: {error.stderr.strip()}") from None
    return done.stdout


def has_git(root: Path) -> bool:
    """Whether the tree is a repository, and not unpacked from a tarball."""
    return (root / ".git").exists()


def _tar_of_commit(root: Path, prefix: str) -> list[str]:
    # Every file gets the time of the commit and the owner root. No setting of the user counts.
    settings = ("core.attributesFile=/dev/null", "core.autocrlf=false", "tar.umask=0022")
    return ["git", "-C", str(root), *(word for one in settings for word in ("-c", one)),
            "archive", "--format=tar", f"--prefix={prefix}/", "HEAD"]  # fmt: skip


def _tar_of_files(root: Path, prefix: str) -> list[str]:
    # The time of each file is that of the newest entry of debian/changelog.
    match = re.search(r"^ -- .*>  (.*)$", (root / "debian/changelog").read_text(), re.M)
    if not match:
        raise Failed("debian/changelog: the first entry has no date")
    return ["tar", "--create", "--format=ustar", "--sort=name", "--owner=root:0", "--group=root:0",
            "--mode=u+rw,go+r,go-w", f"--mtime=@{parsedate_to_datetime(match[1]).timestamp():.0f}",
            f"--transform=s,^[.],{prefix},", *(f"--exclude={name}" for name in BUILT),
            f"--directory={root}", "."]  # fmt: skip


def tarball(root: Path, target: Path) -> None:
    """Write the tree to a tar.gz file: the last commit, or without git all files of the tree. The
    same tree gives the same bytes."""
    prefix = f"libmcsafe-{version(root)}"
    make: Callable[[Path, str], list[str]] = _tar_of_commit if has_git(root) else _tar_of_files
    with target.open("wb") as output, \
            subprocess.Popen(make(root, prefix), stdout=subprocess.PIPE) as tar:  # fmt: skip
        # -n: neither a name nor a time
        gzip = subprocess.run(["gzip", "-n", "-9"], check=False, stdin=tar.stdout, stdout=output)
    if tar.returncode != 0 or gzip.returncode != 0:
        raise Failed(f"{target.name} could not be written")


def fresh_directory(path: Path) -> Path:
    """Return an empty directory. What an earlier run left there is removed."""
    subprocess.run(["rm", "-rf", str(path)], check=True)
    path.mkdir(parents=True)
    return path


def run_logged(argv: list[str], directory: Path, log: Path, progress: str, env: dict) -> None:
    """Run a command whose output goes to the log. Print its lines that match `progress` at once. If
    the command fails, print the end of the log."""
    shown = re.compile(progress)
    lines: list[str] = []
    with log.open("w") as output, subprocess.Popen(
        argv, cwd=directory, env=env, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            output.write(line)
            lines.append(line)
            if shown.search(line):
                print(f"    {line.strip()}", flush=True)
    if process.returncode != 0:
        raise Failed(f"{argv[0]} has failed; the end of {log}:\n{''.join(lines[-40:])}")


def main_of(main: Callable[[], int]) -> None:
    """Run a program of this folder. A failure is one message, and status 1."""
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
