#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""coverage.py - which lines and branches of src/ the tests have run

The build of the preset `coverage` keeps its counters in files that each process maps (clang's
continuous mode). So nothing is lost if a process dies by a signal, or leaves by _exit(2): what it
ran before is counted. This program merges the files. It prints a table of the rooms, and then each
condition of src/ that was only true or only false, and each piece of code that was never run.
"""

import argparse
import functools
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
# The programs count as well: some of them call inline functions of src/ themselves.
LIBRARIES = ("libmcsafe.so", "src/inject/libmcsafe-inject.so")

# The kind of a region in the output of llvm-cov.
CODE = 0

Place = tuple[int, int, int, int]  # first line and column, last line and column


@dataclass
class File:
    """How often the code of a file was run. A header counts once, whoever includes it."""

    regions: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    branches: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    bodies: dict[Place, str] = field(default_factory=dict)  # of functions, and their names

    def counts(self) -> tuple[int, int, int, int]:
        """Return the lines that have code, those that ran, the sides of branches, the same."""
        lines: dict[int, int] = {}
        # An inner region says more about a line than the one around it.
        for place, count in sorted(self.regions.items(), key=lambda item: -size(item[0])):
            for line in range(place[0], place[2] + 1):
                inner = place[0] == line and place[1] > 1 and line in lines
                lines[line] = max(lines[line], count) if inner else count
        sides = [side for branch in self.branches.values() for side in branch]
        return len(lines), sum(map(bool, lines.values())), len(sides), sum(map(bool, sides))


def size(place: Place) -> int:
    """Return a number that is larger for the outer one of two nested regions."""
    return (place[2] - place[0]) * 1000 + place[3] - place[1]


def inside(inner: Place, outer: Place) -> bool:
    """Say whether a region is in another, or is it."""
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def llvm(tool: str, clang: str) -> str:
    """Return the path of a tool of the same LLVM as the compiler."""
    found = subprocess.run(
        [clang, f"-print-prog-name={tool}"], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def export(build: Path, clang: str) -> dict:
    """Merge the counters, and return what llvm-cov says about them."""
    counters = sorted((build / "counts").glob("*.profraw"))
    if not counters:
        sys.exit(f"coverage.py: no counters in {build / 'counts'}: no test has run")
    merged = build / "coverage.profdata"
    subprocess.run(
        [llvm("llvm-profdata", clang), "merge", "-sparse", "-o", merged, *counters], check=True
    )
    programs = sorted(path for path in build.glob("tests/*/test_*") if path.is_file())
    first, *more = [*(build / name for name in LIBRARIES), *programs]
    command = [llvm("llvm-cov", clang), "export", first, f"-instr-profile={merged}"]
    command += [f"-object={name}" for name in more]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text)


@functools.cache
def source(name: str) -> list[str]:
    """Return the lines of a file."""
    return (SOURCE / name).read_text().splitlines()


def is_macro(name: str, line: int) -> bool:
    """Say whether a line defines a macro."""
    return source(name)[line - 1].lstrip("# ").startswith("define")


def read(data: dict, build: Path) -> dict[str, File]:
    """Return the files of src/, by their names. A compiler cache makes names relative to build."""
    files: dict[str, File] = defaultdict(File)
    for function in data["data"][0]["functions"]:
        names = [
            str(path.relative_to(SOURCE)) if path.is_relative_to(SOURCE / "src") else None
            for path in ((build / name).resolve() for name in function["filenames"])
        ]
        for index, (*place, count, file, _, kind) in enumerate(function["regions"]):
            # The region of a constant that a macro defines may never count: an array has it.
            if kind == CODE and names[file] and not is_macro(names[file], place[0]):
                files[names[file]].regions[tuple(place)] += count
                if index == 0:
                    name = function["name"].split(":")[-1]
                    files[names[file]].bodies[tuple(place)] = name
        for *place, true, false, file, _, _ in function["branches"]:
            if names[file]:
                sides = files[names[file]].branches[tuple(place)]
                sides[0] += true
                sides[1] += false
    return files


def text_of(lines: list[str], place: Place) -> str:
    """Return the source of a region in one line."""
    first, column, last, end = place
    if first == last:
        text = lines[first - 1][column - 1 : end - 1]
    else:
        middle = lines[first : last - 1]
        text = " ".join([lines[first - 1][column - 1 :], *middle, lines[last - 1][: end - 1]])
    text = " ".join(text.split())
    return text if len(text) <= 70 else text[:67] + "..."


def left(name: str, file: File) -> Iterator[tuple[int, str]]:
    """Yield the line and a description of all that was not reached."""
    lines = source(name)
    not_run = [place for place, count in file.regions.items() if count == 0]
    outermost = [p for p in not_run if not any(q != p and inside(p, q) for q in not_run)]
    explained = set()
    for place, (true, false) in file.branches.items():
        if true and false or not true and not false and any(inside(place, p) for p in not_run):
            continue
        # An enum has no other values than those of the cases.
        if lines[place[0] - 1][: place[1] - 1].endswith("switch ("):
            continue
        side = "never run" if not true and not false else "never false" if true else "never true"
        explained.update({place[2], place[2] + 1, place[2] + 2})
        yield place[0], f"{side}: {text_of(lines, place)}"
    for place in outermost:
        if place in file.bodies:
            yield place[0], f"never called: {file.bodies[place]}()"
        elif place[0] not in explained:
            yield place[0], f"never run: {text_of(lines, place)}"


def percent(part: int, whole: int) -> str:
    """Return a part of a whole, as text."""
    return f"{part:5} of {whole:5} {100 * part / whole:6.1f} %" if whole else f"{'none':>22}"


def table(files: dict[str, File]) -> Iterator[str]:
    """Yield the lines of the table of rooms."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, file in files.items():
        for room in (name.split("/")[1], "all"):
            rooms[room] = [a + b for a, b in zip(rooms[room], file.counts(), strict=True)]
    yield f"{'room':10} {'lines that ran':>22}   {'sides of branches':>22}"
    for room in [*sorted(rooms.keys() - {"all"}), "all"]:
        lines, ran, sides, taken = rooms[room]
        yield f"{room:10} {percent(ran, lines)}   {percent(taken, sides)}"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path, help="the build directory")
    parser.add_argument("files", nargs="*", help="list what is left in these files only")
    parser.add_argument("--clang", default="clang", help="the compiler of the build")
    args = parser.parse_args()

    files = read(export(args.build, args.clang), args.build)
    print("\n".join(table(files)), "\n", sep="\n")
    for name in sorted(files):
        if args.files and not any(part in name for part in args.files):
            continue
        for line, what in sorted(left(name, files[name])):
            print(f"{name}:{line}: {what}")


if __name__ == "__main__":
    main()
