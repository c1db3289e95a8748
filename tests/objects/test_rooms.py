# SPDX-License-Identifier: BSD-3-Clause
"""test_rooms.py - no folder of the sources includes a folder above it.

The table in docs/architecture.md says which folder may include which. The #include lines are read
from the files: the sources, the assembly and the public headers.
"""

import re
import unittest
from dataclasses import dataclass, field
from pathlib import Path

import built

PAGE = built.SOURCE / "docs" / "architecture.md"
ROW = re.compile(r"^\| `(asm|src/\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SUFFIXES = (".c", ".h", ".S", ".inc", ".def", ".hpp")

# This header of the injection component declares a function of debug builds.
EXCEPTIONS = {("src/copy/debug.c", "inject.h")}


# Headers of the whole library, which belong to no room.
WHOLE = {"mcsafe.h", "mcsafe.hpp"}


@dataclass
class Room:
    """A row of the table: the rooms and the single public headers that a room may include."""

    name: str
    headers: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)


def rooms() -> dict[str, Room]:
    """Return the rows of the table, by the last part of the folder's name."""
    found = {}
    for folder, headers, may in ROW.findall(PAGE.read_text()):
        name = folder.removeprefix("src/")
        found[name] = Room(name, set(headers.split()), set(may.split()) | {name})
    return found


ROOMS = rooms()
OWNERS = {header: room.name for room in ROOMS.values() for header in room.headers}


def room_of_file(path: str) -> str:
    """Return the room that a file of the tree belongs to. It is empty for the headers of the whole
    library."""
    parts = Path(path).parts
    if path.startswith("missing: "):
        return path
    if parts[0] == "include":
        return OWNERS.get(parts[-1], "")
    return parts[0] if parts[0] == "asm" else parts[1]


def target_of(including: str, mark: str, name: str) -> str:
    """Return the file of the tree that an #include line names. It is empty for a system header."""
    if name.startswith("mcsafe/"):
        return f"include/{name}"
    if mark == "<":
        return ""
    places = [built.SOURCE / including, built.SOURCE / "src/x", built.SOURCE / "x"]
    places += [built.SOURCE / "asm/x"]
    for place in places:
        path = (place.parent / name).resolve()
        if path.exists():
            return str(path.relative_to(built.SOURCE.resolve()))
    return f"missing: {name}"


def files() -> list[str]:
    """Every file that has a room, relative to the top of the tree."""
    return sorted(
        str(path.relative_to(built.SOURCE))
        for folder in ("asm", "src", "include")
        for path in (built.SOURCE / folder).rglob("*")
        if path.suffix in SUFFIXES
    )


def edges() -> list[tuple[str, str]]:
    """Return each pair of a file and a file that it includes."""
    found = []
    for path in files():
        for mark, name in INCLUDE.findall((built.SOURCE / path).read_text()):
            target = target_of(path, mark, name)
            if target:
                found.append((path, target))
    return found


def is_allowed(path: str, target: str) -> bool:
    """Whether the table, or an exception, lets path include target."""
    below, above = room_of_file(target), room_of_file(path)
    header = Path(target).name
    if path in {f"include/mcsafe/{name}" for name in WHOLE} or (path, header) in EXCEPTIONS:
        return True
    if above == "inject" and target.startswith("include/"):
        return True
    return below in ROOMS[above].may or header in ROOMS[above].may


class Rooms(unittest.TestCase):
    """Compares the #include lines with the table."""

    def test_each_folder_stands_in_the_table(self) -> None:
        folders = {path.name for path in (built.SOURCE / "src").iterdir() if path.is_dir()}
        self.assertEqual(set(ROOMS), folders | {"asm"})

    def test_each_public_header_belongs_to_one_room(self) -> None:
        headers = [header for room in ROOMS.values() for header in room.headers]
        there = {path.name for path in (built.SOURCE / "include" / "mcsafe").iterdir()}
        self.assertEqual(sorted(headers), sorted(set(headers)))
        self.assertEqual(set(headers), there - WHOLE)

    def test_the_table_itself_has_no_circle(self) -> None:
        done: set[str] = set()
        while len(done) < len(ROOMS):
            lowest = {
                room.name
                for room in ROOMS.values()
                if room.name not in done and room.may & set(ROOMS) <= done | {room.name}
            }
            self.assertTrue(lowest, set(ROOMS) - done)
            done |= lowest

    def test_no_include_goes_up(self) -> None:
        found = edges()
        self.assertGreater(len(found), 200)
        upwards = [pair for pair in found if not is_allowed(*pair)]
        print(f"{len(found)} includes, {len(upwards)} of them not allowed")
        self.assertEqual(upwards, [])

    def test_an_include_that_goes_up_is_found(self) -> None:
        self.assertFalse(is_allowed("src/landing/fault.c", "src/copy/route.h"))
        self.assertFalse(is_allowed("src/report/child.c", "include/mcsafe/handler.h"))
        self.assertFalse(is_allowed("asm/asm.h", "src/landing/landing.h"))
        self.assertFalse(is_allowed("src/inject/inject.c", "src/landing/fault.h"))
        self.assertFalse(is_allowed("src/base/cpu.c", "missing: nothing.h"))
        self.assertTrue(is_allowed("src/handler/signal.c", "src/landing/landing.h"))


if __name__ == "__main__":
    unittest.main()
