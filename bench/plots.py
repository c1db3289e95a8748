# SPDX-License-Identifier: BSD-3-Clause
"""plots.py - plots of the speed of copies by length."""

from pathlib import Path
from types import ModuleType
from typing import Any

from results import Results
from stored import Stored

LAYOUTS = ("aligned", "odd", "random", "cold")


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


def plot_layouts(results: Results, directory: Path) -> None:
    """Draw one plot for each layout, with all contenders."""
    pyplot = get_pyplot()
    for layout in LAYOUTS:
        rows = results.find("shared", "memcpy", layout)
        if not rows:
            continue
        figure, axes = pyplot.subplots(figsize=(9, 4.5))
        for name in rows[0].ns:
            width = 2.5 if name == "memcpy_mcsafe" else 1.2
            lengths = [row.n for row in rows]
            axes.plot(lengths, [row.speed(name).value for row in rows], label=name, linewidth=width)
        machine = results.machine
        decorate(axes, f"{layout} operands; {machine['processor']}, {machine['date']}")
        axes.set_ylim(1 / 8, 4)
        figure.tight_layout()
        figure.savefig(directory / f"{layout}.png", dpi=110)
        pyplot.close(figure)
        print(f"plot: {directory / f'{layout}.png'}")


def plot_stored(all_stored: list[Stored], path: Path) -> None:
    """Draw the plot of README.md: memcpy_mcsafe() on all processors that were measured."""
    pyplot = get_pyplot()
    figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
    for stored in all_stored:
        for layout, style in (("aligned", "-"), ("random", "--")):
            start = f"shared memcpy, {layout}, "
            points = [
                (int(key.removeprefix(start)), value[1])
                for key, value in stored["rows"].items()
                if key.startswith(start)
            ]
            if points:
                label = f"{stored['machine']['processor']}, {layout}"
                axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1.2)
    decorate(axes, "memcpy_mcsafe by length")
    ticks = [0.5, 0.7, 1, 1.4, 2, 2.8]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
