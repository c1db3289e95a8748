# SPDX-License-Identifier: BSD-3-Clause
"""qemu.py - runs one guest: relays its output, reads its result, and never leaves it behind."""

import contextlib
import re
import selectors
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from errors import GuestFailure, KernelTrouble, Unavailable

QEMU = "qemu-system-x86_64"
# An Intel processor: Linux recovers from a machine check on the plain "max" (AMD) not at all.
TCG_CPU = "max,vendor=GenuineIntel,family=6,model=106,stepping=6"
TROUBLE = re.compile(
    r"Kernel panic|Oops: |general protection fault|kernel BUG at|BUG: (?!(?:soft|workqueue) lockup)"
)
LAST_LINES = 30
SHUTDOWN_SECONDS = 10


@dataclass(frozen=True)
class Machine:
    """The virtual hardware and what it boots."""

    kernel: Path
    initrd: Path
    disk: Path
    memory: str
    cpu: str = ""
    kvm: bool = False
    nvdimm: str = ""  # size of its persistent memory
    nvdimm_file: Path | None = None  # where that is kept; otherwise it ends with the machine

    def argv(self) -> list[str]:
        """Return the command line, but for the ports."""
        quoted = str(self.disk).replace(",", ",,")
        accel, cpu = ("kvm", "host") if self.kvm else ("tcg,thread=multi", TCG_CPU)
        machine, memory, nvdimm = "pc", self.memory, []
        if self.nvdimm:
            machine, memory = "pc,nvdimm=on", f"{self.memory},slots=1,maxmem=4G"
            backend = f"ram,id=pmem,size={self.nvdimm}"
            if self.nvdimm_file:
                path = str(self.nvdimm_file).replace(",", ",,")
                backend = f"file,id=pmem,size={self.nvdimm},share=on,mem-path={path}"
            nvdimm += ["-object", f"memory-backend-{backend}"]
            nvdimm += ["-device", "nvdimm,memdev=pmem"]
        return [
            *(QEMU, "-no-user-config", "-nodefaults", "-no-reboot", "-display", "none"),
            *("-machine", machine, "-accel", accel, "-cpu", self.cpu or cpu),
            *("-m", memory, "-smp", "2", *nvdimm),
            *("-drive", f"file={quoted},if=virtio,format=raw,cache=unsafe"),
            *("-kernel", str(self.kernel), "-initrd", str(self.initrd)),
            # A panic reboots at once, which ends QEMU (-no-reboot). On a busy host the emulated
            # timer may be late, which the kernel must not take for a broken one.
            *("-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic no_timer_check"),
        ]


def require() -> None:
    """Make sure that there is a QEMU to run."""
    if not shutil.which(QEMU):
        raise Unavailable(f"{QEMU} is not installed (Debian: qemu-system-x86)")


