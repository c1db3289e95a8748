# SPDX-License-Identifier: BSD-3-Clause
"""stored.py - results that are kept for each processor model, and what has become slower.

bench/results/VENDOR-FAMILY-MODEL.json holds the measures that count, and the speed of each length.
Ratios are kept and compared, never times: two machines of one model differ in their clocks.
"""

import json
from pathlib import Path
from typing import Any

from results import Results
from targets import MEASURES, Line, lines

# Even without noise, a figure that is worse by less than this says nothing: the same code at
# another address differs by one or two cycles, which is more for one short call than for a mean.
LEAST = {"targets": 0.05, "rows": 0.10}

Stored = dict[str, Any]


def path_of(directory: Path, machine: dict) -> Path:
    """The file of a processor model."""
    return directory / f"{machine['vendor']}-{machine['family']}-{machine['model']}.json"


def entry(line: Line) -> Stored:
    """What is kept of one measure."""
    return {
        "peer": line.peer,
        "unit": line.measure.unit,
        "mean": round(line.mean.value, 3),
        "worst": None if line.worst is None else round(line.worst, 3),
        "at": line.at,
        "noise": round(line.mean.noise, 3),
        "contests": line.contests,
    }


def summary(results: Results) -> Stored:
    """What is kept of a run."""
    machine = dict(results.machine)
    machine["kernel"] = machine["kernel"].split("-")[0]
    ours = {measure.part: measure.ours for measure in reversed(MEASURES)}
    rows = {}
    for row in results.rows:
        name = ours.get(row.part)
        if name in row.ns:
            speed = row.speed(name)
            rows[row.key] = [
                round(row.time(row.peer), 2), round(speed.value, 3), round(speed.noise, 3)
            ]
    return {
        "machine": machine,
        "targets": {line.measure.name: entry(line) for line in lines(results)},
        "rows": rows,  # ns of the peer, speed as a multiple of the peer's, noise
    }


def write(directory: Path, results: Results) -> Path:
    """Keep these results instead of the older ones of the same model."""
    path = path_of(directory, results.machine)
    kept = summary(results)

    def section(name: str) -> str:
        inner = ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in kept[name].items()
        )
        return f' "{name}": {{\n{inner}\n }}'

    directory.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(map(section, kept)) + "\n}\n")
    return path


def read(path: Path) -> Stored | None:
    """The kept results of one model; None if there are none."""
    return json.loads(path.read_text()) if path.exists() else None


def is_slower(old: float, new: float, noise: float, *, more_is_better: bool) -> bool:
    """Whether new is worse than old by more than a part of old."""
    return new < old * (1 - noise) if more_is_better else new > old * (1 + noise)


def compare(old: Stored, new: Stored) -> list[str]:
    """Return a line for each figure that is worse than the kept one by more than the noise."""
    warnings = []
    for name, before in old["targets"].items():
        after = new["targets"].get(name)
        # A short run has fewer lengths, and there may be no libpmem.
        if after is None or any(after[key] != before[key] for key in ("peer", "contests")):
            continue
        noise = max(LEAST["targets"], before["noise"] + after["noise"])
        better = before["unit"] == "speed"
        if is_slower(before["mean"], after["mean"], noise, more_is_better=better):
            warnings.append(
                f"{name}: mean {after['mean']:.3g}, was {before['mean']:.3g}, noise {noise:.0%}"
            )
    for name, (_, before, noise_before) in old["rows"].items():
        if name not in new["rows"]:
            continue
        _, after, noise_after = new["rows"][name]
        noise = max(LEAST["rows"], noise_before + noise_after)
        if is_slower(before, after, noise, more_is_better=True):
            warnings.append(f"{name}: {after:.3g}, was {before:.3g}, noise {noise:.0%}")
    return warnings


def print_comparison(directory: Path, results: Results) -> None:
    """Compare a run with the kept results of the same model, and print warnings."""
    path = path_of(directory, results.machine)
    old = read(path)
    if old is None:
        print(f"\nno stored results of this processor model: {path.name}")
        return
    new = summary(results)
    for what in ("engine", "libc"):
        before, after = old["machine"].get(what), new["machine"][what]
        if before != after:
            print(f"\n{what} is {after}; it was {before} in the stored results")
    warnings = compare(old, new)
    for warning in warnings:
        print(f"slower: {warning}")
    common = sum(len(old[part].keys() & new[part].keys()) for part in ("targets", "rows"))
    print(
        f"\n{len(warnings)} of {common} figures are worse than on {old['machine']['date']}",
        f"by more than the noise ({path.name})",
    )
