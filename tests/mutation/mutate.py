#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""mutate.py - break single lines of the library, and see which test fails

Each mutant is one changed line of src/ or asm/: another comparison, another bound, a call that is
left out. It is built in a copy of the tree, and the tests of its room run, the quickest ones of its
own area first. A mutant that no test fails is a survivor: either a test is missing, or the line
does not matter for what was promised. A mutant that the compiler turns into the same code as the
original is no mutant at all, and is counted apart.

The tests of a mutant run in a PID namespace of their own, so a broken kill(2) reaches nobody else.
That needs root.
"""

import argparse
import filecmp
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

# The tests of each room, by the names of ctest. Those of the first expression run first.
TESTS = {
    "asm": (
        r"^asmcheck\.(right|rows)",
        r"^(asmcheck\.lines|access\.|copy\.revoked)",
        r"^(asmcheck|copy|debug|guard|handler|objects)\.",
    ),
    "base": (r"^(handler|report|notice|objects)\.", r"^(copy|guard|iter|pmem|badblocks)\."),
    "landing": (r"^landing\.", r"^(handler|copy|guard|access|objects)\."),
    "notice": (r"^notice\.", r"^(handler|badblocks|scrub|pmem)\."),
    "report": (r"^report\.", r"^(handler|guard)\."),
    "handler": (r"^handler\.", r"^(report|notice|landing|guard)\."),
    "copy": (r"^copy\.", r"^asmcheck\.right", r"^(access|asmcheck|debug|handler|objects)\."),
    "guard": (r"^guard\.", r"^(handler|report|landing)\."),
    "iter": (r"^iter\.", r"^(pmem|badblocks|examples)\."),
    "badblocks": (r"^badblocks\.", r"^(scrub|pmem|notice|examples)\."),
    "scrub": (r"^scrub\.", r"^pmem\."),
    "pmem": (r"^pmem\.", r"^(scrub|examples)\."),
    "inject": (r"^inject\.", r"^(pmem|guard|examples)\."),
}
NEVER = re.compile(
    r"^(vm\.|package\.|docs\.|handler\.storm|guard\.compilers|access\.(builds|size|lines))"
)
# The targets of CMake that have the library's objects.
LIBRARY, INJECTION = "mcsafe_objects", "mcsafe_inject_static"
# A mutant can hang a test. It has this many times the time that it took when it last passed, or
# more. A test that has not passed yet has the longer time.
PATIENCE, PATIENCE_SECONDS, PATIENCE_UNKNOWN = 8, 30, 60
# So many tests are linked at a time: most mutants are killed by one of the first.
AT_A_TIME = 6

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
# Lines that change nothing at run time, or only what MemorySanitizer or memcheck believes.
OF_NO_EFFECT = re.compile(r"_Static_assert|static const|mcsafe__(msan|memcheck)_")
OF_NO_EFFECT_FILES = ("src/base/memcheck.h", "src/base/msan.h")
CALL = re.compile(r"^\t+(?:\(void\))?[a-z_]\w*\([^;]*\);$")
ASM_DROPPED = re.compile(
    r"^\t(sfence|keep_fault .*|kept_fault .*|vzeroupper|cld|movq\t.*|xorl\t.*)\s*(/\*.*)?$"
)
ALIAS = re.compile(r"^#define\s+(\w+)\s+(%\w+|\w+)\s*(?:/\*.*)?$", re.M)
INCLUDE = re.compile(r'^#include\s+"([^"]+)"', re.M)
MOVE = re.compile(r"^\tmovq\t(%?\w+), (%?\w+)\s*(?:/\*.*)?$")


@dataclass
class Mutant:
    """One line, before and after, and what became of it."""

    room: str
    file: str
    line: int
    before: str
    after: str
    fate: str = ""  # "killed", "survived", "does not build", "same code"
    test: str = ""  # the one that killed it
    seconds: float = 0


def room_of(path: Path) -> str:
    """The room of a source file."""
    return path.parts[0] if path.parts[0] == "asm" else path.parts[1]


def code_lines(text: str, is_asm: bool) -> Iterator[tuple[int, str]]:
    """The lines of code, without comments, declarations and directives, counted from 1."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if "/*" in line and "*/" not in line:
            in_comment = True
        if in_comment or line.lstrip().startswith(("#", "/*", "*", "//", ".")):
            in_comment = in_comment and "*/" not in line
            continue
        if line.startswith("\t") or (is_asm and ":" in line):
            if not OF_NO_EFFECT.search(line):
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


