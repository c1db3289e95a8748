# SPDX-License-Identifier: BSD-3-Clause
"""scenario.py - the tables of scenarios, and the comparison of results with them."""

import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

import routines

TABLES = Path(__file__).with_name("scenarios")
DEFAULT_SECONDS = 60
# What a scenario measures if it stops without an end.
STOPS = "stops"


@dataclass(frozen=True)
class Scenario:
    """One entry of a table.

    title    what the scenario shows
    run      the program in the guest (tests/vm/lab/main.c) and its arguments
    machine  a key of lab.MACHINES
    prepare  a function of tests/vm/lab/lab-scenario that makes the memory; "" for none
    fast     whether it belongs to the subset that every test run includes
    seconds  the time after which it counts as hung
    expect   every measurement that the program reports, with its value
    since    values that are other ones from a version of the kernel on: {"6.7": {key: value}}. An
             empty value: it is not measured.
    stops    from a version of the kernel on, how it stops without an end: {"7.2": text}. The text
             is a part of a failure that the program reports, or of what the lab finds wrong. There
             can be two: "one or another". If neither happens, the scenario fails.
    log      regular expressions that the kernel's messages must match, each somewhere
    fails    regular expressions for the failures that the program must report, and no others. A
             scenario that breaks something on purpose shows with these that the lab would notice.
    """

    name: str
    title: str
    run: str
    machine: str = "ram"
    prepare: str = ""
    fast: bool = False
    seconds: float = DEFAULT_SECONDS
    expect: dict[str, str] = field(default_factory=dict)
    since: dict[str, dict[str, str]] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()

    def stop_of(self, release: str) -> str:
        """Return how the scenario stops on a kernel, or ""."""
        versions = sorted(self.stops, key=version)
        texts = [self.stops[v] for v in versions if release and version(v) <= version(release)]
        return texts[-1] if texts else ""

    def expected_of(self, release: str) -> dict[str, str]:
        """Return what is expected of a kernel: uname -r, or "" for the oldest one."""
        stop = self.stop_of(release)
        return {STOPS: stop} if stop else self.values_of(release)

    def values_of(self, release: str) -> dict[str, str]:
        """Return the same if the scenario comes to its end."""
        versions = sorted(self.since, key=version)
        changes = [self.since[v] for v in versions if release and version(v) <= version(release)]
        values = {key: value for table in (self.expect, *changes) for key, value in table.items()}
        return {key: value for key, value in values.items() if value}


def version(release: str) -> tuple[int, ...]:
    """Return the first numbers of a kernel's release: (6, 1) for 6.1.0-57-amd64."""
    return tuple(int(number) for number in re.findall(r"\d+", release)[:2])


@dataclass
class Result:
    """The result of a scenario."""

    scenario: Scenario
    problems: list[str] = field(default_factory=list)
    skipped: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    driver: list[str] = field(default_factory=list)  # the requests and the driver's answers to them
    seconds: float = 0

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.problems and not self.skipped

    @property
    def has_stopped(self) -> bool:
        """Whether it has stopped as expected. What it leaves in the guest nobody knows."""
        return STOPS in self.facts

    def judge(self, status: int, release: str = "") -> None:
        """Find out what is wrong, after the program has ended, on a kernel of that release."""
        expected_failures = self.scenario.fails
        if self.scenario.stop_of(release):
            unlike_values = differences(self.scenario.values_of(release), self.facts)
            self.stopped([f"exit status {status}", *unlike_values], release)
            return
        if status == 77:
            self.skipped = next(iter(self.output[::-1]), "no reason given")
            return
        if (status != 0) != bool(expected_failures):
            self.problems.append(f"exit status {status}")
        self.problems += unlike(expected_failures, self.failures)
        self.problems += [
            f"the kernel's log has nothing like {pattern!r}"
            for pattern in self.scenario.log
            if not any(re.search(pattern, line) for line in self.log)
        ]
        self.problems += differences(self.scenario.expected_of(release), self.facts)

    def stopped(self, problems: list[str], release: str) -> None:
        """Judge a scenario that has no end, or that should have none on this kernel."""
        expected = self.scenario.stop_of(release)
        said = "\n".join((*problems, *self.failures))
        if expected and any(text in said for text in expected.split(" or ")):
            self.facts = {STOPS: expected}
            return
        self.problems += problems
        if expected:
            self.problems.append(f"it does not stop as expected: {expected}")


def unlike(patterns: tuple[str, ...], failures: list[str]) -> list[str]:
    """Return the failures that match no pattern, and the patterns that match no failure."""
    unexpected = [text for text in failures if not any(re.search(p, text) for p in patterns)]
    missing = [p for p in patterns if not any(re.search(p, text) for text in failures)]
    return unexpected + [f"no failure like {p!r}, which was caused on purpose" for p in missing]


def differences(expected: dict[str, str], measured: dict[str, str]) -> list[str]:
    """Compare measurements. One that was not expected is as wrong as one that is missing."""
    nothing = "nothing"
    return [
        f"{key}: {measured.get(key, nothing)}, expected {expected.get(key, nothing)}"
        for key in expected | measured
        if expected.get(key) != measured.get(key)
    ]


def load(directory: Path = TABLES) -> dict[str, Scenario]:
    """Read all tables, in the order of their names, and add the scenarios of the routines."""
    tables: dict[str, dict] = {}
    for path in sorted(directory.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text()).items():
            if name in tables:
                raise ValueError(f"{path}: a second scenario {name}")
            tables[name] = entry
    routines.add_to(tables)
    return {name: from_table(name, entry) for name, entry in tables.items()}


def from_table(name: str, entry: dict) -> Scenario:
    """Make a scenario from a TOML table."""
    unknown = entry.keys() - {f.name for f in fields(Scenario)}
    if unknown:
        raise ValueError(f"scenario {name}: no such field: {', '.join(sorted(unknown))}")
    lists = {key: tuple(entry[key]) for key in ("log", "fails") if key in entry}
    for pattern in (pattern for patterns in lists.values() for pattern in patterns):
        re.compile(pattern)
    expect = {key: str(value) for key, value in entry.get("expect", {}).items()}
    for release in entry.get("stops", {}):
        if not re.fullmatch(r"\d+\.\d+", release):
            raise ValueError(f"scenario {name}: stops {release}: no version")
    for release, changes in entry.get("since", {}).items():
        if not re.fullmatch(r"\d+\.\d+", release) or changes.keys() - expect.keys():
            raise ValueError(f"scenario {name}: since {release}: no version, or no such key")
    return Scenario(**{**entry, **lists, "expect": expect, "name": name})
