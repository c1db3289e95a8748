# SPDX-License-Identifier: BSD-3-Clause
"""gdb.py - a client of the GDB remote protocol, with the parts that stopping a guest needs."""

import contextlib
import re
import socket
import time
from dataclasses import dataclass

from errors import GuestFailure

# The order in which QEMU's stub sends the registers of an x86-64 processor, 8 bytes each.
REGISTERS = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *(f"r{n}" for n in range(8, 16)),
)
EXECUTE, READ = 1, 3  # types of hardware breakpoint in "Z" packets
REPLY_SECONDS = 20
PACKET = re.compile(rb"\$([^#]*)#([0-9a-f]{2})")


@dataclass(frozen=True)
class Stop:
    """Why the machine has stopped: on which processor (from 0), and at a read of which address."""

    signal: int
    processor: int
    read: int | None

    @classmethod
    def parse(cls, packet: str) -> "Stop":
        """Read a "T" packet, as in T05thread:p01.02;rwatch:7f00;"""
        if not re.match(r"T[0-9a-f]{2}", packet):
            raise GuestFailure(f"gdb: not a stop: {packet!r}")
        fields = dict(part.split(":", 1) for part in packet[3:].split(";") if ":" in part)
        thread = fields.get("thread", "1").rpartition(".")[2]
        read = fields.get("rwatch")
        return cls(int(packet[1:3], 16), int(thread, 16) - 1, int(read, 16) if read else None)


def framed(text: str) -> bytes:
    """Return the data as a packet with its checksum."""
    data = text.encode()
    return b"$%s#%02x" % (data, sum(data) & 255)


class Client:
    """The debugger's end of a connection to QEMU's stub."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._pending = b""
        self._described = False

    def feed(self, data: bytes) -> list[Stop]:
        """Take data that arrived without a request, and return the stops in it."""
        self._pending += data
        stops = []
        while (packet := self._packet()) is not None:
            if not packet.startswith("W"):  # QEMU's farewell
                stops.append(Stop.parse(packet))
        return stops

    def command(self, text: str) -> str:
        """Send a packet and return the answer. The machine must be stopped."""
        self._socket.sendall(framed(text))
        return self._receive()

    def expect_ok(self, text: str) -> None:
        """Send a packet whose answer must be OK."""
        answer = self.command(text)
        if answer != "OK":
            raise GuestFailure(f"gdb: {text} was answered by {answer!r}")

    def interrupt(self) -> Stop:
        """Stop the machine. A stop that happened before the request arrived also counts."""
        self._socket.sendall(b"\x03")
        return Stop.parse(self._receive())

    def resume(self, processor: int | None = None) -> None:
        """Let the machine run, or only one of its processors. Stops arrive through feed()."""
        self._socket.sendall(framed("c" if processor is None else f"vCont;c:{processor + 1:x}"))

    def wait(self) -> Stop:
        """Wait for the next stop."""
        return Stop.parse(self._receive())

    def step(self, processor: int) -> None:
        """Execute one instruction on one processor. The other processors do not run."""
        Stop.parse(self.command(f"vCont;s:{processor + 1:x}"))

    def select(self, processor: int) -> None:
        """Choose the processor whose registers and memory are read."""
        self.expect_ok(f"Hg{processor + 1:x}")

    def registers(self, processor: int) -> dict[str, int]:
        """Return the general registers and "rip"."""
        self.select(processor)
        data = bytes.fromhex(self.command("g").replace("x", "0"))
        names = (*REGISTERS, "rip")
        return {
            name: int.from_bytes(data[8 * i : 8 * i + 8], "little") for i, name in enumerate(names)
        }

    def write(self, processor: int, name: str, value: int) -> None:
        """Give a register a value."""
        if not self._described:
            # Before QEMU 9 the stub refuses to write until its description has been read.
            self.command("qXfer:features:read:target.xml:0,ffb")
            self._described = True
        self.select(processor)
        number = (*REGISTERS, "rip").index(name)
        self.expect_ok(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def memory(self, address: int, size: int) -> bytes:
        """Read memory as the selected processor sees it."""
        answer = self.command(f"m{address:x},{size:x}")
        if len(answer) != 2 * size:
            raise GuestFailure(f"gdb: cannot read memory at {address:#x}: {answer!r}")
        return bytes.fromhex(answer)

    def insert(self, kind: int, address: int, size: int = 1) -> None:
        """Set a hardware breakpoint: EXECUTE stops before the instruction, READ after it."""
        self.expect_ok(f"Z{kind},{address:x},{size:x}")

    def remove(self, kind: int, address: int, size: int = 1) -> None:
        """Remove a hardware breakpoint."""
        self.expect_ok(f"z{kind},{address:x},{size:x}")

    def _packet(self) -> str | None:
        found = PACKET.search(self._pending)
        if not found:
            return None
        self._pending = self._pending[found.end() :]
        content, checksum = found.groups()
        if sum(content) & 255 != int(checksum, 16):
            raise GuestFailure(f"gdb: damaged packet {content!r}")
        with contextlib.suppress(BrokenPipeError):
            self._socket.sendall(b"+")
        return content.decode()

    def _receive(self) -> str:
        deadline = time.monotonic() + REPLY_SECONDS
        while (packet := self._packet()) is None:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise GuestFailure("gdb: no answer from QEMU's stub") from None
            finally:
                self._socket.settimeout(None)
            if not data:
                raise GuestFailure("gdb: QEMU has gone")
            self._pending += data
        return packet
