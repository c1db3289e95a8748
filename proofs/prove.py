#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""prove.py - run the proofs of this directory with CBMC

Takes cbmc from the system if it is there and new enough. Otherwise makes a Debian 13 directory with
cbmc below build/cbmc, which needs root and debootstrap.

Each proof is run twice. In the second run nothing is proved, but REACH() and END() fail where they
stand, and all of them must: this shows that the suppositions do not contradict each other, and that
the cases that matter are there. With --breaks, each small break that a harness lists is made in a
copy of the source, and the proof must fail. MCSAFE_JOBS is the number of proofs at a time.

The first comment of a harness has the fields function, property and loops, which the table shows;
unwind, one more than the most rounds of a loop (default: 1); conversions, which is "checked" if the
code must not convert a number to a type that does not hold it; and break, as often as needed: a
file, and an expression for sed(1).
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
PROOFS = SOURCE / "proofs"
CBMC = SOURCE / "build/cbmc"
NEEDED = (6, 0)
LIMIT = 300  # seconds of processor time for a run of cbmc
SUITE = "trixie"
PACKAGES = "cbmc,gcc,libc6-dev"
FLAGS = ("-D_GNU_SOURCE", "-Iproofs/shadow", "-Iinclude", "-Isrc", "-I.")
# CBMC also checks bounds, pointers, signed overflow, shifts and complete unwinding by itself.
CHECKS = ("--pointer-overflow-check", "--object-bits", "10", "--function", "proof")
PASSED, FAILED = 0, 10  # exit statuses of cbmc
REACH = re.compile(r"^\t+(?:REACH|END)\(\);$", re.M)
REACHED = re.compile(r"^\[.*\] line \d+ reached: FAILURE$", re.M)


class Failed(Exception):
    """What the user must be told."""


@dataclass
class Proof:
    """A harness, and what its first comment says."""

    name: str
    function: str
    property: str
    loops: str
    unwind: str
    conversions: bool
    marks: int  # places that must be reached
    breaks: list[tuple[str, str]]


@dataclass
class Outcome:
    """What came out of a proof or of a break."""

    good: bool
    outcome: str
    seconds: float
    said: str = ""  # what to show of a failure


def read(path: Path) -> Proof:
    """Read the fields of a harness's first comment."""
    text = path.read_text()
    fields = re.findall(r"^ \* (\w+): (.*)$", text.split("*/\n#", 1)[0], re.M)
    one = dict(fields)
    breaks = [tuple(value.split(" ", 1)) for key, value in fields if key == "break"]
    if not breaks or not {"function", "property", "loops"} <= one.keys():
        raise Failed(f"{path}: a harness needs function:, property:, loops: and break:")
    return Proof(path.stem, one["function"], one["property"], one["loops"],
                 one.get("unwind", "1"), one.get("conversions") == "checked",
                 len(REACH.findall(text)), breaks)  # fmt: skip


def system_has_cbmc() -> bool:
    """Whether the system's cbmc is there and new enough."""
    if shutil.which("cbmc") is None:
        return False
    said = subprocess.run(["cbmc", "--version"], check=True, text=True, capture_output=True).stdout
    found = re.match(r"(\d+)\.(\d+)", said)
    return found is not None and tuple(map(int, found.groups())) >= NEEDED


