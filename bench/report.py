# SPDX-License-Identifier: BSD-3-Clause
"""report.py - tables and plots of what mcsafe_bench has measured.

usage: report.py FILE.json [DIRECTORY-FOR-PLOTS]

Ratios are of speed to the C library's memcpy in the same run: 2 is twice as fast.
"""

import json
import math
import sys
from pathlib import Path

MAIN = "mcsafe_memcpy"
LARGE = 32 << 20
LAYOUTS = ("aligned", "odd", "random", "cold")


def size(n: int) -> str:
    """A length, as short as can be."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift and n % (1 << shift) == 0:
            return f"{n >> shift} {unit}"
    return f"{n} B"


def rows(result: dict, layout: str) -> list[dict]:
    """The measurements of one layout."""
    return [row for row in result["copies"] if row and row["layout"] == layout]


def ratio(row: dict, name: str) -> float:
    """How much faster than the C library."""
    return row["ns"]["libc"] / row["ns"][name]


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def print_layout(result: dict, layout: str) -> None:
    """One table: a line for each length."""
    measured = rows(result, layout)
    if not measured:
        return
    names = list(measured[0]["ns"])
    print(f"\n{layout}: ns of memcpy, then speed as a multiple of it")
    print(f"{'n':>9} {'memcpy':>12}", *(f"{name[:12]:>12}" for name in names[1:]))
    for row in measured:
        numbers = (f"{ratio(row, name):12.2f}" for name in names[1:])
        print(f"{size(row['n']):>9} {row['ns']['libc']:12.1f}", *numbers)
    print(f"{'mean':>9} {'':>12}", *(f"{mean([ratio(r, n) for r in measured]):12.2f}" for n in names[1:]))


def print_targets(result: dict) -> None:
    """What was to be reached, and what was."""
    print("\ntarget                                        wanted  measured")
    lines = []
    for layout, wanted in (("aligned", 1.10), ("random", 1.00)):
        measured = [ratio(row, MAIN) for row in rows(result, layout)]
        lines.append((f"{layout}, geometric mean", wanted, mean(measured)))
    every = [(ratio(row, MAIN), row) for name in LAYOUTS[:3] for row in rows(result, name)]
    worst, row = min(every, key=lambda pair: pair[0])
    lines.append((f"slowest ({row['layout']}, {size(row['n'])})", 0.80, worst))
    large = [value for value, row in every if row["n"] >= LARGE]
    if large:
        lines.append(("32 MiB and above, slowest", 1.30, min(large)))
    for text, wanted, measured in lines:
        print(f"{text:<44} >= {wanted:.2f}  {measured:8.2f}")
    fault = result["faults"]
    cost = fault["recovered_ns"] / fault["bare_ns"]
    print(f"{'recovered fault / bare signal':<44} <= 1.10  {cost:8.2f}")


def print_rest(result: dict) -> None:
    """Readers, threads, faults, look-ups."""
    print("\ncopy, then read one byte of each line: us")
    for row in filter(None, result["then_read"]):
        print(f"{size(row['n']):>9}", *(f"{k} {v / 1000:.1f}  " for k, v in row["ns"].items()))
    print("\nthreads: GB/s together")
    for row in filter(None, result["threads"]):
        speeds = (f"{k} {v:.1f}  " for k, v in row["bytes_per_ns"].items())
        print(f"{row['threads']:>9} x {size(row['n'])}:", *speeds)
    fault = result["faults"]
    print(f"\na fault: bare signal {fault['bare_ns']:.0f} ns, recovered {fault['recovered_ns']:.0f} ns")
    print("bad ranges:")
    for row in filter(None, result["badblocks"]):
        print(f"{row['ranges']:>9}: look-up {row['one_place_ns']:.1f} ns in one place,",
              f"{row['everywhere_ns']:.1f} ns anywhere; change {row['change_ns']:.0f} ns;",
              f"load {row['load_ms']:.0f} ms")
    print("look-up:", *(f"{row['rows']} rows {row['ns']:.0f} ns; " for row in filter(None, result["lookup"])))


def print_pmem(result: dict) -> None:
    """Reads from a mapped file, and what known bad ranges cost."""
    measured = [row for row in result["pmem"] if row]
    print("\nreads from a mapped file: ns; the second as a multiple of the speed of pread(2)")
    print(f"{'n':>9} {'bad ranges':>12} {'pread':>12} {'mcsafe':>12} {'speed':>8} {'cost':>8}")
    without = {row["n"]: row["ns"]["mcsafe_pmem_pread"] for row in measured if not row["ranges"]}
    for row in measured:
        kernel, ours = row["ns"]["pread"], row["ns"]["mcsafe_pmem_pread"]
        numbers = f"{kernel:12.1f} {ours:12.1f} {kernel / ours:8.2f} {ours / without[row['n']]:8.2f}"
        print(f"{size(row['n']):>9} {row['ranges']:>12} {numbers}")
    between = (f"{row['ranges']} ranges {row['ns']:.0f} ns; " for row in filter(None, result["pmem_between"]))
    print("64 B between two bad ranges, each with a lookup:", *between)
    repair = result["pmem_repair"]
    print(f"beside a repair: {repair['alone_ns']:.0f} ns alone, {repair['beside_ns']:.0f} ns beside it")
    print("\ntarget                                        wanted  measured")
    speed = {row["n"]: row["ns"]["pread"] / row["ns"]["mcsafe_pmem_pread"] for row in measured if not row["ranges"]}
    for n, wanted in ((64, 10), (4096, 4), (1 << 20, 1)):
        print(f"{f'pread(2) / mcsafe_pmem_pread(), {size(n)}':<44} >= {wanted:5.2f} {speed[n]:8.2f}")
    worst = max(row["ns"]["mcsafe_pmem_pread"] / without[row["n"]] for row in measured)
    print(f"{'cost of known bad ranges, worst':<44} <= {1.1:5.2f} {worst:8.2f}")


def plot(result: dict, directory: Path) -> None:
    """One picture for each layout."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    directory.mkdir(parents=True, exist_ok=True)
    for layout in LAYOUTS:
        measured = rows(result, layout)
        figure, axes = pyplot.subplots(figsize=(9, 4.5))
        for name in measured[0]["ns"]:
            lengths = [row["n"] for row in measured]
            width = 2.5 if name == MAIN else 1.2
            axes.plot(lengths, [ratio(row, name) for row in measured], label=name, linewidth=width)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_ylim(1 / 8, 4)
        axes.set_xlabel("bytes")
        axes.set_ylabel("speed, memcpy = 1")
        axes.set_title(f"{layout} operands; {result['processor']}, {result['date']}")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=7, ncols=2)
        figure.tight_layout()
        figure.savefig(directory / f"{layout}.png", dpi=110)
        pyplot.close(figure)
        print(f"plot: {directory / f'{layout}.png'}")


def main() -> None:
    """Print everything, and plot it if there is a place for that."""
    result = json.loads(Path(sys.argv[1]).read_text())
    print(f"{result['processor']}, Linux {result['kernel']}, {result['date']}; engine {result['engine']}")
    for layout in LAYOUTS:
        print_layout(result, layout)
    print_rest(result)
    print_targets(result)
    print_pmem(result)
    if len(sys.argv) > 2:
        plot(result, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
