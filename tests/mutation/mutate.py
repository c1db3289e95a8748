#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""mutate.py - break single lines of the library, and see which test fails

Each mutant is one changed line of src/ or asm/: another comparison, another bound, a call that is
left out. It is built in a copy of the tree, and the tests of its room run. A mutant that no test
fails is a survivor: either a test is missing, or the line does not matter for what was promised.

The tests of a mutant run in a PID namespace of their own, so a broken kill(2) reaches nobody else.
That needs root.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

# The tests of each room, by the names of ctest. The quick ones run first; a mutant that lives on
# meets the slow ones as well.
QUICK = {
    "asm": r"^(asmcheck\.(right|rows|chosen)|access\.|debug\.(lines|machine_check)|guard\.windows)",
    "base": r"^(handler|report|notice|copy\.engine|objects|guard\.windows)\.?",
    "landing": r"^(landing|copy\.(rows|holes|strings|went_away)|asmcheck\.rows|handler)\.?",
    "notice": r"^(notice|badblocks\.notice|handler)\.",
    "report": r"^(report|handler\.(death|fork|process)|guard\.(leave|cxx))\.?",
    "handler": r"^(handler|report|notice|landing)\.",
    "copy": r"^(copy|access|asmcheck|debug)\.",
    "guard": r"^guard\.",
    "iter": r"^(iter|pmem\.(model|open))\.?",
    "badblocks": r"^(badblocks|scrub|pmem\.(open|model))\.?",
    "scrub": r"^(scrub|pmem)\.",
    "pmem": r"^(pmem|scrub)\.",
    "inject": r"^inject\.",
}
SLOW = {
    "asm": r"^(asmcheck|copy|debug|access)\.",
    "base": r"^(handler|report|notice|copy|guard|objects|iter|pmem|badblocks)\.",
    "landing": r"^(landing|copy|handler|access|objects)\.",
    "pmem": r"^(pmem|scrub|badblocks|examples)\.",
    "iter": r"^(iter|pmem|examples)\.",
}
NEVER = r"^(vm\.|package\.|docs\.|handler\.storm|guard\.compilers|access\.(builds|size|lines))"

# A pattern and what it becomes; \g<0> is one match of a line.
C_CHANGES = [
    (r"(?<![<>=!-])<(?![<=])", "<="),
    (r"<=", "<"),
    (r"(?<![->])>(?![>=])", ">="),
    (r">=", ">"),
    (r"==", "!="),
    (r"!=", "=="),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r" \+ 1\b", ""),
    (r" - 1\b", ""),
    (r" \+ (?=\w)", " - "),
    (r" - (?=\w)", " + "),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"\breturn 0;", "return 1;"),
    (r"\breturn -E\w+;", "return 0;"),
    (r"\bbreak;", "continue;"),
    (r"\b(if|while) \((?=[^;{]*$)", r"\1 (!("),
]
ASM_CHANGES = [
    (r"\bjb\b", "jbe"),
    (r"\bjbe\b", "jb"),
    (r"\bja\b", "jae"),
    (r"\bjae\b", "ja"),
    (r"\bjz\b", "jnz"),
    (r"\bjnz\b", "jz"),
    (r"\bje\b", "jne"),
    (r"\bjne\b", "je"),
    (r"\bcmova\b", "cmovae"),
    (r"\bcmovb\b", "cmovbe"),
    (r"\baddq\b", "subq"),
    (r"\bsubq\b", "addq"),
    (r"\$64\b", "$63"),
    (r"\$63\b", "$64"),
    (r"\$8\b", "$7"),
    (r"\b64\(", "63("),
    (r"-1\(", "(",),
]
CALL = re.compile(r"^\t+(?:\(void\))?[a-z_]\w*\([^;]*\);$")
ASM_DROPPED = re.compile(r"^\t(sfence|note_fault \w+|vzeroupper|cld|movq\t.*|xorl\t.*)\s*(/\*.*)?$")


@dataclass
class Mutant:
    """One line, before and after, and what became of it."""

    room: str
    file: str
    line: int
    before: str
    after: str
    fate: str = ""  # "killed", "survived", "does not build"
    test: str = ""  # the one that killed it
    seconds: float = 0


def room_of(path: Path) -> str:
    """The room of a source file."""
    return path.parts[0] if path.parts[0] == "asm" else path.parts[1]


def code_lines(text: str, is_asm: bool) -> Iterator[tuple[int, str]]:
    """The lines outside comments, declarations and directives, counted from 1."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if "/*" in line and "*/" not in line:
            in_comment = True
        if in_comment or line.lstrip().startswith(("#", "/*", "*", "//", ".")):
            in_comment = in_comment and "*/" not in line
            continue
        if line.startswith("\t") or (is_asm and ":" in line):
            if "_Static_assert" not in line and "static const" not in line:
                yield number, line


def changed(line: str, is_asm: bool) -> Iterator[str]:
    """Every way to break a line."""
    code = line.split("/*")[0]
    strings = [match.span() for match in re.finditer(r'"[^"]*"', code)]
    for pattern, by in ASM_CHANGES if is_asm else C_CHANGES:
        for match in re.finditer(pattern, code):
            if any(start <= match.start() < end for start, end in strings):
                continue
            after = code[: match.start()] + match.expand(by) + code[match.end() :]
            if by.endswith("(!("):
                if not code.rstrip().endswith(")"):
                    continue
                after = after.rstrip() + ")"
            yield after
    if not is_asm and CALL.match(code):
        yield re.sub(r"\S.*", "(void)0;", code)
    if is_asm and ASM_DROPPED.match(line):
        yield ""


def all_mutants(rooms: list[str]) -> list[Mutant]:
    """Every mutant of the rooms, in the order of the files."""
    found = []
    paths = [path for folder in ("src", "asm") for path in sorted((SOURCE / folder).rglob("*"))]
    for path in paths:
        relative = path.relative_to(SOURCE)
        if path.suffix not in (".c", ".h", ".S", ".inc") or room_of(relative) not in rooms:
            continue
        is_asm = relative.parts[0] == "asm"
        for number, line in code_lines(path.read_text(), is_asm):
            for after in changed(line, is_asm):
                if after != line:
                    found.append(Mutant(room_of(relative), str(relative), number, line, after))
    return found


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Some of them, spread over the rooms as evenly as there are enough."""
    chooser = random.Random(seed)
    by_room: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_room.setdefault(mutant.room, []).append(mutant)
    for some in by_room.values():
        chooser.shuffle(some)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(by_room.values()):
        for some in by_room.values():
            if some and len(chosen) < count:
                chosen.append(some.pop())
    return chosen