def aliases(path: Path, seen: set[Path] | None = None) -> dict[str, str]:
    """The names of registers in an assembly file and in what it includes."""
    seen = set() if seen is None else seen
    if path in seen or not path.exists():
        return {}
    seen.add(path)
    text = path.read_text()
    names = {}
    for name in INCLUDE.findall(text):
        names |= aliases(path.parent / name, seen)
    return names | dict(ALIAS.findall(text))


def moves_nothing(line: str, names: dict[str, str]) -> bool:
    """Whether a line moves a register to itself, under two names."""

    def register(name: str) -> str:
        for _ in range(len(names)):
            if name not in names:
                break
            name = names[name]
        return name

    found = MOVE.match(line)
    return bool(found) and register(found[1]) == register(found[2])


def all_mutants(rooms: list[str]) -> list[Mutant]:
    """Every mutant of the rooms, in the order of the files."""
    found = []
    paths = [path for folder in ("src", "asm") for path in sorted((SOURCE / folder).rglob("*"))]
    for path in paths:
        relative = path.relative_to(SOURCE)
        if path.suffix not in (".c", ".h", ".S", ".inc") or room_of(relative) not in rooms:
            continue
        if str(relative) in OF_NO_EFFECT_FILES:
            continue
        is_asm = relative.parts[0] == "asm"
        names = aliases(path) if is_asm else {}
        for number, line in code_lines(path.read_text(), is_asm):
            if moves_nothing(line, names):
                continue
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


@dataclass
class Test:
    """One test of ctest, and what it needs."""

    name: str
    command: list[str]
    directory: str
    environment: dict[str, str]
    skip: int | None
    limit: float
    seconds: float  # that it took when it last passed
    passed: bool = False  # with any mutant, or none
    targets: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, entry: dict, build: Path, outputs: set[str]) -> "Test":
        """Read an entry of `ctest --show-only=json-v1`."""
        properties = {p["name"]: p["value"] for p in entry.get("properties", [])}
        environment = dict(text.split("=", 1) for text in properties.get("ENVIRONMENT", []))
        test = cls(
            entry["name"],
            entry["command"],
            properties.get("WORKING_DIRECTORY", str(build)),
            environment,
            properties.get("SKIP_RETURN_CODE"),
            properties.get("TIMEOUT", 120),
            properties.get("COST", 0) / 100,
        )
        words = [*test.command, *environment.values()]
        paths = (path for word in words for path in re.split(r"[|;:=, ]", word))
        inside = {path.removeprefix(f"{build}/") for path in paths}
        test.targets = sorted(inside & outputs)
        return test

    def patience(self) -> float:
        """After how many seconds the test hangs."""
        known = max(PATIENCE * self.seconds, PATIENCE_SECONDS)
        return min(self.limit, known if self.passed else PATIENCE_UNKNOWN)

    def learn(self, fate: str, seconds: float) -> None:
        """Note how long the test takes if it passes."""
        if fate == "passed":
            self.seconds = seconds
            self.passed = True

    def run(self, limit: float) -> str:
        """Run the test: "passed", "skipped", "failed" or "time"."""
        command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *self.command]
        with subprocess.Popen(
            command,
            cwd=self.directory,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                process.kill()
                return "time"
        return {0: "passed", self.skip: "skipped"}.get(status, "failed")


def copy_if_changed(source: str, target: str) -> None:
    """Copy a file, unless the target is the same.

    The time of the copy is that of now. With the time of the source, the object of a mutant of an
    earlier run would look newer than the line that was put right.
    """
    if not Path(target).exists() or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)


