# SPDX-License-Identifier: BSD-3-Clause
"""targets.py - the measures that count, each with its peer and with what is wanted."""

from dataclasses import dataclass, field

from results import Figure, Results, Row, figure, geometric_mean, size

# What is wanted, by the kind of engine: the mean and the worst. A missing kind has the figures of
# "any". None: not decided, only measured.
Wanted = dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Measure:
    """One line of the table."""

    name: str
    part: str
    where: str
    ours: str
    wanted: Wanted = field(default_factory=dict)
    peer: str = ""  # another contender than the first one
    program: str = "shared"
    least: int = 0  # bytes
    most: int = 1 << 40
    unit: str = "speed"  # or time: both relative to the peer; or seconds


@dataclass(frozen=True)
class Line:
    """What was measured for one measure with one contender."""

    measure: Measure
    peer: str
    mean: Figure
    worst: float | None  # of several contests
    at: str  # where the worst was
    contests: int  # that the mean is made of

    def wanted(self, engine: str) -> tuple[float | None, float | None]:
        """The mean and the worst that are wanted of an engine."""
        wanted = self.measure.wanted
        return wanted.get(kind(engine)) or wanted.get("any") or (None, None)


def kind(engine: str) -> str:
    """The group of engines that share their targets."""
    if engine.startswith("avx512"):
        return "avx512bw" if "bw" in engine else "avx512"
    return "avx2" if engine.startswith("avx2") else "other"


def both(avx512: tuple, avx2: tuple) -> Wanted:
    """Targets of AVX-512, with or without VBMI, and of AVX2."""
    return {"avx512": avx512, "avx512bw": avx512, "avx2": avx2}


FLEET: Wanted = {"avx512": (2.1, None), "avx512bw": (1.6, None), "avx2": (1.4, None)}
LINKED = {"static": "linked statically", "no-plt": "without PLT"}
COPY = "memcpy_mcsafe"
RECORD = "mcsafe_memcpy"
READ = "mcsafe_pmem_pread"

MEASURES = (
    *(
        Measure(f"memcpy, fleet, {cache} cache", "memcpy", f"fleet, {cache}", COPY, FLEET)
        for cache in ("first", "second")
    ),
    *(
        Measure(
            f"with a record, fleet, {cache} cache",
            "memcpy",
            f"fleet, {cache}",
            RECORD,
            {"any": (0.95, None)},
            peer=COPY,
        )
        for cache in ("first", "second")
    ),
    Measure("memcpy, aligned", "memcpy", "aligned", COPY, both((1.03, 0.70), (0.72, 0.40))),
    Measure("memcpy, random", "memcpy", "random", COPY, both((1.00, 0.70), (0.68, 0.35))),
    Measure("memcpy, cold", "memcpy", "cold", COPY),
    *(
        Measure(
            f"memcpy, {where}, {LINKED[how]}", "memcpy", where, COPY, wanted, program=how
        )
        for how, wanted in (("static", both((1.12, None), (None, None))), ("no-plt", {}))
        for where in ("aligned", "random")
    ),
    *(
        Measure(f"memcpy to the end of a page, next {where}", "edge", where, COPY)
        for where in ("mapped", "unmapped", "read-only")
    ),
    Measure("memcpy, then load it at once", "latency", "copy", COPY, most=48),
    Measure("memset, then load it at once", "latency", "fill", "mcsafe_memset"),
    Measure("memcpy, then read all of it", "reader", "", COPY, {"any": (1.0, 1.0)}),
    Measure("memset, fleet", "memset", "fleet", "mcsafe_memset", both((1.0, None), (0.65, None))),
    *(
        Measure(
            f"memset, {where}", "memset", where, "mcsafe_memset", both((0.95, None), (0.9, None))
        )
        for where in ("aligned", "random")
    ),
    *(
        measure
        for scan in ("memchr", "strnlen")
        for measure in (
            *(
                Measure(
                    f"{scan}, {where}",
                    scan,
                    where,
                    f"mcsafe_{scan}",
                    both((1.5, None), (1.3, None)),
                )
                for where in ("fleet, not found", "fleet, found")
            ),
            *(
                Measure(
                    f"{scan}, {where}",
                    scan,
                    where,
                    f"mcsafe_{scan}",
                    both((1.05, None), (0.75, None)),
                )
                for where in ("aligned", "random")
            ),
        )
    ),
    *(
        Measure(f"memcmp, {where}", "memcmp", where, "mcsafe_memcmp", both(*wanted))
        for where, wanted in (
            ("fleet, equal", ((1.0, None), (0.5, None))),
            ("fleet, different", ((1.0, None), (0.5, None))),
            ("same alignment", ((0.85, None), (0.5, None))),
            ("any alignment", ((0.7, None), (0.33, None))),
        )
    ),
    Measure(
        "flushcache, 8 B to 1 MiB",
        "flushcache",
        "",
        "mcsafe_memcpy_flushcache",
        {"any": (1.2, 0.95)},
    ),
    Measure(
        "8 segments of 8 B to 4 KiB",
        "iter",
        "segments, 8",
        "scatter",
        {"any": (0.75, None)},
        most=4096,
    ),
    Measure("guard", "guard", "", "MCSAFE_TRY", {"any": (1.1, None)}, unit="time"),
    *(
        Measure(f"pmem_pread, {size(n)}", "pmem", "", READ, {"any": (w, None)}, least=n, most=n)
        for n, w in ((64, 12), (4096, 6), (1 << 20, 1.5))
    ),
    Measure("pmem_pread, 64 B to 1 MiB", "pmem", "", READ, {"any": (5.0, None)}),
    *(
        Measure(
            f"256 MiB of holes, {name.removeprefix('mcsafe_')}",
            "holes",
            "",
            name,
            {"any": (wanted, None)},
            least=1 << 28,
            unit="seconds",
        )
        for name, wanted in (
            ("mcsafe_memcpy_holes", None),
            ("mcsafe_memcpy_holes_fd", 0.04),
            ("mcsafe_pmem_salvage", 0.04),
        )
    ),
    Measure("recovered fault", "fault", "", RECORD, {"any": (1.05, None)}, unit="time"),
    Measure(
        "recovered fault, with counters and probes",
        "fault",
        "counters",
        "counted",
        {"any": (1.01, None)},
        unit="time",
    ),
)