def make_root() -> Path:
    """Make a Debian 13 directory with cbmc, unless a complete one is there."""
    root, complete = CBMC / "root", CBMC / "complete"
    CBMC.mkdir(parents=True, exist_ok=True)
    # Another run may be making it.
    with (CBMC / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if complete.exists():
            return root
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise Failed(f"no cbmc {NEEDED[0]}; to make a system with it needs root, debootstrap")
        sys.path.insert(0, str(SOURCE / "tests/distros"))
        import distros  # pylint: disable=import-outside-toplevel

        try:
            distros.remove(root)
            print(f"making a Debian 13 with cbmc in {root}", file=sys.stderr)
            with (CBMC / "log").open("w") as log:
                distros.run("unshare", "--mount", "debootstrap", "--variant=minbase",
                            f"--include={PACKAGES}", SUITE, root, distros.mirror(),
                            stdout=log, stderr=subprocess.STDOUT)  # fmt: skip
        except distros.Failed as error:
            raise Failed(str(error)) from None
        complete.touch()
    return root


class Prover:
    """Runs cbmc on a tree."""

    def __init__(self) -> None:
        self.root = None if system_has_cbmc() else make_root()

    def run(self, tree: Path, proof: Proof, *more: str) -> tuple[int, str, float]:
        """Return the exit status of cbmc, what it said, and the processor time that it took."""
        checks = [*CHECKS, *(["--conversion-check"] if proof.conversions else [])]
        cbmc = ["prlimit", f"--cpu={LIMIT}", "cbmc", f"proofs/{proof.name}.c", *FLAGS, *checks,
                "--unwind", proof.unwind, *more]  # fmt: skip
        if self.root is not None:
            inside = 'mount --bind "$1" "$2/mnt" && root=$2 && shift 2 && ' \
                     'exec chroot "$root" sh -c \'cd /mnt && exec "$@"\' sh "$@"'  # fmt: skip
            cbmc = ["unshare", "--mount", "sh", "-c", inside, "sh", str(tree), str(self.root),
                    *cbmc]  # fmt: skip
        with subprocess.Popen(cbmc, cwd=tree, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as child:  # fmt: skip
            assert child.stdout is not None
            said = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, said, usage.ru_utime + usage.ru_stime

    def prove(self, proof: Proof) -> Outcome:
        """Prove, and see that everything that matters is reached."""
        status, said, seconds = self.run(SOURCE, proof)
        if status != PASSED or "VERIFICATION SUCCESSFUL" not in said:
            return Outcome(False, failure(status), seconds, said)
        status, said, more = self.run(SOURCE, proof, "-DMCSAFE_PROOF_REACH",
                                      "--no-standard-checks")  # fmt: skip
        seconds += more
        reached = len(REACHED.findall(said))
        if status != FAILED or reached != proof.marks or reached == 0:
            return Outcome(False, f"FAILED: {reached} of {proof.marks} places are reached",
                           seconds, said)  # fmt: skip
        return Outcome(True, "proved", seconds)

    def prove_broken(self, proof: Proof, file: str, expression: str) -> Outcome:
        """Break a copy of the source, and see that the proof fails."""
        with tempfile.TemporaryDirectory(prefix="mcsafe prove ") as scratch:
            tree = Path(scratch)
            for part in ("src", "include", "proofs", "asm"):
                shutil.copytree(SOURCE / part, tree / part)
            before = (tree / file).read_bytes()
            subprocess.run(["sed", "-i", expression, tree / file], check=True)
            if (tree / file).read_bytes() == before:
                return Outcome(False, "FAILED: the break changes nothing", 0)
            status, said, seconds = self.run(tree, proof, "--stop-on-fail")
        # A break that does not compile, or runs too long, proves nothing.
        if status != FAILED or "VERIFICATION FAILED" not in said:
            return Outcome(False, f"not noticed: {failure(status)}", seconds, said)
        return Outcome(True, "noticed", seconds)


def failure(status: int) -> str:
    """Say what an exit status of cbmc means that should have been another."""
    if status in (-signal.SIGXCPU, 128 + signal.SIGXCPU, -signal.SIGKILL, 128 + signal.SIGKILL):
        return f"FAILED: longer than {LIMIT} s"
    return f"FAILED ({status})"


def table(rows: list[list[str]]) -> str:
    """Return rows in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def main() -> int:
    """Prove, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev prove", description="Run the proofs.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="a proof; default: all")
    parser.add_argument("--breaks", action="store_true", help="demand that breaks are noticed")
    parser.add_argument("--json", action="store_true", help="print a list of objects, no table")
    options = parser.parse_args()
    proofs = {path.stem: read(path) for path in sorted(PROOFS.glob("*.c"))}
    for name in options.names:
        if name not in proofs:
            raise Failed(f'no proof "{name}": choose from {", ".join(proofs)}')
    chosen = [proofs[name] for name in options.names or proofs]
    prover = Prover()
    if options.breaks:
        keys = ["proof", "break"]
        cases = [(proof, *each) for proof in chosen for each in proof.breaks]
        heads = [[proof.name, f"{file} {expression}"] for proof, file, expression in cases]
    else:
        keys = ["proof", "function", "property", "loops", "conversions"]
        cases = [(proof,) for proof in chosen]
        heads = [[one.name, one.function, one.property, one.loops,
                  "checked" if one.conversions else ""] for one in chosen]  # fmt: skip
    do = prover.prove_broken if options.breaks else prover.prove
    rows = []
    with ThreadPoolExecutor(int(os.environ.get("MCSAFE_JOBS") or os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(lambda case: do(*case), cases))
    for head, outcome in zip(heads, outcomes):
        print(*re.findall(r".*(?<!: SUCCESS)\n", outcome.said), sep="", end="", file=sys.stderr)
        rows.append([*head, f"{outcome.seconds:.1f}", outcome.outcome])
    if options.json:
        print(json.dumps([{**dict(zip(keys, head)), "seconds": round(outcome.seconds, 1),
                           "good": outcome.good, "outcome": outcome.outcome}
                          for head, outcome in zip(heads, outcomes)], indent=1))  # fmt: skip
    else:
        print(table([[key.upper() for key in [*keys, "seconds", "outcome"]], *rows]))
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"prove: {error}")
