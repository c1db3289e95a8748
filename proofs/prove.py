#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""prove.py - run the proofs of this directory with CBMC

Takes cbmc from the system if it is there and new enough. Otherwise makes a Debian 13 directory with
cbmc below build/cbmc, which needs root and debootstrap.

Each proof is run twice. The second run must fail, at the end of the harness: this shows that the
end is reached. With --breaks, each small break that a harness lists is made in a copy of the
source, and the proof must fail. MCSAFE_JOBS is the number of proofs at a time.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
PROOFS = SOURCE / "proofs"
CBMC = SOURCE / "build/cbmc"
NEEDED = (6, 0)
LIMIT = 300  # seconds for a run of cbmc
SUITE = "trixie"
PACKAGES = "cbmc,gcc,libc6-dev"
FLAGS = ("-D_GNU_SOURCE", "-Iproofs/shadow", "-Iinclude", "-Isrc", "-I.")
# CBMC also checks bounds, pointers, signed overflow, shifts and complete unwinding by itself.
CHECKS = ("--pointer-overflow-check", "--object-bits", "10", "--function", "proof")
PASSED, FAILED = 0, 10  # exit statuses of cbmc


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
    breaks: list[tuple[str, str]]


def read(path: Path) -> Proof:
    """Read the fields of a harness's first comment."""
    fields = re.findall(r"^ \* (\w+): (.*)$", path.read_text().split("*/\n#", 1)[0], re.M)
    one = dict(fields)
    breaks = [tuple(value.split(" ", 1)) for key, value in fields if key == "break"]
    if not breaks or not {"function", "property", "loops"} <= one.keys():
        raise Failed(f"{path}: a harness needs function:, property:, loops: and break:")
    return Proof(path.stem, one["function"], one["property"], one["loops"],
                 one.get("unwind", "1"), breaks)  # fmt: skip


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
    if complete.exists():
        return root
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise Failed(f"no cbmc {NEEDED[0]}; to make a system with it needs root and debootstrap")
    sys.path.insert(0, str(SOURCE / "tests/distros"))
    import distros  # pylint: disable=import-outside-toplevel

    CBMC.mkdir(parents=True, exist_ok=True)
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

    def run(self, tree: Path, proof: Proof, *more: str) -> tuple[int, str]:
        """Return the exit status of cbmc and what it said."""
        cbmc = ["prlimit", f"--cpu={LIMIT}", "cbmc", f"proofs/{proof.name}.c", *FLAGS, *CHECKS,
                "--unwind", proof.unwind, *more]  # fmt: skip
        if self.root is not None:
            inside = 'mount --bind "$1" "$2/mnt" && root=$2 && shift 2 && ' \
                     'exec chroot "$root" sh -c \'cd /mnt && exec "$@"\' sh "$@"'  # fmt: skip
            cbmc = ["unshare", "--mount", "sh", "-c", inside, "sh", str(tree), str(self.root),
                    *cbmc]  # fmt: skip
        done = subprocess.run(cbmc, cwd=tree, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)  # fmt: skip
        return done.returncode, done.stdout

    def prove(self, proof: Proof) -> tuple[str, float, str]:
        """Return the outcome, the seconds, and what to show of a failure."""
        begin = time.monotonic()
        status, said = self.run(SOURCE, proof)
        seconds = time.monotonic() - begin
        if status != PASSED:
            return f"FAILED ({status})", seconds, said
        status, said = self.run(SOURCE, proof, "-DMCSAFE_PROOF_END")
        if status != FAILED or not re.search(r"the end is reached: FAILURE", said):
            return "FAILED: end not reached", seconds, said
        return "proved", seconds, ""

    def prove_broken(self, proof: Proof, file: str, expression: str) -> tuple[str, str]:
        """Break a copy of the source. Return the outcome and what to show."""
        with tempfile.TemporaryDirectory(prefix="mcsafe prove ") as scratch:
            tree = Path(scratch)
            for part in ("src", "include", "proofs", "asm"):
                shutil.copytree(SOURCE / part, tree / part)
            before = (tree / file).read_bytes()
            subprocess.run(["sed", "-i", expression, tree / file], check=True)
            if (tree / file).read_bytes() == before:
                return "FAILED: the break changes nothing", ""
            status, said = self.run(tree, proof)
        # A break that does not compile, or runs too long, proves nothing.
        if status != FAILED or "VERIFICATION FAILED" not in said:
            return f"FAILED: not noticed ({status})", said
        return "noticed", ""


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def main() -> int:
    """Prove, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="./dev prove", description="Run the proofs.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="a proof; default: all")
    parser.add_argument("--breaks", action="store_true", help="demand that breaks are noticed")
    options = parser.parse_args()
    proofs = {path.stem: read(path) for path in sorted(PROOFS.glob("*.c"))}
    for name in options.names:
        if name not in proofs:
            raise Failed(f'no proof "{name}": choose from {", ".join(proofs)}')
    chosen = [proofs[name] for name in options.names or proofs]
    prover = Prover()
    failed = False
    with ThreadPoolExecutor(int(os.environ.get("MCSAFE_JOBS") or os.cpu_count() or 1)) as pool:
        if options.breaks:
            cases = [(proof, *each) for proof in chosen for each in proof.breaks]
            outcomes = list(pool.map(lambda case: prover.prove_broken(*case), cases))
            rows = [("PROOF", "BREAK", "OUTCOME")]
            for (proof, file, expression), (outcome, said) in zip(cases, outcomes):
                failed |= outcome != "noticed"
                print(said, end="", file=sys.stderr)
                rows.append((proof.name, f"{file} {expression}", outcome))
        else:
            rows = [("PROOF", "FUNCTION", "PROPERTY", "LOOPS", "SECONDS", "OUTCOME")]
            for proof, (outcome, took, said) in zip(chosen, pool.map(prover.prove, chosen)):
                failed |= outcome != "proved"
                print(said, end="", file=sys.stderr)
                rows.append((proof.name, proof.function, proof.property, proof.loops,
                             f"{took:.1f}", outcome))  # fmt: skip
    print(table(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"prove: {error}")
