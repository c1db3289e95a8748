# SPDX-License-Identifier: BSD-3-Clause
"""tables.py - tables of all contests, of the measures that count, and of the engines."""

from itertools import groupby

from results import Results, Row, size
from targets import LINKED, MEASURES, Line, engines, line_of, lines


def number(value: float | None, unit: str = "speed") -> str:
    """A figure in at most seven columns."""
    if value is None:
        return "-"
    return f"{value:.3f} s" if unit == "seconds" else f"{value:.2f}"


def heading(machine: dict) -> str:
    """What was measured on which machine."""
    return (
        f"{machine['processor']} ({machine['vendor']}, family {machine['family']}, model "
        f"{machine['model']}), Linux {machine['kernel']}, glibc {machine['libc']}, "
        f"{machine['date']}, engine {machine['engine']}"
    )


def print_part(rows: list[Row]) -> None:
    """Print the contests of one part and place, which have the same contenders."""
    first = rows[0]
    others = [name for name in first.ns if name != first.peer]
    linked = f", {LINKED[first.program]}" if first.program in LINKED else ""
    where = f", {first.where}" if first.where else ""
    print(f"\n{first.part}{where}{linked}: ns of {first.peer}, then speed as a multiple of it")
    print(f"{'n':>9} {first.peer[:12]:>12}", *(f"{name[-12:]:>12}" for name in others), "   noise")
    for row in rows:
        speeds = [row.speed(name) for name in others]
        noise = max((speed.noise for speed in speeds), default=0)
        print(
            f"{size(row.n) if row.n else 'mix':>9} {row.time(row.peer):12.2f}",
            *(f"{speed.value:12.3g}" for speed in speeds),
            f"{noise:7.0%}",
        )


def print_rows(results: Results) -> None:
    """Print all contests."""
    for _, group in groupby(results.rows, lambda row: (row.program, row.part, row.where)):
        print_part(list(group))


def wanted(line: Line, engine: str) -> str:
    """The mean and the worst that are wanted."""
    mean, worst = line.wanted(engine)
    if mean is None and worst is None:
        return "-"
    sign = ">=" if line.measure.unit == "speed" else "<="
    text = f"{sign} {mean:.2f}" if mean is not None else sign
    return text if worst is None else f"{text} / {worst:.2f}"


def print_targets(results: Results) -> None:
    """Print one line for each measure that counts."""
    found = lines(results)
    if not found:
        return
    print("\ntargets: speed as a multiple of the peer's; of guards and faults, time")
    print(
        f"{'measure':<43} {'peer':<14} {'wanted':<14} {'mean':>7} {'worst':>7} {'at':<13} {'noise'}"
    )
    for line in found:
        unit = line.measure.unit
        print(
            f"{line.measure.name:<43} {line.peer:<14}",
            f"{wanted(line, results.machine['engine']):<14}",
            f"{number(line.mean.value, unit):>7} {number(line.worst, unit):>7} {line.at:<13}",
            f"{line.mean.noise:4.0%}",
        )


def mean_and_worst(line: Line | None) -> str:
    """The figures of one engine; nothing if it did not take part."""
    if line is None:
        return ""
    mean = number(line.mean.value, line.measure.unit)
    return mean if line.worst is None else f"{mean} / {number(line.worst)}"


def print_engines(results: Results) -> None:
    """Print mean and worst of every engine, for the measures in which engines were compared."""
    names = engines(results)
    table = [
        (measure, [line_of(results, measure, name) for name in names])
        for measure in MEASURES
        if not measure.peer
    ]
    table = [(measure, found) for measure, found in table if any(found)]
    if not table:
        return
    print("\nengines: mean / worst")
    print(f"{'measure':<43}", *(f"{name:>12}" for name in names))
    for measure, found in table:
        print(f"{measure.name:<43}", *(f"{mean_and_worst(line):>12}" for line in found))