PEERS = {"libc": "glibc", "memcpy": "loop of memcpy", "pread": "pread(2)"}


def rows_of(results: Results, measure: Measure, ours: str) -> list[Row]:
    """The contests that a measure is made of."""
    where = " " if measure.part == "pmem" else measure.where
    return [
        row
        for row in results.find(measure.program, measure.part, measure.where)
        if ours in row.ns
        and measure.least <= row.n <= measure.most
        and (where != " " or row.where == "")
    ]


def values_of(measure: Measure, row: Row, ours: str) -> list[float]:
    """The figure of one contest, in each run."""
    if measure.unit == "seconds":
        return [ns / 1e9 for ns in row.ns[ours]]
    speeds = row.speeds[ours]
    if measure.peer not in ("", row.peer):
        peer = row.speeds[measure.peer]
        speeds = [speed / other for speed, other in zip(speeds, peer, strict=True)]
    return speeds if measure.unit == "speed" else [1 / speed for speed in speeds]


def line_of(results: Results, measure: Measure, ours: str = "") -> Line | None:
    """The line of one measure, with its own contender or with another one."""
    ours = ours or measure.ours
    rows = rows_of(results, measure, ours)
    if not rows:
        return None
    table = [values_of(measure, row, ours) for row in rows]
    means = [geometric_mean(list(run)) for run in zip(*table, strict=True)]
    within = sum(max(row.spreads[ours]) for row in rows) / len(rows)
    figures = [figure(values, within).value for values in table]
    peer = "" if measure.unit == "seconds" else measure.peer or rows[0].peer
    mean = figure(means, within)
    if len(rows) == 1:
        return Line(measure, PEERS.get(peer, peer), mean, None, "", 1)
    worst = (min if measure.unit == "speed" else max)(range(len(rows)), key=figures.__getitem__)
    row = rows[worst]
    at = size(row.n) if row.n else row.where.removeprefix(measure.where).strip(", ")
    return Line(measure, PEERS.get(peer, peer), mean, figures[worst], at, len(rows))


def lines(results: Results) -> list[Line]:
    """All lines that were measured."""
    found = (line_of(results, measure) for measure in MEASURES)
    return [line for line in found if line is not None]


def engines(results: Results) -> list[str]:
    """The engines that took part in copies."""
    names: dict[str, None] = {}
    for row in results.find("shared", "memcpy"):
        names |= dict.fromkeys(name for name in row.ns if name not in ("libc", COPY, RECORD))
    return list(names)
