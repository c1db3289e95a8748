#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""abi.py - the binary interface of the public headers, compared with the one that is stored in abi/

The interface is what a program is compiled with: the types of all exported functions, and of all
that these types contain. For each function of a version script this makes a variable that points to
it, so that the debug information of one small object has all of it, also of functions in assembly,
and nothing private. abidw of libabigail writes it down, and abidiff compares.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
# The version script of each library.
LIBRARIES = {
    "libmcsafe": SOURCE / "src/mcsafe.map",
    "libmcsafe-inject": SOURCE / "src/inject/mcsafe-inject.map",
}
# No names of parameters, no places in files, no paths: they change without changing the interface.
DUMP = (
    "--no-show-locs --no-corpus-path --no-comp-dir-path --no-parameter-names --no-elf-needed"
    " --no-write-default-sizes --type-id-style hash"
).split()
# A function that is new changes nothing for the programs that are there.
COMPARE = ("--no-added-syms", "--no-show-locs", "--suppressions", str(SOURCE / "abi/libc.suppr"))


def stored(library: str) -> Path:
    """Return the file with the interface that was stored."""
    return SOURCE / "abi" / f"{library}.abi"


def exported(version_script: str) -> list[str]:
    """Return the functions that a version script makes global."""
    text = re.sub(r"/\*.*?\*/", " ", version_script, flags=re.S)
    bodies = re.findall(r"\{(.*?)\}", text, re.S)
    return sorted(
        name for body in bodies for name in re.findall(r"(\w+)\s*;", body.split("local:")[0])
    )


def interface(functions: list[str], include: Path, directory: Path) -> Path:
    """Compile pointers to the functions, and return the object."""
    compiler = os.environ.get("MCSAFE_CC", "cc")
    unit, built = directory / "interface.c", directory / "interface.so"
    lines = ["#include <mcsafe/mcsafe.h>", "#include <mcsafe/inject.h>"]
    lines += [f"__typeof__(&{name}) pointer_to_{name};" for name in functions]
    unit.write_text("\n".join([*lines, ""]))
    subprocess.run(
        [compiler, "-std=gnu11", "-g", "-fPIC", "-shared", f"-I{include}", str(unit), "-o", built],
        check=True,
    )
    return built


def dump(built: Path) -> str:
    """Return the interface as text, without what depends on the machine."""
    text = subprocess.run(
        ["abidw", *DUMP, str(built)], check=True, text=True, capture_output=True
    ).stdout
    return re.sub(r" (path|soname)='[^']*'", "", text)


def enumerators(text: str) -> dict[str, str]:
    """Return the value of each name of an enumeration."""
    return dict(re.findall(r"<enumerator name='(\w+)' value='(-?\d+)'", text))


def changed_numbers(old: str, new: str) -> str:
    """Return the names of enumerations that have another value, or are gone. To abidiff that is
    harmless, because only the source has the names. But programs have the values."""
    now = enumerators(new)
    return "".join(
        f"{name} was {value}, and is {now.get(name, 'gone')}\n"
        for name, value in enumerators(old).items()
        if now.get(name) != value
    )


def changes(old: Path, built: Path) -> str:
    """Return what has changed. It is empty if old programs can use the new
    interface."""
    done = subprocess.run(
        ["abidiff", *COMPARE, str(old), str(built)], check=False, text=True, capture_output=True
    )
    # Bits 0 and 1 mean that abidiff itself has failed (abidiff(1), "RETURN VALUES").
    if done.returncode & 3:
        raise RuntimeError(f"abidiff has failed: {done.stdout}{done.stderr}")
    said = done.stdout.replace("pointer_to_", "") if done.returncode else ""
    return said + changed_numbers(old.read_text(), dump(built))


def main() -> int:
    """Compare, or with --update store what the headers say now."""
    if sys.argv[1:] not in ([], ["--update"]):
        sys.exit("usage: ./dev abi [--update]")
    status = 0
    for library, script in LIBRARIES.items():
        with tempfile.TemporaryDirectory() as scratch:
            built = interface(exported(script.read_text()), SOURCE / "include", Path(scratch))
            said = changes(stored(library), built) if stored(library).exists() else ""
            if said:
                print(f"{library}: old programs do not work with this any more:\n\n{said}")
            if sys.argv[1:]:
                stored(library).parent.mkdir(exist_ok=True)
                stored(library).write_text(dump(built))
                print(f"stored abi/{library}.abi")
            elif said:
                status = 1
            else:
                print(f"{library}: no change but additions")
    return status


if __name__ == "__main__":
    sys.exit(main())
