# SPDX-License-Identifier: BSD-3-Clause
"""report.py - print tables and draw plots of the figures that mcsafe_bench measured.

usage: report.py FILE.json [DIRECTORY-FOR-PLOTS [SOURCE-DIRECTORY]]

A ratio compares the speed with that of the C library's memcpy() in the same run: 2 means twice as
fast. With a source directory, report.py renews the table in its README.md and the plot
docs/speed.png.
"""

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

MAIN = "memcpy_mcsafe"
LARGE = 32 << 20
LAYOUTS = ("aligned", "odd", "random", "cold")


def size(n: int) -> str:
    """A length in the largest unit that divides it."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift and n % (1 << shift) == 0:
            return f"{n >> shift} {unit}"
    return f"{n} B"


def rows(result: dict, layout: str) -> list[dict]:
    """The measurements of one layout."""
    return [row for row in result["copies"] if row and row["layout"] == layout]


def ratio(row: dict, name: str) -> float:
    """The speed, as a multiple of the C library's."""
    return row["ns"]["libc"] / row["ns"][name]


def mean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def print_layout(result: dict, layout: str) -> None:
    """Print one table, with a line for each length."""
    measured = rows(result, layout)
    if not measured:
        return
    names = list(measured[0]["ns"])
    print(f"\n{layout}: ns of memcpy, then speed as a multiple of it")
    print(f"{'n':>9} {'memcpy':>12}", *(f"{name[:12]:>12}" for name in names[1:]))
    for row in measured:
        numbers = (f"{ratio(row, name):12.2f}" for name in names[1:])
        print(f"{size(row['n']):>9} {row['ns']['libc']:12.1f}", *numbers)
    means = (mean([ratio(row, name) for row in measured]) for name in names[1:])
    print(f"{'mean':>9} {'':>12}", *(f"{value:12.2f}" for value in means))


def print_targets(result: dict) -> None:
    """Print the targets, and the figures that were measured."""
    print("\ntarget                                        wanted  measured")
    lines = []
    for layout, wanted in (("aligned", 1.10), ("random", 1.00)):
        measured = [ratio(row, MAIN) for row in rows(result, layout)]
        lines.append((f"{layout}, geometric mean", wanted, mean(measured)))
    every = [(ratio(row, MAIN), row) for name in LAYOUTS[:3] for row in rows(result, name)]
    worst, row = min(every, key=lambda pair: pair[0])
    lines.append((f"slowest ({row['layout']}, {size(row['n'])})", 0.80, worst))
    slow = [f"{row['layout']} {size(row['n'])} {value:.2f}" for value, row in every if value < 0.80]
    large = [value for value, row in every if row["n"] >= LARGE]
    if large:
        lines.append(("32 MiB and above, slowest", 1.30, min(large)))
    for text, wanted, measured in lines:
        print(f"{text:<44} >= {wanted:.2f}  {measured:8.2f}")
    fault = result["faults"]
    cost = fault["recovered_ns"] / fault["bare_ns"]
    print(f"{'recovered fault / bare signal':<44} <= 1.10  {cost:8.2f}")
    print("below 0.80:", "; ".join(slow) or "none")
    ns = guard_costs(result["guards"])
    plain, mask = ns["guard"] / ns["sigsetjmp"], ns["sigsetjmp_mask"] / ns["guard"]
    print(f"{'guard / sigsetjmp without the mask':<44} <= 2.00  {plain:8.2f}")
    print(f"{'sigsetjmp with the mask / guard':<44} >= 30.0  {mask:8.1f}")


def guard_costs(measured: dict) -> dict:
    """The time above that of the empty loop, in ns; never 0, as it is divided by."""
    return {
        name.removesuffix("_ns"): max(value - measured["loop_ns"], 0.01)
        for name, value in measured.items()
    }


