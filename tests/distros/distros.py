#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""distros.py - use ./dev on fresh Debian systems

Makes Debian 12, 13 and sid below build/distros with debootstrap. On each it runs `./dev demo`,
`build`, `test`, `package`, `deb`, and the commands that README gives for an installation: first as
an ordinary user with sudo, then as root. `deb` builds Debian's packages, checks them with lintian,
installs them, and runs debian/tests. The user begins with nothing installed but git, sudo and the
tree. At the end it prints a table, and the tests that were skipped with their reasons. The output
of each command is in build/distros/SYSTEM/log.

With --ccache the systems are not quite fresh: Debian's ccache is installed first, and CMake uses it
with this directory. Give it to save time while you look for a fault, not for the last word.

This needs root, debootstrap, a mirror that apt knows, and several hours for everything. It is not
part of .ci/run.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
ENTER = Path(__file__).with_name("enter")
SUITES = {"12": "bookworm", "13": "trixie", "sid": "sid"}
COMMANDS = ("demo", "build", "test", "package", "deb", "install")
ARGUMENTS = {"deb": ["--try"]}
USERS = ("tester", "root")
# What README tells the reader to have, and the means to become root.
INCLUDED = "ca-certificates,git,sudo"
# The lines of tests/summary.py and of ./dev that belong into the report.
NOTES = re.compile(r"^(?:skipped  |left out |FAILED   |dev: the virtual machine).*$", re.M)
COUNTS = re.compile(r"^\w[\w-]*: (\d+% tests passed, .*)$", re.M)
# Of packaging/deb.py: what was built, found by lintian, and tested.
PACKAGED = re.compile(
    r"^    (\d+% tests passed, .*|[EWIPX]: .*|\w+ +(?:PASS|FAIL|SKIP)\b.*)$", re.M
)
VERDICT = re.compile(r"^=+ (here: .*)$", re.M)


class Failed(Exception):
    """Something outside the commands under test went wrong."""


@dataclass
class Result:
    """What one command has done."""

    system: str
    user: str
    command: str
    status: int
    seconds: float
    said: str
    notes: list[str] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        outcome = "ok" if self.status == 0 else f"FAILED with status {self.status}"
        return (self.system, self.user, self.command, outcome, f"{self.seconds:.0f} s", self.said)


