# SPDX-License-Identifier: BSD-3-Clause
"""dialogue.py - replay the dialogues of a manual page, and compare what is shown with what comes.

A dialogue is a block between .EX and .EE in EXAMPLES whose first line begins with "$ ". Each such
line is a command. The lines up to the next command are what the terminal shows: standard output and
standard error together. A line that ends with a backslash is continued by the next line.

Three dots stand for any text in a line. A line of three dots alone stands for any number of lines.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCES / "tests/docs"))
import manual

MARK = "-- end of the output, exit status"


@dataclass
class Step:
    """A command of a dialogue, and the lines that the page shows after it."""

    command: str
    shown: list[str]


def dialogues(page: str) -> list[list[Step]]:
    """Return the dialogues of a page of the sources, for example "mcsafe-info.1"."""
    blocks = manual.read_page(SOURCES / "man" / f"{page}.in").blocks()
    return [steps(block) for block in blocks if block.startswith("$ ")]


def steps(block: str) -> list[Step]:
    """Return the commands of one dialogue."""
    found: list[Step] = []
    continued = False
    for line in block.splitlines():
        if continued:
            found[-1].command += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            found.append(Step(line[2:], []))
        else:
            found[-1].shown.append(line)
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return found


def pattern(shown: list[str], free: Mapping[str, str]) -> str:
    """Return a regular expression for lines of a page."""
    result = ""
    for line in shown:
        if line.strip() == "...":
            result += r"(?:.*\n)*?"
            continue
        parts = re.split("(" + "|".join(map(re.escape, ["...", *free])) + ")", line)
        for i, part in enumerate(parts):
            chosen = ".*" if part == "..." else free.get(part, "")
            result += chosen if i % 2 == 1 else re.escape(part)
        result += r"\n"
    return result


def replay(
    page: str,
    directory: Path,
    *,
    free: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run the dialogues of a page in a directory, in the order of the page.

    `free` has what differs from run to run: texts of the page, each with a regular expression that
    takes its place. The command mcsafe of the build is the first in PATH. Returns the number of
    commands. Raises AssertionError if an output differs, or if there is no dialogue.
    """
    told = dialogues(page)
    if not told:
        raise AssertionError(f"{page}: no dialogue in EXAMPLES")
    path = f"{Path(os.environ['MCSAFE']).parent}:{os.environ['PATH']}"
    settings = {**os.environ, "LC_ALL": "C", **(environment or {}), "PATH": path}
    for dialogue in told:
        outputs = _run(dialogue, directory, settings)
        for step, output in zip(dialogue, outputs, strict=True):
            if not re.fullmatch(pattern(step.shown, free or {}), output):
                shown = "".join(f"{line}\n" for line in step.shown)
                raise AssertionError(
                    f"{page}: $ {step.command}\nthe page shows:\n{shown}"
                    f"the command wrote:\n{output}"
                )
    return sum(map(len, told))


def _run(dialogue: list[Step], directory: Path, settings: Mapping[str, str]) -> list[str]:
    """Run the commands of one dialogue in one shell, and return what each of them wrote."""
    # The subshell hands $? on to the next command.
    mark = f'status=$?; echo "{MARK} $status"; (exit $status)\n'
    script = "".join(f"{step.command}\n{mark}" for step in dialogue)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script],
        cwd=directory,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return re.split(rf"{MARK} \d+\n", done.stdout)[:-1]