def print_rest(result: dict) -> None:
    """Print dependent copies, readers, threads, faults, fills, guards, and lookups."""
    print("\ndependent copies, each of which waits for the one before it: ns")
    for row in filter(None, result["chain"]):
        print(f"{size(row['n']):>9}", *(f"{k} {v:.1f}  " for k, v in row["ns"].items()))
    print("\ncopy, then read one byte of each cache line: us")
    for row in filter(None, result["then_read"]):
        print(f"{size(row['n']):>9}", *(f"{k} {v / 1000:.1f}  " for k, v in row["ns"].items()))
    print("\nthreads: GB/s of all threads together")
    for row in filter(None, result["threads"]):
        speeds = (f"{k} {v:.1f}  " for k, v in row["bytes_per_ns"].items())
        print(f"{row['threads']:>9} x {size(row['n'])}:", *speeds)
    fault = result["faults"]
    bare, recovered = fault["bare_ns"], fault["recovered_ns"]
    print(f"\na fault: bare signal {bare:.0f} ns, recovered {recovered:.0f} ns")
    print("\nfills at any offset: ns, then the speed of mcsafe_memset(), where memset() = 1")
    for row in filter(None, result["sets"]):
        times = (f"{k} {v:.1f}  " for k, v in row["ns"].items())
        speed = row["ns"]["libc"] / row["ns"]["mcsafe_memset"]
        print(f"{size(row['n']):>9}", *times, f"{speed:.2f}")
    ns = guard_costs(result["guards"])
    print(f"guards, ns above an empty loop: MCSAFE_TRY {ns['guard']:.1f}, ",
          f"mcsafe_call {ns['call']:.1f}, sigsetjmp {ns['sigsetjmp']:.1f}, ",
          f"sigsetjmp with the mask {ns['sigsetjmp_mask']:.0f}; ",
          f"a caught fault {ns['fault']:.0f}", sep="")
    print("registries of bad ranges:")
    for row in filter(None, result["badblocks"]):
        print(f"{row['ranges']:>9}: lookup {row['one_place_ns']:.1f} ns in one place,",
              f"{row['everywhere_ns']:.1f} ns anywhere; change {row['change_ns']:.0f} ns;",
              f"load {row['load_ms']:.0f} ms")
    lookups = filter(None, result["lookup"])
    print("lookup in the table:", *(f"{row['rows']} rows {row['ns']:.0f} ns; " for row in lookups))


def print_words(result: dict) -> None:
    """Print inline words and scans."""
    chain = result["loads"]
    print("\ndependent loads: ns for each")
    print("".join(f"{name:>12}" for name in chain))
    print("".join(f"{ns:12.3f}" for ns in chain.values()))
    print("\nscans that find nothing: ns of the C library's, then speed as a multiple of that")
    for row in filter(None, result["scans"]):
        print(f"{row['name']:>9} {size(row['n']):>9} {'odd' if row['offset'] else 'aligned':>8}"
              f" {row['ns']['libc']:12.1f} {ratio(row, 'mcsafe'):12.2f}")
    for name in ("load_or", "load_u64"):
        print(f"{f'{name} / plain load':<44} <= 1.20  {chain[name] / chain['plain']:8.2f}")


def print_pmem(result: dict) -> None:
    """Print reads from a mapped file, and how much known bad ranges add."""
    measured = [row for row in result["pmem"] if row]
    whole = [row for row in measured if not row["ranges"]]
    without = {row["n"]: row["ns"]["mcsafe_pmem_pread"] for row in whole}
    print("\nreads from a mapped file: ns, then speed as a multiple of the speed of pread(2), then")
    print("time as a multiple of the time without known bad ranges")
    print(f"{'n':>9} {'bad ranges':>12} {'pread':>12} {'mcsafe':>12} {'speed':>8} {'cost':>8}")
    for row in measured:
        kernel, ours = row["ns"]["pread"], row["ns"]["mcsafe_pmem_pread"]
        speed, cost = kernel / ours, ours / without[row["n"]]
        print(f"{size(row['n']):>9} {row['ranges']:>12} {kernel:12.1f} {ours:12.1f}",
              f"{speed:8.2f} {cost:8.2f}")
    between = filter(None, result["pmem_between"])
    print("reads of 64 B between two bad ranges, each with a lookup:",
          *(f"{row['ranges']} ranges {row['ns']:.0f} ns; " for row in between))
    alone, beside = (result["pmem_repair"][name] for name in ("alone_ns", "beside_ns"))
    print(f"reads: {alone:.0f} ns alone, {beside:.0f} ns while another thread repairs")
    print("\ntarget                                        wanted  measured")
    speeds = {row["n"]: row["ns"]["pread"] / row["ns"]["mcsafe_pmem_pread"] for row in whole}
    for n, wanted in ((64, 10), (4096, 4), (1 << 20, 1)):
        what = f"pread(2) / mcsafe_pmem_pread(), {size(n)}"
        print(f"{what:<44} >= {wanted:5.2f} {speeds[n]:8.2f}")
    worst = max(row["ns"]["mcsafe_pmem_pread"] / without[row["n"]] for row in measured)
    print(f"{'cost of known bad ranges, worst':<44} <= {1.1:5.2f} {worst:8.2f}")


def print_iter(result: dict) -> None:
    """Print scatter and gather, and how much a segment costs above a loop of memcpy()."""
    measured = [row for row in result["iter"] if row]
    names = list(measured[0]["ns"])
    print("\nscatter and gather: ns for a transfer of all segments; the last column is what each")
    print("segment costs in a scatter above its cost in a loop of memcpy()")
    print(f"{'segments':>9} {'n':>9}", *(f"{name:>16}" for name in names), f"{'each':>8}")
    for row in measured:
        ns = row["ns"]
        times = (f"{ns[name]:16.1f}" for name in names)
        each = (ns["scatter"] - ns["memcpy"]) / row["segments"]
        print(f"{row['segments']:>9} {size(row['n']):>9}", *times, f"{each:8.1f}")


