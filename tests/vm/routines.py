# SPDX-License-Identifier: BSD-3-Clause
"""routines.py - the routines of asm/engines.def, and what the lab expects of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parents[2] / "asm" / "engines.def"

# What QEMU cannot emulate without KVM.
EMULATOR_LACKS = {"MCSAFE__CPU_AVX512", "MCSAFE__CPU_AVX512BW"}

LINE = re.compile(r"^(COPY|COPY_NT|SET|SCAN|FLUSH|COMPARE)\((\w+), (.*)\)$", re.M)

MACHINE_CHECK = "mce: Uncorrected hardware memory error in user-access"
LOST_PAGE = "Memory failure: .*: Recovered"


@dataclass(frozen=True)
class Routine:
    """A line of asm/engines.def: name as in tests/vm/lab/, kind COPY, SET, SCAN, FLUSH or
    COMPARE."""

    name: str
    kind: str
    function: str
    needs: frozenset[str]

    @property
    def is_emulated(self) -> bool:
        """Whether it can run in the guest."""
        return not self.needs & EMULATOR_LACKS

    @property
    def verdict(self) -> str:
        """What the scenario "routines" must say about it."""
        if not self.is_emulated:
            return "cannot run: the emulator lacks the instructions"
        return "runs, but the emulator lets no flush fail" if self.kind == "FLUSH" else "runs"

    @property
    def scenario(self) -> dict:
        """The scenario that meets bad memory at each of its rows."""
        log = [LOST_PAGE] if self.kind == "SET" else [MACHINE_CHECK, LOST_PAGE]
        return {
            "title": f"every row of {self.function}",
            "run": f"rows {self.name}",
            "fast": True,
            "seconds": 180,
            "log": log,
        }


def read(text: str) -> Iterator[Routine]:
    """Find the routines in the text of asm/engines.def."""
    for kind, name, fields in LINE.findall(text):
        kind = kind.removesuffix("_NT")
        short = f"{kind.lower()}_{name}" if kind in ("SET", "SCAN", "COMPARE") else name
        needs = re.findall(r"MCSAFE__CPU_\w+", fields)
        yield Routine(short, kind, f"{kind.lower()}_{name}", frozenset(needs))


def add_to(tables: dict[str, dict]) -> None:
    """Add what the list tells to the tables of scenarios."""
    routines = list(read(LIST.read_text()))
    verdicts = {routine.name: routine.verdict for routine in routines if routine.kind != "COMPARE"}
    comparisons = {
        f"{routine.name}, {operand}": routine.verdict
        for routine in routines
        if routine.kind == "COMPARE"
        for operand in "ab"
    }
    tables["routines"]["expect"] = verdicts | tables["routines"]["expect"] | comparisons
    for routine in routines:
        # The scenario "rows-scans" meets poison at the rows of all scans and comparisons.
        if routine.kind in ("COPY", "SET") and routine.is_emulated:
            tables[f"rows-{routine.name.replace('_', '-')}"] = routine.scenario