def run(*argv: str | Path, **options) -> None:
    """Run a command that must not fail."""
    try:
        subprocess.run([str(arg) for arg in argv], check=True, **options)
    except FileNotFoundError:
        raise Failed(f"{argv[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"{error}") from None


def remove(tree: Path) -> None:
    """Remove a tree, but nothing that is mounted in it."""
    run("rm", "-rf", "--one-file-system", tree)


def mirror() -> str:
    """Return the mirror from which this machine gets its packages of Debian."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(SITE) $(REPO_URI)"],
        check=False, text=True, capture_output=True,
    )  # fmt: skip
    for line in targets.stdout.splitlines():
        origin, component, _, uri = (*line.split(), "", "", "", "")[:4]
        if origin == "Debian" and component == "main" and "security" not in uri:
            return uri
    raise Failed("apt knows no mirror of Debian; run `apt-get update` first, or give --mirror")


def make_system(where: Path, suite: str, uri: str) -> Path:
    """Make a Debian system, unless a complete one is there, and return its root directory."""
    root = where / "root"
    complete = where / "complete"
    if complete.exists():
        return root
    remove(root)
    with (where / "log" / "debootstrap").open("w") as log:
        # What debootstrap mounts must not outlive it.
        debootstrap = ("debootstrap", "--variant=minbase", f"--include={INCLUDED}")
        run("unshare", "--mount", *debootstrap, suite, root, uri,
            stdout=log, stderr=subprocess.STDOUT)  # fmt: skip
    # If apt of this machine does not check dates, its clock or its mirror need that.
    config = subprocess.run(["apt-config", "dump"], check=True, text=True, capture_output=True)
    checks = re.findall(r"^Acquire::Check-.*$", config.stdout, re.M)
    (root / "etc/apt/apt.conf.d/90distros").write_text("".join(f"{line}\n" for line in checks))
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", USERS[0])
    (root / "etc/sudoers.d/tester").write_text(f"{USERS[0]} ALL=(ALL) NOPASSWD: ALL\n")
    complete.touch()
    return root


def install_ccache(root: Path) -> None:
    """Install ccache, and leave apt as little informed about packages as before."""
    apt = "apt-get -q -o Dir::State::Lists=/tmp/lists"
    line = (
        f"mkdir -p /tmp/lists/partial && {apt} update && DEBIAN_FRONTEND=noninteractive {apt} -y"
        " --no-install-recommends install ccache && rm -r /tmp/lists"
    )
    with (root.parent / "log" / "ccache").open("w") as log:
        run(ENTER, root, "root", line, stdout=log, stderr=subprocess.STDOUT)


def copy_tree(root: Path, user: str) -> None:
    """Put the files of the working tree into the user's home. What was built there stays. Files
    that are equal keep their times, so that only what depends on the others is built again."""
    home = root / ("root" if user == "root" else f"home/{user}")
    tree = home / "libmcsafe"
    tree.mkdir(exist_ok=True)
    listed = subprocess.run(
        ["git", "-C", str(SOURCE), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, text=True, capture_output=True,
    )  # fmt: skip
    names = {name for name in listed.stdout.split("\0") if name and (SOURCE / name).exists()}
    there = {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}
    for name in there - names:
        if not name.startswith("build/"):
            (tree / name).unlink()
    for name in names:
        if name not in there or (tree / name).read_bytes() != (SOURCE / name).read_bytes():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, tree / name)
    owner = home.stat()
    for entry in (tree, *tree.rglob("*")):
        os.chown(entry, owner.st_uid, owner.st_gid, follow_symlinks=False)


def run_command(system: str, root: Path, user: str, command: str, arguments: list[str]) -> Result:
    """Run one ./dev command on a system, and return what it did."""
    log = root.parent / "log" / f"{command}.{user}"
    line = shlex.join(["./dev", command, *arguments])
    if command == "install":
        line = "tests/distros/install"
    print(f"==== {system}, {user}: {line}", flush=True)
    start = time.monotonic()
    with log.open("w") as output:
        status = subprocess.run(
            [str(ENTER), str(root), user, f"cd libmcsafe && {line}"],
            check=False, stdout=output, stderr=subprocess.STDOUT,
        ).returncode  # fmt: skip
    seconds = time.monotonic() - start
    text = log.read_text(errors="replace")
    said = [*COUNTS.findall(text), *VERDICT.findall(text)]
    if command == "deb":
        # autopkgtest says each result when it is there, and again at the end.
        said = list(dict.fromkeys(" ".join(line.split()) for line in PACKAGED.findall(text)))
    result = Result(system, user, command, status, seconds, "; ".join(said), NOTES.findall(text))
    if status != 0 and not said:
        result.notes += [f"its last line: {(text.splitlines() or ['(none)'])[-1]}"]
    print(f"     {' | '.join(result.row()[3:])}", flush=True)
    return result


def report(results: list[Result]) -> str:
    """Return the table, then what was skipped and what failed."""
    head = ("system", "user", "command", "result", "time", "what it said")
    rows = [head, *(result.row() for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    seen: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            seen.setdefault(note, []).append(f"{result.system} {result.user} {result.command}")
    lines += ["", *(f"{note}\n    ({', '.join(where)})" for note, where in sorted(seen.items()))]
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for. Return 0 if every command has ended with status 0."""
    parser = argparse.ArgumentParser(
        prog="./dev distros", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("systems", nargs="*", metavar="12|13|sid", help="default: all three")
    parser.add_argument("--as", dest="users", action="append", choices=USERS,
                        help="only this user; may be repeated")  # fmt: skip
    parser.add_argument("--only", action="append", choices=COMMANDS, metavar="COMMAND",
                        help=f"only this one of {', '.join(COMMANDS)}; may be repeated")
    parser.add_argument("--tests", metavar="REGEX", help="of `./dev test`, only these tests")
    parser.add_argument("--no-vm", action="store_true",
                        help="of `./dev test`, leave out the tests of the label vm")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="make the systems anew")
    parser.add_argument("--ccache", metavar="DIRECTORY", type=Path,
                        help="install ccache, which shall use this directory")  # fmt: skip
    parser.add_argument("--mirror", help="default: the mirror of this machine's apt")
    options = parser.parse_args()
    for system in options.systems:
        if system not in SUITES:
            parser.error(f'no system "{system}": choose from {", ".join(SUITES)}')
    if os.geteuid() != 0:
        raise Failed("this needs root, for debootstrap and for mounts")

    test_arguments = ["--tests-regex", options.tests] if options.tests else []
    if options.no_vm:
        test_arguments += ["--exclude-regex", "^vm[.]"]
    os.environ.pop("MCSAFE_CCACHE", None)
    if options.ccache:
        options.ccache.mkdir(parents=True, exist_ok=True)
        options.ccache.chmod(0o1777)
        os.environ["MCSAFE_CCACHE"] = str(options.ccache.resolve())
    results = []
    for system in options.systems or SUITES:
        where = SOURCE / "build/distros" / system
        if options.fresh:
            remove(where)
        (where / "log").mkdir(parents=True, exist_ok=True)
        root = make_system(where, SUITES[system], options.mirror or mirror())
        if options.ccache and not (root / "usr/bin/ccache").exists():
            install_ccache(root)
        for user in options.users or USERS:
            copy_tree(root, user)
            for command in options.only or COMMANDS:
                arguments = test_arguments if command == "test" else ARGUMENTS.get(command, [])
                results.append(run_command(system, root, user, command, arguments))
    text = report(results)
    print(f"\n{text}")
    (SOURCE / "build/distros/report.txt").write_text(f"{text}\n")
    return 0 if all(result.status == 0 for result in results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"distros.py: {error}")