def get_pyplot() -> ModuleType:
    """Import matplotlib, which is needed only for plots."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def decorate(axes: Any, title: str) -> None:
    """Set what all plots have in common."""
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel("bytes")
    axes.set_ylabel("speed, memcpy = 1")
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=7, ncols=2)


def plot(result: dict, directory: Path) -> None:
    """Draw one plot for each layout."""
    pyplot = get_pyplot()
    directory.mkdir(parents=True, exist_ok=True)
    for layout in LAYOUTS:
        measured = rows(result, layout)
        figure, axes = pyplot.subplots(figsize=(9, 4.5))
        for name in measured[0]["ns"]:
            lengths = [row["n"] for row in measured]
            width = 2.5 if name == MAIN else 1.2
            axes.plot(lengths, [ratio(row, name) for row in measured], label=name, linewidth=width)
        decorate(axes, f"{layout} operands; {result['processor']}, {result['date']}")
        axes.set_ylim(1 / 8, 4)
        figure.tight_layout()
        figure.savefig(directory / f"{layout}.png", dpi=110)
        pyplot.close(figure)
        print(f"plot: {directory / f'{layout}.png'}")


README_LENGTHS = [1, 8, 16, 32, 64, 128, 256, 512] + [1 << i for i in range(10, 29, 2)]
README_COLUMNS = (  # heading, layout, contender
    ("aligned", "aligned", MAIN),
    ("odd", "odd", MAIN),
    ("random", "random", MAIN),
    ("cold", "cold", MAIN),
    ("aligned, avx2", "aligned", "avx2"),
    ("random, avx2", "random", "avx2"),
)


def readme_table(result: dict) -> list[str]:
    """Return the lines of Markdown between the two markers in README.md."""
    cells = {(row["layout"], row["n"]): row for row in filter(None, result["copies"])}
    columns = [
        (heading, layout, name)
        for heading, layout, name in README_COLUMNS
        if name in rows(result, layout)[0]["ns"]
    ]
    lines = [
        f"{result['processor']} (family {result['family']:x}h), Linux {result['kernel']}, glibc "
        f"{result['libc']}, {result['date']}, engine {result['engine']}:",
        "",
        "| bytes | memcpy, ns | " + " | ".join(heading for heading, _, _ in columns) + " |",
        "|---:|---:|" + "---:|" * len(columns),
    ]
    for n in README_LENGTHS:
        if (columns[0][1], n) not in cells:
            continue
        ratios = (
            f"{ratio(cells[layout, n], name):.2f}" if (layout, n) in cells else ""
            for _, layout, name in columns
        )
        memcpy = cells[columns[0][1], n]["ns"]["libc"]
        time = f"{memcpy:.{1 if memcpy < 100 else 0}f}"
        lines.append(f"| {size(n)} | {time} | " + " | ".join(ratios) + " |")
    means = (
        mean([ratio(row, name) for row in rows(result, layout)]) for _, layout, name in columns
    )
    lines.append("| mean of all | | " + " | ".join(f"{value:.2f}" for value in means) + " |")
    recovered, bare = (result["faults"][name] / 1000 for name in ("recovered_ns", "bare_ns"))
    return [
        *lines,
        "",
        f"A fault costs {recovered:.1f} us, of which {bare:.1f} us are the signal and its return.",
    ]


def update_readme(result: dict, source: Path) -> None:
    """Renew the table in README.md, and its plot."""
    path = source / "README.md"
    text = path.read_text()
    start, end = (text.index(mark) for mark in ("<!-- speed -->", "<!-- /speed -->"))
    lines = "\n".join(readme_table(result))
    path.write_text(f"{text[:start]}<!-- speed -->\n{lines}\n{text[end:]}")
    print(f"table: {path}")

    pyplot = get_pyplot()
    figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
    for heading, layout, name in README_COLUMNS:
        measured = rows(result, layout)
        if name in measured[0]["ns"]:
            style = "-" if name == MAIN else "--"
            lengths = [row["n"] for row in measured]
            ratios = [ratio(row, name) for row in measured]
            axes.plot(lengths, ratios, style, label=heading, linewidth=1.2)
    decorate(axes, f"memcpy_mcsafe; {result['processor']}, {result['date']}")
    figure.tight_layout()
    figure.savefig(source / "docs" / "speed.png", dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Print all tables. Draw plots and renew README.md if the arguments ask for it."""
    result = json.loads(Path(sys.argv[1]).read_text())
    machine = f"{result['processor']}, Linux {result['kernel']}"
    print(f"{machine}, {result['date']}; engine {result['engine']}")
    for layout in LAYOUTS:
        print_layout(result, layout)
    print_rest(result)
    print_targets(result)
    print_words(result)
    print_pmem(result)
    print_iter(result)
    if len(sys.argv) > 2:
        plot(result, Path(sys.argv[2]))
    if len(sys.argv) > 3:
        update_readme(result, Path(sys.argv[3]))


if __name__ == "__main__":
    main()
