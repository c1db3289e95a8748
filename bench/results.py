# SPDX-License-Identifier: BSD-3-Clause
"""results.py - what several runs of the programs have measured, and how much the runs differ."""

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


def size(n: int) -> str:
    """A length in the largest unit that divides it."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift and n % (1 << shift) == 0:
            return f"{n >> shift} {unit}"
    return f"{n} B"


def geometric_mean(values: list[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


@dataclass
class Figure:
    """A median, and by how much it varies: a part of it, 0.02 for 2 %."""

    value: float
    noise: float


def figure(values: list[float], within: float) -> Figure:
    """The median of all runs. The noise is half of their range; of one run, the spread within.

    Of five or more runs, the range leaves out the best and the worst one.
    """
    middle = statistics.median(values)
    if len(values) == 1:
        return Figure(middle, within)
    inner = sorted(values)[1:-1] if len(values) >= 5 else values
    return Figure(middle, (max(inner) - min(inner)) / 2 / middle)


@dataclass
class Row:
    """One contest. Each list has one number for each run of the program."""

    program: str  # shared, no-plt or static: how it is linked with libmcsafe (bench.c)
    part: str
    where: str
    n: int
    peer: str
    ns: dict[str, list[float]] = field(default_factory=dict)
    speeds: dict[str, list[float]] = field(default_factory=dict)  # the peer's are 1
    spreads: dict[str, list[float]] = field(default_factory=dict)  # within each run

    @property
    def key(self) -> str:
        """The name of the contest in stored results."""
        return f"{self.program} {self.part}, {self.where}, {self.n}"

    def add(self, line: dict) -> None:
        """Add what one run of the program has printed."""
        for name, ns in line["ns"].items():
            self.ns.setdefault(name, []).append(ns)
            self.speeds.setdefault(name, []).append(line["speed"].get(name, 1.0))
            self.spreads.setdefault(name, []).append(line["spread"].get(name, 0.0))

    def time(self, name: str) -> float:
        """Nanoseconds of a call."""
        return statistics.median(self.ns[name])

    def speed(self, name: str) -> Figure:
        """The speed, as a multiple of the peer's."""
        return figure(self.speeds[name], max(self.spreads[name]))


@dataclass
class Results:
    """Everything that was measured on one machine."""

    machine: dict[str, Any]
    rows: list[Row]

    def find(self, program: str, part: str, where: str = "") -> list[Row]:
        """The contests of one part whose place begins with these words."""
        return [
            row
            for row in self.rows
            if (row.program, row.part) == (program, part) and row.where.startswith(where)
        ]


def collect(runs: Iterable[list[str]]) -> Results:
    """Put together the lines that runs of the programs have printed."""
    machine: dict[str, Any] = {}
    rows: dict[tuple, Row] = {}
    for lines in runs:
        head, *rest = (json.loads(line) for line in lines)
        program = head.pop("linked")
        machine = machine or head
        for line in rest:
            key = (program, line["part"], line["where"], line["n"])
            rows.setdefault(key, Row(*key, line["peer"])).add(line)
    return Results(machine, list(rows.values()))
