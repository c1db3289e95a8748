# SPDX-License-Identifier: BSD-3-Clause
"""report.py - results for machines and for people: JUnit, JSON, and docs/poison.md."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from scenario import STOPS, Result, Scenario

ABSENT = "-"
INVALID_IN_XML = {code: "?" for code in range(32) if code not in (9, 10, 13)}
INTRODUCTION = """\
# What poison does to each kind of memory

The scenarios in `tests/vm/scenarios` measured everything on this page. They raise machine checks at
single load instructions in an emulated machine (QEMU without KVM). `tests/vm/vm.py lab --report`
writes this page: do not edit it. A scenario fails as soon as one of its values changes.

Kernels: {kernels}

"consumed" is the machine check itself, which `mcsafe_memcpy()` meets in the middle of a copy. The
other lines show what happens afterwards: to the same copy again, to a copy of another part of the
same page, and so on. "reads" means that all bytes arrive, and that they are right. The number after
a signal is the extent in the fault record, in bytes. 0 means that the kernel does not say.

The scenarios `shield-*` read each page of a mapping with ordinary loads, under a shield. The
mapping has 1536 pages. Page 517 fails, or the file is cut there (with huge pages, at page 512).
Stand-ins hold zeros, a byte or the bytes of a mirror. One thread reads, or four, and two if both
processors meet the machine check at once. All of these must give the same result. "stand-ins" are
the pages that were replaced. The count, the list, the function and the statistics must agree,
stand-ins must hold what they should, and all else must be right. "signals" is the number of signals
that one thread got. "restored" is the result of `mcsafe_shield_restore()`, and what the memory
holds then. "repair" is what was done to the file before the second try.

The scenarios `tool-*` run the command `mcsafe` on memory with two bad places. It meets the first
one as a machine check. The kernel knows the second one beforehand. Ranges are START+LENGTH in
bytes. Each SIGBUS of the command counts as a signal.

[lab.md](lab.md) explains what the kernels do differently. A dash means that the value does not
exist there. "stops" says that a scenario has no result on this kernel, and why.
"""


def text(result: Result) -> str:
    """Return a result in a few lines."""
    verdict = "pass" if result.passed else "SKIP" if result.skipped else "FAIL"
    lines = [f"{verdict}  {result.scenario.name}  ({result.seconds:.1f} s)"]
    lines += [f"      {problem}" for problem in result.problems]
    lines += [f"      {result.skipped}"] if result.skipped else []
    return "\n".join(lines)


def junit(results: Sequence[Result]) -> bytes:
    """Return results as JUnit XML."""
    suite = ElementTree.Element(
        "testsuite",
        name="lab",
        tests=str(len(results)),
        failures=str(sum(bool(result.problems) for result in results)),
        skipped=str(sum(bool(result.skipped) for result in results)),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"lab.{result.scenario.machine}",
            name=result.scenario.name,
            time=f"{result.seconds:.3f}",
        )
        if result.problems:
            failure = ElementTree.SubElement(case, "failure", message=_clean(result.problems[0]))
            failure.text = _clean("\n".join(result.problems))
        if result.skipped:
            ElementTree.SubElement(case, "skipped", message=_clean(result.skipped))
        ElementTree.SubElement(case, "system-out").text = _clean("\n".join(result.output))
        ElementTree.SubElement(case, "system-err").text = _clean("\n".join(result.log))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def write(directory: Path, kernel: str, results: Sequence[Result]) -> None:
    """Leave the results of a run in a directory."""
    (directory / "junit.xml").write_bytes(junit(results))
    (directory / "results.txt").write_text("".join(f"{text(result)}\n" for result in results))
    record = {
        "kernel": kernel,
        "scenarios": {
            result.scenario.name: {"passed": result.passed, "facts": result.facts}
            for result in results
        },
    }
    (directory / "results.json").write_text(json.dumps(record, indent=2) + "\n")


def measured(path: Path, scenarios: Iterable[Scenario]) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the kernel and all facts of a complete and successful run."""
    record = json.loads(path.read_text())
    facts = {}
    for scenario in scenarios:
        result = record["scenarios"].get(scenario.name)
        if not result or not result["passed"]:
            raise ValueError(f"{path}: scenario {scenario.name} has not passed")
        facts[scenario.name] = result["facts"]
    return record["kernel"], facts


def expected(scenarios: Iterable[Scenario], release: str = "") -> dict[str, dict[str, str]]:
    """Return the facts that a successful run measures on a kernel of that release."""
    return {scenario.name: scenario.expected_of(release) for scenario in scenarios}


# The facts of each kernel: {release: {scenario: {key: value}}}.
Columns = Mapping[str, Mapping[str, Mapping[str, str]]]


def page(scenarios: Iterable[Scenario], columns: Columns) -> str:
    """Return docs/poison.md: what differs between the kernels, and a section for each scenario that
    measures something."""
    scenarios = list(scenarios)
    rows = {scenario.name: _rows(scenario, columns) for scenario in scenarios}
    parts = [INTRODUCTION.format(kernels=", ".join(columns))]
    differ = [
        (f"`{name}`: {key}", values)
        for name, table in rows.items()
        for key, values in table.items()
        if _differ(key, values, table.get(STOPS))
    ]
    if differ:
        parts.append("## What the kernels do differently\n\n" + _table(columns, differ))
    for scenario in scenarios:
        if rows[scenario.name]:
            parts.append(f"## {scenario.title[0].upper()}{scenario.title[1:]}\n")
            table = _table(columns, rows[scenario.name].items())
            parts.append(f"Scenario `{scenario.name}`.\n\n{table}")
    return "\n".join(parts)


def _rows(scenario: Scenario, columns: Columns) -> dict[str, list[str]]:
    """Return the values of a scenario's facts on each kernel, in the order of its table. A run may
    measure them in another order."""
    all_facts = [facts[scenario.name] for facts in columns.values()]
    measured = {key for facts in all_facts for key in facts}
    keys = [key for key in scenario.expect if key in measured]
    keys += sorted(measured - scenario.expect.keys())
    return {key: [facts.get(key, ABSENT) for facts in all_facts] for key in keys}


def _differ(key: str, values: Sequence[str], stops: Sequence[str] | None) -> bool:
    """Whether kernels differ. One on which the scenario stops does so in one row only."""
    if key != STOPS and stops is not None:
        values = [value for value, stop in zip(values, stops, strict=True) if stop == ABSENT]
    return len(set(values)) > 1


def _table(columns: Columns, rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    lines = [("", *columns), *((key, *values) for key, values in rows)]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    text.insert(1, "|---" * len(lines[0]) + "|")
    return "\n".join(text).replace("|  |", "| |", 1) + "\n"


def kernels_of(document: str) -> list[str]:
    """Return the releases of the kernels that a page names."""
    [line] = [line for line in document.splitlines() if line.startswith("Kernels: ")]
    return line.removeprefix("Kernels: ").split(", ")


def _clean(string: str) -> str:
    return string.translate(INVALID_IN_XML)