class Port:
    """A character device of the guest: our end of a socket, and QEMU's arguments for the other."""

    USES = {
        "serial": "-serial chardev:{}",
        "gdb": "-gdb chardev:{}",
        "monitor": "-mon chardev={},mode=control",
    }

    def __init__(self, name: str, use: str = "serial") -> None:
        self.socket, self.theirs = socket.socketpair()
        fd = self.theirs.fileno()
        self.argv = ["-chardev", f"socket,id={name},fd={fd}", *self.USES[use].format(name).split()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.theirs.close()


Ports = dict[Port, Callable[[bytes], object]]


class Output:
    """What the command writes, up to the token that announces its exit status."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the guest; return those that are the command's output for certain."""
        self._held += data
        keep = self._held.find(self._token)
        if keep < 0:
            keep = len(self._held) - self._partial()
        ready, self._held = self._held[:keep], self._held[keep:]
        return ready

    def status(self) -> int | None:
        """Return the exit status once it is there."""
        found = re.fullmatch(re.escape(self._token) + rb" (\d+)\n", self._held)
        return int(found.group(1)) if found else None

    def rest(self) -> bytes:
        """Return what was held back in case it would become the result, and did not."""
        return b"" if self.status() is not None else self._held

    def _partial(self) -> int:
        longest = min(len(self._token), len(self._held))
        return next(n for n in range(longest, -1, -1) if self._held.endswith(self._token[:n]))


def run(
    machine: Machine,
    token: str,
    deadline: Callable[[], float],
    console: Path,
    relay: Callable[[bytes], None],
    attach: Callable[[socket.socket], Ports] = lambda _: {},
) -> int:
    """Boot the machine and return the exit status of the guest's command.

    The console's text is left in the file `console`. The deadline, by time.monotonic(), is asked
    for again and again, and may move. What `attach` makes of our end of the command's port is
    connected as well.
    """
    output = Output(token)
    with (
        console.open("wb", buffering=0) as log,
        Port("console") as kernel_port,
        Port("output") as command_port,
        contextlib.ExitStack() as others,
    ):
        ports: Ports = {
            kernel_port: log.write,
            command_port: lambda data: relay(output.feed(data)),
        }
        for port, consume in attach(command_port.socket).items():
            ports[others.enter_context(port)] = consume
        ended = _converse(machine.argv(), ports, deadline)
    relay(output.rest())
    problem = _problem(ended, output.status(), console.read_text(errors="replace"))
    if problem:
        raise type(problem)(f"{problem}\n{console_tail(console)}")
    return output.status()


def console_tail(console: Path) -> str:
    """Return the last lines of the console, framed for a message."""
    last = "\n".join(console.read_text(errors="replace").splitlines()[-LAST_LINES:])
    return f"--- last lines of the console ({console}):\n{last}\n---"


def interact(machine: Machine) -> int:
    """Boot the machine with its console on our terminal."""
    argv = _mortal([*machine.argv(), "-serial", "mon:stdio"])
    return subprocess.run(argv, check=False).returncode


def _mortal(argv: list[str]) -> list[str]:
    """Return a command line that dies with us, even if we are killed outright."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


def _converse(argv: list[str], ports: Ports, deadline: Callable[[], float]) -> int | None:
    """Run QEMU and hand out what arrives; return its exit status, None if time ran out."""
    for port in ports:
        argv = argv + port.argv
    # A Ctrl-C is for us to deal with, hence the session.
    qemu = subprocess.Popen(
        _mortal(argv),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[port.theirs.fileno() for port in ports],
    )
    try:
        for port in ports:
            port.theirs.close()
        return qemu.wait(SHUTDOWN_SECONDS) if _pump(ports, deadline) else None
    except subprocess.TimeoutExpired:
        return None
    finally:
        qemu.kill()
        qemu.wait()


def _pump(ports: Ports, deadline: Callable[[], float]) -> bool:
    """Hand out what arrives until QEMU has closed all ports; False if time runs out first."""
    with selectors.DefaultSelector() as selector:
        for port, consume in ports.items():
            selector.register(port.socket, selectors.EVENT_READ, consume)
        while selector.get_map():
            left = deadline() - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 1)):
                try:
                    data = key.fileobj.recv(65536)
                except ConnectionResetError:  # closed with something of ours unread
                    data = b""
                if data:
                    key.data(data)
                else:
                    selector.unregister(key.fileobj)
    return True


def _problem(ended: int | None, status: int | None, console: str) -> GuestFailure | None:
    """Say what went wrong in the guest, if anything did."""
    trouble = next((line for line in console.splitlines() if TROUBLE.search(line)), None)
    if trouble:
        return KernelTrouble(f"the guest's kernel is in trouble: {trouble.strip()}")
    if ended is None:
        return GuestFailure("the guest hangs: not finished in time")
    if ended != 0:
        return GuestFailure(f"{QEMU} failed with status {ended}")
    if status is None:
        return GuestFailure("the guest stopped without a result")
    return None
