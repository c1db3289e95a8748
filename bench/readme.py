# SPDX-License-Identifier: BSD-3-Clause
"""readme.py - the part of README.md about speed, made of the stored results of all processors."""

from pathlib import Path
from textwrap import wrap

from results import size
from stored import Stored

MARKS = ("<!-- speed -->", "<!-- /speed -->")
LENGTHS = [1, 8, 16, 32, 64, 128, 256, 512] + [1 << i for i in range(10, 26, 2)] + [1 << 25]
LAYOUTS = ("aligned", "random", "cold")


def title(stored: Stored) -> str:
    """The name of a processor model."""
    machine = stored["machine"]
    return f"{machine['processor']}, family {machine['family']} model {machine['model']}"


def cell(stored: Stored, name: str) -> str:
    """The mean of a measure, and its worst."""
    entry = stored["targets"].get(name)
    if entry is None:
        return ""
    if entry["unit"] == "seconds":
        return f"{entry['mean']:.2f} s"
    worst = entry["worst"]
    text = f"{entry['mean']:.2f}"
    return text if worst is None else f"{text} ({worst:.2f})"


def summary_table(all_stored: list[Stored]) -> list[str]:
    """One line for each measure, one column for each processor."""
    names: dict[str, str] = {}
    for stored in all_stored:
        for name, entry in stored["targets"].items():
            unit = ", time" if entry["unit"] == "time" else ""
            names.setdefault(name, (entry["peer"] or "none") + unit)
    lines = [
        "| measure | peer | " + " | ".join(map(title, all_stored)) + " |",
        "|---|---|" + "---:|" * len(all_stored),
    ]
    dates = (f"{stored['machine']['date']}" for stored in all_stored)
    lines.append("| measured on | | " + " | ".join(dates) + " |")
    chosen = (f"`{stored['machine']['engine']}`" for stored in all_stored)
    lines.append("| engine | | " + " | ".join(chosen) + " |")
    for name, peer in names.items():
        cells = (cell(stored, name) for stored in all_stored)
        lines.append(f"| {name} | {peer} | " + " | ".join(cells) + " |")
    return lines


def length_table(stored: Stored) -> list[str]:
    """The speed of copies by length, on one processor."""
    rows = stored["rows"]
    machine = stored["machine"]
    if not any(key.startswith("shared memcpy, aligned") for key in rows):
        return []
    lines = [
        "",
        f"By length, {title(stored)}, Linux {machine['kernel']}, glibc {machine['libc']}, "
        f"{machine['date']}:",
        "",
        "| bytes | memcpy, ns | " + " | ".join(LAYOUTS) + " |",
        "|---:|---:|" + "---:|" * len(LAYOUTS),
    ]
    for n in LENGTHS:
        found = [rows.get(f"shared memcpy, {layout}, {n}") for layout in LAYOUTS]
        if found[0] is None:
            continue
        ns = f"{found[0][0]:.{1 if found[0][0] < 100 else 0}f}"
        ratios = (f"{row[1]:.2f}" if row else "" for row in found)
        lines.append(f"| {size(n)} | {ns} | " + " | ".join(ratios) + " |")
    return lines


def text_of(all_stored: list[Stored]) -> str:
    """All that stands between the marks."""
    lines = summary_table(all_stored)
    for stored in all_stored:
        if "note" in stored:
            lines += ["", *wrap(f"{title(stored)} {stored['note']}.", 100)]
        lines += length_table(stored)
    return "\n".join(lines)


def update(readme: Path, all_stored: list[Stored]) -> None:
    """Renew what stands between the marks."""
    text = readme.read_text()
    start, end = (text.index(mark) for mark in MARKS)
    readme.write_text(f"{text[:start]}{MARKS[0]}\n{text_of(all_stored)}\n{text[end:]}")
