#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""vm.py - runs a program as root in a small Linux guest, where memory can really be poisoned.

Exit status of `run`: the command's own (128 + n if signal n killed it); 125 if the guest hung,
panicked or gave no result; 77, with a line "SKIP: reason", if QEMU or a kernel is missing, or 1
instead when MCSAFE_NO_SKIP=1 is in the environment.
"""

import argparse
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import image
import kernel
import lab
import qemu
import report
import scenario
import tools
from errors import GuestFailure, Unavailable

EXIT_SKIP = 77
EXIT_GUEST = 125
KERNEL_VARIABLE = "MCSAFE_VM_KERNEL"


def main() -> int:
    """Carry out the command line."""
    args = parse(sys.argv[1:])
    # An ordinary exit also ends QEMU.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return args.action(args)
    except Unavailable as reason:
        return skip(str(reason))
    except GuestFailure as failure:
        print(f"vm.py: {failure}", file=sys.stderr)
        return EXIT_GUEST


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", type=Path, required=True, help="directory of fetched files")

    other = argparse.ArgumentParser(add_help=False)
    other.add_argument(
        "--kernel",
        choices=kernel.RELEASES,
        default=named_kernel(),
        help=f"the kernel of this release of Debian, instead of that of the host; the variable "
        f"{KERNEL_VARIABLE} of the environment does the same",
    )

    guest = argparse.ArgumentParser(add_help=False)
    guest.add_argument("--kvm", action="store_true", help="use KVM instead of emulation")
    guest.add_argument("--cpu", default="", help="QEMU's name of a processor")
    guest.add_argument("--memory", default="768M", help="the guest's memory (default %(default)s)")
    guest.add_argument("--fetch", action="store_true", help="download missing files")
    guest.add_argument(
        "--program", type=Path, action="append", default=[], help="file to put into /bin"
    )

    run = actions.add_parser(
        "run", parents=[common, other, guest], help="run a command in the guest"
    )
    run.add_argument(
        "--timeout", type=float, default=120, help="seconds from power-on (default %(default)s)"
    )
    run.add_argument("command", nargs="+", help="command and arguments, after --")
    run.set_defaults(action=run_command)

    shell = actions.add_parser("shell", parents=[common, other, guest], help="a shell in the guest")
    shell.add_argument(
        "--nvdimm", action="store_true", help="with persistent memory, ndctl, mkfs and the lab"
    )
    shell.set_defaults(action=run_shell)

    lab_run = actions.add_parser(
        "lab", parents=[other], help="run scenarios with real machine checks"
    )
    lab_run.add_argument("--cache", type=Path, help="directory of fetched files")
    lab_run.add_argument(
        "--program",
        type=Path,
        action="append",
        default=[],
        help="the lab's programs: tests/vm/lab, in which breakpoints are set, then lab_ndctl",
    )
    lab_run.add_argument("--artefacts", type=Path, help="where results go (default: the cache)")
    lab_run.add_argument("--memory", default="768M", help="as above (default %(default)s)")
    lab_run.add_argument("--list", action="store_true", help="list the scenarios")
    lab_run.add_argument("--fast", action="store_true", help="only the fast scenarios")
    lab_run.add_argument(
        "--short", action="store_true",
        help="only those whose values depend on the kernel, and plain",
    )  # fmt: skip
    lab_run.add_argument("--report", type=Path, metavar="PAGE", help="write docs/poison.md")
    lab_run.add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIRECTORY",
        help="for --report, results of another kernel: where its --artefacts went",
    )  # fmt: skip
    lab_run.add_argument("scenario", nargs="*", help="names, or all")
    lab_run.set_defaults(action=run_lab)

    fetch = actions.add_parser(
        "fetch", parents=[common, other], help="download the files that a guest is made of"
    )
    fetch.add_argument(
        "--no-tools", dest="tools", action="store_false",
        help="leave out the programs for persistent memory, which only the lab uses",
    )  # fmt: skip
    fetch.set_defaults(action=fetch_all)
    return parser.parse_args(argv)


def skip(reason: str) -> int:
    """Print why nothing was run, and return the exit status for that."""
    if os.environ.get("MCSAFE_NO_SKIP") == "1":
        print(f"vm.py: would skip, but MCSAFE_NO_SKIP=1: {reason}", file=sys.stderr)
        return 1
    print(f"SKIP: {reason}")
    return EXIT_SKIP


def fetch_all(args: argparse.Namespace) -> int:
    """Download the files that a guest is made of."""
    try:
        print(kernel.fetch(args.cache, args.kernel).image)
        print(image.fetch_busybox(args.cache))
        for program in tools.fetch(args.cache) if args.tools else ():
            print(program)
    except Unavailable as reason:
        print(f"vm.py: {reason}", file=sys.stderr)
        return 1
    return 0


def run_command(args: argparse.Namespace) -> int:
    """Run one command in a guest."""
    args.cache.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="run-", dir=args.cache) as scratch:
        machine = build(args, Path(scratch), args.command, token)
        console = args.cache / f"console-{Path(scratch).name}.log"
        deadline = time.monotonic() + args.timeout
        status = qemu.run(machine, token, lambda: deadline, console, relay)
    if status == 0:
        console.unlink()
    else:
        print(f"vm.py: exit status {status}; the console is in {console}", file=sys.stderr)
    return skip("the command in the guest reported a skip") if status == EXIT_SKIP else status


def run_lab(args: argparse.Namespace) -> int:
    """Run scenarios of the lab."""
    scenarios = scenario.load()
    if args.list:
        for entry in scenarios.values():
            print(f"{entry.name:24} {'fast' if entry.fast else '    '}  {entry.title}")
        return 0
    chosen = choose(scenarios, args.scenario, args.fast, args.short)
    if not args.cache or not args.program:
        raise SystemExit("vm.py lab: --cache and --program are needed to run anything")
    artefacts = args.artefacts or args.cache / "lab"
    artefacts.mkdir(parents=True, exist_ok=True)
    guest_kernel, busybox = ingredients(args.cache, args.kernel)
    parts = lab.Ingredients(args.cache, guest_kernel, busybox, args.program, args.memory)
    run = lab.Lab(parts, artefacts, lambda result: print(report.text(result), flush=True))
    results = run.run(chosen)
    report.write(artefacts, run.kernel_release, results)
    if any(result.problems for result in results):
        print(f"vm.py: details of the failures are in {artefacts}", file=sys.stderr)
        return 1
    if any(result.skipped for result in results):
        return skip("a scenario in the guest reported a skip")
    if args.report:
        write_page(args.report, [artefacts, *args.also], scenarios)
    return 0


def choose(
    scenarios: dict[str, scenario.Scenario],
    names: Sequence[str],
    fast: bool = False,
    short: bool = False,
) -> list[scenario.Scenario]:
    """Return the requested scenarios."""
    unknown = [name for name in names if name not in scenarios and name != "all"]
    if unknown:
        raise SystemExit(f"vm.py lab: no scenario {', '.join(unknown)}; see --list")
    wanted = scenarios if "all" in names or not names else dict.fromkeys(names)
    chosen = [entry for name, entry in scenarios.items() if name in wanted]
    if short:
        chosen = [entry for entry in chosen if entry.since or entry.name == "plain"]
    return [entry for entry in chosen if entry.fast or not fast]


def write_page(
    page: Path, artefacts: Sequence[Path], scenarios: dict[str, scenario.Scenario]
) -> None:
    """Write the page of the documentation that consists of measurements, with the results of each
    kernel in a column."""
    everything = scenarios.values()
    columns = dict(report.measured(path / "results.json", everything) for path in artefacts)
    in_order = sorted(columns, key=scenario.version)
    page.write_text(report.page(everything, {release: columns[release] for release in in_order}))


def run_shell(args: argparse.Namespace) -> int:
    """Give the user a shell in a guest."""
    args.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=args.cache) as scratch:
        make = build_with_nvdimm if args.nvdimm else build
        return qemu.interact(make(args, Path(scratch), None, ""))


def ingredients(cache: Path, name: str, fetch: bool = False) -> tuple[kernel.Kernel, Path]:
    """Return the kernel of that name and the busybox for a guest, or report what is missing."""
    qemu.require()
    if fetch:
        return kernel.fetch(cache, name), image.fetch_busybox(cache)
    return kernel.find(cache, name), image.find_busybox(cache)


def named_kernel() -> str:
    """Return the name of the kernel that the environment asks for."""
    name = os.environ.get(KERNEL_VARIABLE, "")
    if name and name not in kernel.RELEASES:
        raise SystemExit(f"{KERNEL_VARIABLE}: no kernel {name}; {', '.join(kernel.RELEASES)}")
    return name


def build(
    args: argparse.Namespace, scratch: Path, command: Sequence[str] | None, token: str
) -> qemu.Machine:
    """Make the files that a guest boots from."""
    guest_kernel, busybox = ingredients(args.cache, args.kernel, args.fetch)
    initrd, disk = scratch / "initramfs", scratch / "disk"
    initrd.write_bytes(image.initramfs(guest_kernel, busybox, args.program, command, token))
    image.disk(disk)
    return qemu.Machine(guest_kernel.image, initrd, disk, args.memory, args.cpu, args.kvm)


def build_with_nvdimm(
    args: argparse.Namespace, scratch: Path, command: Sequence[str] | None, token: str
) -> qemu.Machine:
    """Make the files for the lab's machine with persistent memory."""
    if args.kvm or args.cpu:
        raise SystemExit("vm.py shell: the lab's machine is emulated: no --kvm or --cpu")
    guest_kernel, busybox = ingredients(args.cache, args.kernel, args.fetch)
    if args.fetch:
        tools.fetch(args.cache)
    parts = lab.Ingredients(args.cache, guest_kernel, busybox, args.program, args.memory)
    run = lab.Lab(parts, scratch, print)
    return run.machine(lab.Hardware(nvdimm=True), scratch, command, token)


def relay(data: bytes) -> None:
    """Pass the guest's output on as it arrives."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
