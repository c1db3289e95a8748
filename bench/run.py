#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""run.py - run the benchmark several times, and print tables of what it measured.

Each run is a new process: libraries, stacks and pages lie elsewhere, and the differences between
the runs are the noise that is printed. Within a run all ratios come from interleaved samples.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import plots
import readme
import stored
import tables
from results import Results, collect
from targets import lines

SOURCE = Path(__file__).resolve().parent.parent
KEPT = SOURCE / "bench" / "results"
PRIORITY = 50


def say(text: str, end: str = "\n") -> None:
    """Print a message for the user."""
    print(text, end=end, file=sys.stderr, flush=True)


def pin() -> None:
    """Stay on one processor, with real-time priority if that is allowed. Runs in the child."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        say("bench: no permission for real-time priority: other programs may disturb the run")


def run(program: Path, options: list[str], what: str) -> list[str]:
    """Run the program once. On a terminal, show how far it is."""
    found = []
    # Tests run it with --smoke, many at a time. They must not hold a processor.
    before = None if "--smoke" in options else pin
    with subprocess.Popen(
        [program, *options], stdout=subprocess.PIPE, text=True, preexec_fn=before
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            found.append(line)
            if sys.stderr.isatty() and len(found) > 1:
                row = json.loads(line)
                place = f"{row['part']} {row['where']} {row['n'] or ''}"
                say(f"\r{what}: {len(found):4} {place:<50}", end="")
    if sys.stderr.isatty():
        say(f"\r{'':<79}\r", end="")
    if child.returncode != 0:
        sys.exit(f"bench: {program.name} ended with status {child.returncode}")
    return found


def measure(arguments: argparse.Namespace) -> Results:
    """Run all programs, in turn, as often as is asked for."""
    options = [f"--{name}" for name in ("quick", "smoke") if getattr(arguments, name)]
    if arguments.only:
        options += ["--only", arguments.only]
    # Engines are compared in processes of their own: see bench.h.
    programs = [
        (path, more)
        for name, more in (
            ("mcsafe_bench", []),
            ("mcsafe_bench", ["--engines"]),
            ("mcsafe_bench_noplt", []),
            ("mcsafe_bench_static", []),
        )
        if (path := arguments.programs / name).exists()
    ]
    found = []
    for i in range(arguments.runs):
        for program, more in programs:
            what = " ".join([f"run {i + 1} of {arguments.runs}, {program.name}", *more])
            found.append(run(program, options + more, what))
    return collect(found)


def write_json(results: Results, path: Path) -> str:
    """Write everything that was measured, and return it."""
    rows = [{"linked": row.program, **vars(row)} for row in results.rows]
    targets = {line.measure.name: stored.entry(line) for line in lines(results)}
    text = json.dumps({"machine": results.machine, "targets": targets, "rows": rows}, indent=1)
    path.write_text(text + "\n")
    return text


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="less of everything: about a minute")
    parser.add_argument("--smoke", action="store_true", help="one run that is too short to count")
    parser.add_argument("--only", metavar="NAME", help="one part, or one place: --list names them")
    parser.add_argument("--runs", type=int, help="how often to run (default: 9; quick: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--compare", action="store_true", help="warn about what became slower")
    parser.add_argument(
        "--update", action="store_true", help="store the results; renew the tables of README.md"
    )
    parser.add_argument("--list", action="store_true", help="print the parts and their places")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.update and (arguments.only or arguments.quick or arguments.smoke):
        parser.error("--update needs a whole run")
    arguments.runs = arguments.runs or (1 if arguments.smoke else 3 if arguments.quick else 9)
    return arguments


def main() -> None:
    """Measure, print, and store if the arguments ask for it."""
    arguments = parse()
    if arguments.list:  # the static program has all parts
        subprocess.run([arguments.programs / "mcsafe_bench_static", "--list"], check=True)
        return
    results = measure(arguments)
    if not results.rows:
        sys.exit(f'bench: nothing is called "{arguments.only}"; see --list')
    arguments.output.mkdir(parents=True, exist_ok=True)
    text = write_json(results, arguments.output / "bench.json")
    if arguments.json:
        print(text)
    else:
        print(tables.heading(results.machine))
        tables.print_rows(results)
        tables.print_engines(results)
        tables.print_targets(results)
    if arguments.compare:
        stored.print_comparison(KEPT, results)
    if not arguments.json and not arguments.smoke:
        plots.plot_layouts(results, arguments.output)
    if arguments.update:
        say(f"bench: {stored.write(KEPT, results)}")
        kept = [found for path in sorted(KEPT.glob("*.json")) if (found := stored.read(path))]
        readme.update(SOURCE / "README.md", kept)
        plots.plot_stored(kept, SOURCE / "docs" / "speed.png")


if __name__ == "__main__":
    main()