class Tree:
    """A copy of the sources with a build of its own."""

    def __init__(self, place: Path, jobs: int, budget: float) -> None:
        self.source = place / "source"
        self.build = place / "build"
        self.jobs = jobs
        self.budget = budget
        self.tests: list[Test] = []
        self.code = ""

    def make(self) -> None:
        """Copy the tree and build it once."""
        for path in sorted(self.source.rglob("*")):
            if path.is_file() and not (SOURCE / path.relative_to(self.source)).exists():
                path.unlink()
        shutil.copytree(
            SOURCE, self.source, ignore=shutil.ignore_patterns("build", ".git"),
            copy_function=copy_if_changed, dirs_exist_ok=True,
        )  # fmt: skip
        subprocess.run(
            ["cmake", "--preset", "dev", "-B", self.build, "-DMCSAFE_WERROR=OFF",
             "-DMCSAFE_BUILD_BENCH=OFF"],
            cwd=self.source, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        if not self.compile(["all"]):
            raise SystemExit("mutate: the tree does not build as it is")
        self.code = self.digest()
        listed = subprocess.run(
            ["ninja", "-C", self.build, "-t", "targets", "all"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs = {line.split(": ")[0] for line in listed.stdout.splitlines()}
        shown = subprocess.run(
            ["ctest", "--test-dir", self.build, "--show-only=json-v1"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        entries = json.loads(shown.stdout)["tests"]
        self.tests = [
            Test.parse(entry, self.build, outputs)
            for entry in entries
            if "command" in entry and not NEVER.match(entry["name"])
        ]

    def passes_unbroken(self, test: Test) -> bool:
        """Whether a test passes without a mutant."""
        if not self.compile(test.targets):
            return False
        began = time.monotonic()
        fate = test.run(test.limit)
        test.learn(fate, time.monotonic() - began)
        return fate in ("passed", "skipped")

    def compile(self, targets: list[str]) -> bool:
        """Build these targets; whether that went well."""
        done = subprocess.run(
            ["ninja", "-C", self.build, "-j", str(self.jobs), *targets],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def digest(self) -> str:
        """A digest of the library's code, without what debuggers want."""
        total = hashlib.sha256()
        folders = (f"CMakeFiles/{LIBRARY}.dir", f"src/inject/CMakeFiles/{INJECTION}.dir")
        paths = (path for folder in folders for path in (self.build / folder).rglob("*.o"))
        stripped = self.build / "stripped.o"
        for path in sorted(paths):
            subprocess.run(["objcopy", "--strip-debug", path, stripped], check=True)
            total.update(stripped.read_bytes())
        return total.hexdigest()

    def first_failing(self, expressions: Iterable[str]) -> tuple[Test | None, str]:
        """Run tests until one fails. Return that test and how it failed, or None.

        A test must fail twice in a row: one that fails by chance proves nothing. One that hangs is
        not repeated: that would take long, and its limit is far from what it needs.
        """
        ran: set[str] = set()
        end = time.monotonic() + self.budget
        for expression in expressions:
            some = [t for t in self.tests if re.search(expression, t.name) and t.name not in ran]
            some.sort(key=lambda test: test.seconds)
            ran |= {test.name for test in some}
            for start in range(0, len(some), AT_A_TIME):
                group = some[start : start + AT_A_TIME]
                if not self.compile(sorted({name for test in group for name in test.targets})):
                    return None, "the build"
                for test in group:
                    if time.monotonic() > end:
                        return None, ""
                    fate = self.run(test)
                    if fate == "failed":
                        fate = self.run(test)
                        if fate in ("passed", "skipped"):
                            print(f"mutate: {test.name} failed once", file=sys.stderr)
                    if fate in ("failed", "time"):
                        return test, fate
        return None, ""

    def run(self, test: Test) -> str:
        """Run a test, and learn how long it takes."""
        began = time.monotonic()
        fate = test.run(test.patience())
        test.learn(fate, time.monotonic() - began)
        return fate


def judge(tree: Tree, mutant: Mutant, expressions: Iterable[str]) -> None:
    """Build the mutant, test it, and put the line right again."""
    path = tree.source / mutant.file
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    lines[mutant.line - 1] = mutant.after + "\n"
    began = time.monotonic()
    while not mutant.fate:
        try:
            path.write_text("".join(lines))
            if not tree.compile([LIBRARY, INJECTION]):
                mutant.fate = "does not build"
                break
            if tree.digest() == tree.code:
                mutant.fate = "same code"
                break
            test, how = tree.first_failing(expressions)
        finally:
            path.write_text(text)
        if how == "the build":
            mutant.fate = "does not build"
            mutant.test = "with the tests"
            break
        known = test is None or test.passed
        if not known and not tree.passes_unbroken(test):
            print(f"mutate: {test.name} fails without a mutant: left out", file=sys.stderr)
            tree.tests.remove(test)
            continue
        if not known and how == "time" and test.patience() > PATIENCE_UNKNOWN:
            continue  # it had too little time
        if test is not None:
            mutant.test = test.name if how == "failed" else f"{test.name} (hangs)"
        mutant.fate = "killed" if mutant.test else "survived"
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
    for fate in ("does not build", "same code"):
        lines.append(f"{fate}: {sum(mutant.fate == fate for mutant in mutants)}")
    for mutant in built:
        if mutant.fate == "survived":
            lines.append(f"\n{mutant.file}:{mutant.line}")
            lines += [f"  - {mutant.before.strip()}", f"  + {mutant.after.strip()}"]
    return "\n".join(lines)


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """The mutants that the command line names."""
    mutants = all_mutants(options.room or sorted(TESTS))
    if options.again:
        survivors = {
            (entry["file"], entry["before"], entry["after"])
            for entry in json.loads(options.again.read_text())
            if entry["fate"] == "survived"
        }
        # The line may have moved since.
        return [m for m in mutants if (m.file, m.before, m.after) in survivors]
    if options.at:
        return [m for m in mutants if f"{m.file}:{m.line}" in options.at]
    return sample(mutants, options.count, options.seed)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./dev mutate", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--room", action="append", choices=sorted(TESTS), help="default: all")
    parser.add_argument("--count", type=int, default=200, help="how many mutants (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    parser.add_argument("--at", action="append", default=[], metavar="FILE:LINE",
                        help="all mutants of this line instead")  # fmt: skip
    parser.add_argument("--again", type=Path, metavar="JSON",
                        help="the survivors of an earlier round instead")  # fmt: skip
    parser.add_argument("--tests", metavar="REGEX", help="run these tests, whatever the room")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="SECONDS",
                        help="begin no further test of a mutant after this time")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    parser.add_argument("--json", type=Path, help="write what became of each to this file")
    parser.add_argument("--place", type=Path, default=SOURCE / "build" / "mutation",
                        help="where the copy of the tree is made")  # fmt: skip
    options = parser.parse_args()

    mutants = chosen(options)
    if not mutants:
        parser.error("there is no such mutant")
    if options.list:
        for mutant in mutants:
            change = f"{mutant.before.strip()}  =>  {mutant.after.strip()}"
            print(f"{mutant.file}:{mutant.line}: {change}")
        return 0
    if os.geteuid() != 0:
        parser.error("needs root: a mutant can kill what it finds, and gets a PID namespace")
    rooms = {mutant.room for mutant in mutants}
    tests = {room: (options.tests,) if options.tests else TESTS[room] for room in rooms}
    tree = Tree(options.place.resolve(), options.jobs, options.budget)
    tree.make()
    for number, mutant in enumerate(mutants, 1):
        judge(tree, mutant, tests[mutant.room])
        what = f"{mutant.fate} {mutant.test}".strip()
        print(
            f"{number}/{len(mutants)} {mutant.file}:{mutant.line}: {what}, {mutant.seconds} s",
            file=sys.stderr,
        )
        if options.json:
            options.json.write_text(json.dumps([asdict(m) for m in mutants if m.fate], indent=1))
    print(report(mutants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
