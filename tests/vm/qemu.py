# SPDX-License-Identifier: BSD-3-Clause
"""qemu.py - runs one guest: relays its output, reads its result, and always ends it."""

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
# The processor is an Intel one: on the plain "max" (AMD) Linux does not recover from machine
# checks.
TCG_CPU = "max,vendor=GenuineIntel,family=6,model=106,stepping=6"
TROUBLE = re.compile(
    r"Kernel panic|Oops: |general protection fault|kernel BUG at|BUG: (?!(?:soft|workqueue) lockup)"
)
LAST_LINES = 30
SHUTDOWN_SECONDS = 10


@dataclass(frozen=True)
class Machine:
    """The virtual hardware, and the files that it boots."""

    kernel: Path
    initrd: Path
    disk: Path
    memory: str
    cpu: str = ""
    kvm: bool = False
    nvdimm: str = ""  # size of its persistent memory
    nvdimm_file: Path | None = None  # the file that keeps it; without one it ends with the machine

    def argv(self) -> list[str]:
        """Return the command line without the ports."""
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
            # A panic reboots at once, and a reboot ends QEMU (-no-reboot). On a busy host the
            # emulated timer may be late, and the kernel must not take it for a broken one.
            # While the kernel changes its own code, another emulated processor may run the old
            # code, and the kernel takes that for an error. Most changes are made while it boots, so
            # guest-init starts the other processor.
            *("-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic no_timer_check maxcpus=1"),
        ]


def require() -> None:
    """Check that QEMU is installed."""
    if not shutil.which(QEMU):
        raise Unavailable(f"{QEMU} is not installed (Debian: qemu-system-x86)")


class Port:
    """A character device of the guest: a socket whose one end is ours, and QEMU's arguments for its
    other end."""

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
    """The output of the command, up to the token that announces its exit status."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the guest, and return those that certainly are the command's output."""
        self._held += data
        keep = self._held.find(self._token)
        if keep < 0:
            keep = len(self._held) - self._partial()
        ready, self._held = self._held[:keep], self._held[keep:]
        return ready

    def status(self) -> int | None:
        """Return the exit status as soon as it has arrived."""
        found = re.fullmatch(re.escape(self._token) + rb" (\d+)\n", self._held)
        return int(found.group(1)) if found else None

    def rest(self) -> bytes:
        """Return the bytes that were held back as a possible result, if they were not one."""
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

    The text of the console goes to the file `console`. The deadline, in time.monotonic(), is read
    again and again, and may move. `attach` gets our end of the command's port, and the ports that
    it returns are also connected.
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
    """Return a command line that dies with this process, even if a SIGKILL kills this process."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


def _converse(argv: list[str], ports: Ports, deadline: Callable[[], float]) -> int | None:
    """Run QEMU and hand out arriving data. Return the exit status, or None if the time ran out."""
    for port in ports:
        argv = argv + port.argv
    # We handle Ctrl-C ourselves, so QEMU has a session of its own.
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
    """Hand out arriving data until QEMU has closed all ports. Return False if the time runs out
    first."""
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
                except ConnectionResetError:  # closed with unread data of ours
                    data = b""
                if data:
                    key.data(data)
                else:
                    selector.unregister(key.fileobj)
    return True


def _problem(ended: int | None, status: int | None, console: str) -> GuestFailure | None:
    """Return what went wrong in the guest, if anything did."""
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