class Tree:
    """A copy of the sources with a build of its own."""

    def __init__(self, place: Path, jobs: int) -> None:
        self.source = place / "source"
        self.build = place / "build"
        self.jobs = jobs

    def make(self) -> None:
        """Copy the tree and build it once."""
        shutil.rmtree(self.source, ignore_errors=True)
        shutil.copytree(SOURCE, self.source, ignore=shutil.ignore_patterns("build", ".git"))
        subprocess.run(
            ["cmake", "--preset", "dev", "-B", self.build, "-DMCSAFE_WERROR=OFF",
             "-DMCSAFE_BUILD_BENCH=OFF"],
            cwd=self.source, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        if not self.compile():
            raise SystemExit("mutate: the tree does not build as it is")

    def compile(self) -> bool:
        """Build; whether that went well."""
        done = subprocess.run(
            ["cmake", "--build", self.build, "--parallel", str(self.jobs)],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def failing_test(self, regex: str) -> str:
        """Run tests until one fails; its name, or an empty string."""
        command = ["ctest", "--test-dir", str(self.build), "-R", regex, "-E", NEVER,
                   "-LE", "vm|lab", "--stop-on-failure", "--timeout", "150"]  # fmt: skip
        if os.geteuid() == 0:
            command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return ""
        failed = re.search(r"Test +#\d+: (\S+) .*(?:Failed|Timeout|Exception|\*\*\*)", done.stdout)
        return failed[1] if failed else "ctest"


def judge(tree: Tree, mutant: Mutant) -> None:
    """Build the mutant, test it, and put the line right again."""
    path = tree.source / mutant.file
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    lines[mutant.line - 1] = mutant.after + "\n"
    began = time.monotonic()
    try:
        path.write_text("".join(lines))
        if not tree.compile():
            mutant.fate = "does not build"
            return
        mutant.test = tree.failing_test(QUICK[mutant.room])
        if not mutant.test and mutant.room in SLOW:
            mutant.test = tree.failing_test(SLOW[mutant.room])
        mutant.fate = "killed" if mutant.test else "survived"
    finally:
        path.write_text(text)
        mutant.seconds = round(time.monotonic() - began, 1)


def report(mutants: list[Mutant]) -> str:
    """How many of each room were killed, and the survivors."""
    lines = [f"{'room':<10} {'mutants':>7} {'killed':>7} {'survived':>8}"]
    built = [mutant for mutant in mutants if mutant.fate in ("killed", "survived")]
    for room in sorted({mutant.room for mutant in built}):
        of_room = [mutant for mutant in built if mutant.room == room]
        killed = sum(mutant.fate == "killed" for mutant in of_room)
        lines.append(f"{room:<10} {len(of_room):>7} {killed:>7} {len(of_room) - killed:>8}")
    killed = sum(mutant.fate == "killed" for mutant in built)
    lines.append(f"{'all':<10} {len(built):>7} {killed:>7} {len(built) - killed:>8}")
    for mutant in built:
        if mutant.fate == "survived":
            lines.append(f"\n{mutant.file}:{mutant.line}")
            lines += [f"  - {mutant.before.strip()}", f"  + {mutant.after.strip()}"]
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--room", action="append", choices=sorted(QUICK), help="default: all")
    parser.add_argument("--at", action="append", default=[], metavar="FILE:LINE")
    parser.add_argument("--count", type=int, default=200, help="how many mutants (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    parser.add_argument("--json", type=Path, help="write what became of each to this file")
    parser.add_argument("--place", type=Path, default=SOURCE / "build" / "mutation",
                        help="where the copy of the tree is made")  # fmt: skip
    options = parser.parse_args()

    mutants = all_mutants(options.room or sorted(QUICK))
    if options.at:
        mutants = [m for m in mutants if f"{m.file}:{m.line}" in options.at]
    else:
        mutants = sample(mutants, options.count, options.seed)
    if options.list:
        for mutant in mutants:
            print(f"{mutant.file}:{mutant.line}: {mutant.before.strip()}  =>  {mutant.after.strip()}")
        return 0
    if not mutants:
        parser.error("there is no such mutant")
    if os.geteuid() != 0:
        parser.error("needs root: a mutant can kill what it finds, and gets a PID namespace")
    tree = Tree(options.place, options.jobs)
    tree.make()
    for number, mutant in enumerate(mutants, 1):
        judge(tree, mutant)
        what = f"{mutant.fate} {mutant.test}".strip()
        print(f"{number}/{len(mutants)} {mutant.file}:{mutant.line}: {what}", file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps([asdict(m) for m in mutants if m.fate], indent=1))
    print(report(mutants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
