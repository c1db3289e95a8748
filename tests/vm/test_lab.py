#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_lab.py - the parts of the lab that need no guest."""

import argparse
import base64
import json
import re
import shutil
import socket
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import acpi
import debian
import gdb
import lab
import machine_check
import operands
import qemu
import qmp
import report
import scenario
import tools
import vm
from errors import GuestFailure, KernelTrouble, Unavailable
from operands import Operand
from scenario import Result, Scenario


class Peer:
    """The other end of a connection: answers data as it arrives, piece by piece."""

    def __init__(self, test: unittest.TestCase, respond: Callable[[bytes], list[bytes]]) -> None:
        self.received: list[bytes] = []
        self.client, self._socket = socket.socketpair()
        self._respond = respond
        test.addCleanup(self.close)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.client.close()
        self._socket.close()

    def _serve(self) -> None:
        try:
            while data := self._socket.recv(4096):
                self.received.append(data)
                for piece in self._respond(data):
                    self._socket.sendall(piece)
        except OSError:
            pass


class GdbTest(unittest.TestCase):
    """The client of QEMU's gdb stub."""

    def client(self, *answers: bytes) -> tuple[gdb.Client, Peer]:
        """Return a client, and a stub that gives one answer to each packet."""
        waiting = list(answers)

        def respond(data: bytes) -> list[bytes]:
            is_packet = b"$" in data or b"\x03" in data
            return [waiting.pop(0)] if is_packet and waiting else []

        peer = Peer(self, respond)
        return gdb.Client(peer.client), peer

    def test_a_packet_has_its_checksum(self) -> None:
        self.assertEqual(gdb.framed("OK"), b"$OK#9a")

    def test_stop_packets_are_parsed(self) -> None:
        stop = gdb.Stop.parse("T05thread:02;rwatch:7f00;")
        self.assertEqual(stop, gdb.Stop(5, 1, 0x7F00))
        self.assertEqual(gdb.Stop.parse("T02thread:p01.0a;"), gdb.Stop(2, 9, None))
        with self.assertRaises(GuestFailure):
            gdb.Stop.parse("OK")

    def test_stops_arrive_in_pieces(self) -> None:
        client, _ = self.client()
        data = b"+" + gdb.framed("T05thread:01;") + gdb.framed("W00")
        stops = [stop for byte in data for stop in client.feed(bytes([byte]))]
        self.assertEqual(stops, [gdb.Stop(5, 0, None)])

    def test_damaged_packet_is_an_error(self) -> None:
        client, _ = self.client()
        with self.assertRaisesRegex(GuestFailure, "damaged"):
            client.feed(b"$OK#00")

    def test_a_breakpoint_is_set_and_an_error_raised(self) -> None:
        client, peer = self.client(b"+$OK#9a", b"+$E22#a9")
        client.insert(gdb.READ, 0x1000, 64)
        self.assertEqual(peer.received[0], gdb.framed("Z3,1000,40"))
        with self.assertRaisesRegex(GuestFailure, "E22"):
            client.remove(gdb.READ, 0x1000, 64)

    def test_an_interrupt_returns_the_stop(self) -> None:
        client, _ = self.client(gdb.framed("T02thread:01;"))
        self.assertEqual(client.interrupt(), gdb.Stop(2, 0, None))

    def test_registers_are_read_in_order(self) -> None:
        values = b"".join(n.to_bytes(8, "little") for n in range(17)).hex()
        client, _ = self.client(gdb.framed("OK"), gdb.framed(values))
        registers = client.registers(0)
        self.assertEqual(registers["rsi"], 4)
        self.assertEqual(registers["r8"], 8)
        self.assertEqual(registers["rip"], 16)

    def test_a_register_is_written_after_the_description_was_read(self) -> None:
        client, peer = self.client(gdb.framed("l"), *[gdb.framed("OK")] * 4)
        client.write(1, "rcx", 0x141)
        client.write(1, "rip", 0x6A001780)
        sent = re.findall(r"\$([^#]*)#", b"".join(peer.received).decode())
        self.assertRegex(sent.pop(0), "^qXfer:features:read:target.xml:")
        writes = ["Hg2", "P2=4101000000000000", "Hg2", "P10=8017006a00000000"]
        self.assertEqual(sent, writes)

    def test_silence_is_an_error(self) -> None:
        client, _ = self.client()
        with mock.patch.object(gdb, "REPLY_SECONDS", 0.05):
            with self.assertRaisesRegex(GuestFailure, "no answer"):
                client.command("g")

    def test_end_of_qemu_is_an_error(self) -> None:
        client, peer = self.client()
        peer.close()
        with self.assertRaises((GuestFailure, OSError)):
            client.command("g")


class QmpTest(unittest.TestCase):
    """The client of QEMU's monitor."""

    def client(self, answers: dict[str, object]) -> qmp.Client:
        def respond(data: bytes) -> list[bytes]:
            request = json.loads(data)
            answer = answers[request["execute"]]
            event = {"event": "STOP", "timestamp": {}}
            text = "".join(json.dumps(message) + "\r\n" for message in (event, answer)).encode()
            return [text[:7], text[7:]]

        peer = Peer(self, respond)
        return qmp.Client(peer.client)

    def test_a_monitor_command_works_between_events(self) -> None:
        client = self.client(
            {"qmp_capabilities": {"return": {}}, "human-monitor-command": {"return": "text"}}
        )
        client.feed(b'{"QMP": {}}\r\n{"event": "RESUME"}\r\n')
        self.assertEqual(client.monitor("info status"), "text")
        self.assertEqual(client.monitor("info status"), "text")

    def test_an_error_is_raised(self) -> None:
        client = self.client({"qmp_capabilities": {"error": {"desc": "no"}}})
        with self.assertRaisesRegex(GuestFailure, "no"):
            client.monitor("quit")


class OperandsTest(unittest.TestCase):
    """Operands in a disassembly."""

    REGISTERS = {"rsi": 0x1000, "rax": 0x20, "rdx": 8}

    def address(self, text: str) -> int:
        return operands.parse(text).address(self.REGISTERS)

    def test_addresses_are_computed(self) -> None:
        self.assertEqual(self.address("mov    (%rsi),%rax"), 0x1000)
        self.assertEqual(self.address("movzbl 0x7(%rsi),%eax"), 0x1007)
        self.assertEqual(self.address("vmovdqa -0x20(%rsi,%rdx,1),%ymm0"), 0xFE8)
        self.assertEqual(self.address("movdqa (%rsi,%rax,4),%xmm1"), 0x1080)
        self.assertEqual(self.address("mov    -0x2000(%rsi),%rax"), (1 << 64) - 0x1000)

    def test_a_string_instruction_is_parsed(self) -> None:
        operand = operands.parse("rep movsb %ds:(%rsi),%es:(%rdi)")
        self.assertEqual(operand, Operand(base="rsi", string=True))

    def test_instructions_without_operand_have_none(self) -> None:
        self.assertIsNone(operands.parse("ret"))
        self.assertIsNone(operands.parse("call   *%rax"))

    def test_a_listing_gives_operands_by_address(self) -> None:
        text = "000000006a001740 <f>:\n    6a001740:\tmov    (%rsi),%al\n    6a001742:\tret\n"
        self.assertEqual(operands.listing(text), {0x6A001740: Operand(base="rsi")})


class FakeGdb:
    """Records the requests to a debugger. Its stops come from a list."""

    def __init__(self, registers: dict[str, int], stops: list[gdb.Stop]) -> None:
        self.calls: list[tuple] = []
        self.current = registers
        self.after: list[dict[str, int]] = []
        self.elsewhere: dict[int, dict[str, int]] = {}  # after wait(), by processor
        self.waited = False
        self.stops = stops
        self.code = b""

    def writes(self) -> list[tuple]:
        """Return what was written into registers."""
        return [tuple(what) for name, *what in self.calls if name == "write"]

    def there(self) -> list[tuple]:
        """Return the breakpoints and watchpoints that are there. Each is there at most once."""
        now: list[tuple] = []
        for name, *what in self.calls:
            if name == "insert":
                assert tuple(what) not in now
                now.append(tuple(what))
            elif name == "remove":
                now.remove(tuple(what))
        return now

    def __getattr__(self, name: str) -> Callable:
        return lambda *arguments: self.calls.append((name, *arguments))

    def registers(self, processor: int) -> dict[str, int]:
        return self.elsewhere.get(processor, self.current) if self.waited else self.current

    def feed(self, _data: bytes) -> list[gdb.Stop]:
        return [self.stops.pop(0)]

    def wait(self) -> gdb.Stop:
        self.waited = True
        self.current = self.after.pop(0)
        return self.stops.pop(0)

    def memory(self, _address: int, size: int) -> bytes:
        return self.code if size == len(self.code) else (0xFF11 << 48).to_bytes(8, "little")


class InjectorTest(unittest.TestCase):
    """When a machine check is raised, and when it is not."""

    LOAD, STRING, OTHER = 0x6A001770, 0x6A001780, 0x6A001790
    OPERANDS = {
        LOAD: Operand(base="rsi"),
        STRING: Operand(base="rsi", string=True),
        OTHER: Operand(base="rsi", string=True),
    }

    def setUp(self) -> None:
        self.answers: list[bytes] = []
        self.monitor = mock.Mock()
        self.monitor.monitor.return_value = ""

    def injector(
        self, registers: dict[str, int], *stops: gdb.Stop
    ) -> tuple[machine_check.Injector, FakeGdb]:
        debugger = FakeGdb(registers, list(stops))
        self.log: list[str] = []
        arguments = (debugger, self.monitor, self.OPERANDS, self.answers.append, self.log.append)
        return machine_check.Injector(*arguments), debugger

    def injections(self) -> list[str]:
        return [call.args[0] for call in self.monitor.monitor.call_args_list]

    def test_a_load_of_the_line_raises_a_machine_check(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x7FC8}
        stops = gdb.Stop(5, 1, None), gdb.Stop(5, 1, 0x7FC0)
        injector, debugger = self.injector(registers, *stops)
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.LOAD:x}")
        self.assertIn(("insert", gdb.EXECUTE, self.LOAD), debugger.calls)
        injector.feed(b"")
        self.assertEqual(self.injections(), ["mce 1 1 0xbd80000000000134 0xf 0x1fc0 0x8c"])
        self.assertIn(("insert", gdb.READ, 0x7FC0, 64), debugger.calls)
        injector.feed(b"")
        injector.request("disarm")
        self.assertEqual(self.answers, [b"ok\n", b"injected=1 touched=1\n"])
        self.assertEqual(
            self.log[1:],
            [
                f"processor 1 stands at {self.LOAD:#x}",
                "machine check for 0x1fc0 on processor 1",
                "a read of the line: Stop(signal=5, processor=1, read=32704)",
                "disarm",
                "injected=1 touched=1",
            ],
        )

    def test_a_stop_after_the_last_breakpoint_is_a_read_of_the_line(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x7FC0}
        stops = gdb.Stop(5, 1, None), gdb.Stop(5, 1, 0x7FC0), gdb.Stop(5, 0, None)
        injector, debugger = self.injector(registers, *stops)
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.LOAD:x}")
        injector.feed(b"")
        debugger.current = {"rip": self.LOAD + 2, "rsi": 0x7FC0}
        injector.feed(b"")
        injector.feed(b"")
        self.assertEqual(debugger.calls[-1], ("resume",))
        injector.request("disarm")
        self.assertEqual(self.answers[-1], b"injected=1 touched=2\n")

    def test_a_stop_elsewhere_is_an_error(self) -> None:
        injector, _ = self.injector({"rip": self.LOAD + 2, "rsi": 0x7FC0}, gdb.Stop(5, 1, None))
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.LOAD:x}")
        with self.assertRaisesRegex(GuestFailure, "nothing is armed"):
            injector.feed(b"")

    def test_a_load_of_another_line_raises_nothing(self) -> None:
        injector, debugger = self.injector(
            {"rip": self.LOAD, "rsi": 0x7FBF}, gdb.Stop(5, 0, None)
        )
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.LOAD:x}")
        injector.feed(b"")
        self.assertEqual(self.injections(), [])
        self.assertIn(("step", 0), debugger.calls)

    def test_approach_looks_at_instructions_near_the_line(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x7FC0}
        injector, debugger = self.injector(
            registers, gdb.Stop(5, 0, 0x7FBF), gdb.Stop(5, 0, None)
        )
        injector.request(f"arm approach page at=7fc0:1fc0 insn={self.LOAD:x}")
        execute = ("insert", gdb.EXECUTE, self.LOAD)
        self.assertNotIn(execute, debugger.calls)
        injector.feed(b"")
        self.assertIn(("remove", gdb.READ, 0x7FBF), debugger.calls)
        self.assertIn(execute, debugger.calls)
        self.assertEqual(self.injections(), [])
        injector.feed(b"")
        self.assertEqual(len(self.injections()), 1)

    def test_an_instruction_counts_whatever_it_reads(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x1234}
        injector, _ = self.injector(registers, gdb.Stop(5, 0, None))
        injector.request(f"arm insn page at=7fc0:1fc0 insn={self.LOAD:x}")
        injector.feed(b"")
        self.assertEqual(len(self.injections()), 1)

    BEFORE = {"rip": STRING, "rsi": 0x7F01, "rcx": 0x200}
    AT_THE_LINE = {"rip": STRING + 2, "rsi": 0x7FC0, "rcx": 0}
    # The string reads up to the line, and is then put back with what is left.
    PART = (("rcx", 0xBF), ("rip", STRING), ("rcx", 0x141))

    def test_string_is_stopped_at_the_line(self) -> None:
        stop = gdb.Stop(5, 0, None)
        injector, debugger = self.injector(self.BEFORE, stop, stop)
        debugger.after = [self.AT_THE_LINE]
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.STRING:x}")
        injector.feed(b"")
        self.assertEqual(len(self.injections()), 1)
        self.assertEqual(debugger.writes(), [(0, *written) for written in self.PART])

    def test_approach_stops_a_string_at_the_line(self) -> None:
        stop = gdb.Stop(5, 0, None)
        injector, debugger = self.injector(self.BEFORE, stop, stop)
        debugger.after = [self.AT_THE_LINE]
        injector.request(f"arm approach page at=7fc0:1fc0 insn={self.LOAD:x},{self.STRING:x}")
        self.assertIn(("insert", gdb.EXECUTE, self.STRING), debugger.calls)
        self.assertNotIn(("insert", gdb.EXECUTE, self.LOAD), debugger.calls)
        injector.feed(b"")
        self.assertEqual(len(self.injections()), 1)
        self.assertEqual(debugger.writes(), [(0, *written) for written in self.PART])
        self.assertEqual(debugger.there(), [(gdb.READ, 0x7FC0, 64)])

    def run_string(self, others: int, *stops: gdb.Stop) -> FakeGdb:
        """Run a string up to its line; then the processor `others` ends another string."""
        injector, debugger = self.injector(self.BEFORE, gdb.Stop(5, 0, None), *stops)
        debugger.after = [self.AT_THE_LINE] * len(stops)
        debugger.elsewhere = {others: {"rip": self.STRING + 2, "rsi": 0x34F7F, "rcx": 0}}
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.STRING:x}")
        injector.feed(b"")
        return debugger

    def test_a_string_that_has_moved_is_found_on_its_new_processor(self) -> None:
        debugger = self.run_string(0, gdb.Stop(5, 1, None))
        self.assertEqual(self.injections(), ["mce 1 1 0xbd80000000000134 0xf 0x1fc0 0x8c"])
        self.assertEqual([processor for processor, *_ in debugger.writes()], [0, 1, 1])

    def test_strings_of_others_are_not_taken_for_ours(self) -> None:
        other, ours = gdb.Stop(5, 1, None), gdb.Stop(5, 0, None)
        debugger = self.run_string(1, other, other, ours)
        self.assertEqual(self.injections(), ["mce 0 1 0xbd80000000000134 0xf 0x1fc0 0x8c"])
        self.assertEqual(debugger.stops, [])

    def test_strings_of_others_only_are_an_error(self) -> None:
        stops = [gdb.Stop(5, 1, None)] * machine_check.STRANGERS
        with self.assertRaisesRegex(GuestFailure, "none of them is ours"):
            self.run_string(1, *stops)

    def test_a_watchpoint_that_was_removed_counts_for_nothing(self) -> None:
        late = gdb.Stop(5, 0, 0x5000)
        self.assertEqual(self.run_string(1, late, gdb.Stop(5, 0, None)).stops, [])
        stops = gdb.Stop(5, 0, 0x55D5F2EE7DA0), gdb.Stop(5, 1, None), gdb.Stop(5, 1, 0x5000)
        injector, debugger = self.injector({"rip": self.LOAD, "rsi": 0x7FC0}, *stops)
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.LOAD:x}")
        for _ in stops:
            injector.feed(b"")
        injector.request("disarm")
        self.assertEqual(self.answers[-1], b"injected=1 touched=0\n")
        debugger.stops.append(stops[0])
        injector.feed(b"")
        self.assertEqual(debugger.calls[-1], ("resume",))

    def test_the_string_of_the_kernel_is_stopped_at_the_line(self) -> None:
        line = (0xFF11 << 48) + 0x1FC0
        registers = {"rip": 0xFFFF0000, "rsi": line - 64, "rdx": 128, "rcx": 128}
        injector, debugger = self.injector(registers, *[gdb.Stop(5, 0, None)] * 2)
        debugger.after = [{"rip": 0xFFFF0002, "rsi": line, "rcx": 0}]
        debugger.code = machine_check.REP_MOVSB
        injector.request("arm kernel page at=0:1fc8 entry=ffff0000 page_offset_base=ffff1000")
        injector.feed(b"")
        self.assertEqual(debugger.stops, [])
        self.assertEqual(len(self.injections()), 1)
        self.assertEqual(
            debugger.writes(), [(0, "rcx", 64), (0, "rip", 0xFFFF0000), (0, "rcx", 64)]
        )

    def test_a_string_that_reads_no_line_of_ours_stops_once(self) -> None:
        stop = gdb.Stop(5, 0, None)
        registers = {"rip": self.STRING, "rsi": 0x7F01, "rcx": 0xBF}
        injector, debugger = self.injector(registers, stop, stop)
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.STRING:x}")
        injector.feed(b"")
        self.assertEqual(debugger.there(), [(gdb.EXECUTE, self.STRING + 2)])
        debugger.current = self.AT_THE_LINE
        injector.feed(b"")
        self.assertEqual(debugger.there(), [(gdb.EXECUTE, self.STRING)])
        self.assertEqual(self.injections(), [])

    def test_disarm_removes_what_a_string_has_left(self) -> None:
        registers = {"rip": self.STRING, "rsi": 0x7F01, "rcx": 0xBF}
        for mode in ("load", "approach"):
            injector, debugger = self.injector(registers, gdb.Stop(5, 0, None))
            injector.request(f"arm {mode} page at=7fc0:1fc0 insn={self.STRING:x}")
            injector.feed(b"")
            injector.request("disarm")
            self.assertEqual(debugger.there(), [])

    def test_a_string_that_ends_before_the_line_raises_nothing(self) -> None:
        registers = {"rip": self.STRING, "rsi": 0x7F01, "rcx": 0xBF}
        injector, _ = self.injector(registers, gdb.Stop(5, 0, None))
        injector.request(f"arm load page at=7fc0:1fc0 insn={self.STRING:x}")
        injector.feed(b"")
        self.assertEqual(self.injections(), [])

    def follow_a_string(self, mode: str, stop: gdb.Stop, registers: dict[str, int]) -> FakeGdb:
        """Let a string run that reads no line of ours, and meet another stop before its end."""
        string = {"rip": self.STRING, "rsi": 0x7000, "rcx": 0x10}
        injector, debugger = self.injector(string, gdb.Stop(5, 0, None), stop, stop)
        instructions = f"{self.LOAD:x},{self.STRING:x},{self.OTHER:x}"
        injector.request(f"arm {mode} page at=7fc0:1fc0 insn={instructions}")
        injector.feed(b"")
        debugger.current = registers
        debugger.after = [{"rip": self.OTHER + 2, "rsi": 0x7FC0, "rcx": 0}]
        injector.feed(b"")
        return debugger

    def test_stops_before_the_end_of_a_string_leave_no_breakpoint(self) -> None:
        stop, watch = gdb.Stop(5, 0, None), (gdb.READ, 0x7FC0, 64)
        load = {"rip": self.LOAD, "rsi": 0x7FC0}
        self.assertEqual(self.follow_a_string("load", stop, load).there(), [watch])
        ours = {"rip": self.OTHER, "rsi": 0x7F00, "rcx": 0x200}
        for mode in ("load", "approach"):
            self.assertEqual(self.follow_a_string(mode, stop, ours).there(), [watch])

    def test_stops_before_the_end_of_a_string_keep_its_breakpoint(self) -> None:
        stop, read = gdb.Stop(5, 0, None), gdb.Stop(5, 0, 0x7FBF)
        everywhere = [(gdb.EXECUTE, at) for at in (self.LOAD, self.STRING, self.OTHER)]
        self.assertEqual(self.follow_a_string("approach", read, {}).there(), everywhere)
        other = {"rip": self.OTHER, "rsi": 0x7000, "rcx": 0x10}
        there = self.follow_a_string("load", stop, other).there()
        self.assertEqual(sorted(there), [*everywhere[:2], (gdb.EXECUTE, self.OTHER + 2)])

    def test_race_holds_the_first(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x7FC0}
        injector, debugger = self.injector(
            registers, gdb.Stop(5, 1, None), gdb.Stop(5, 0, None)
        )
        injector.request(f"arm race page at=7fc0:1fc0 insn={self.LOAD:x}")
        injector.feed(b"")
        self.assertEqual(self.injections(), [])
        self.assertEqual(debugger.calls[-1], ("resume", 0))
        injector.feed(b"")
        self.assertEqual(len(self.injections()), 2)

    def test_another_stop_does_not_let_the_held_one_go(self) -> None:
        registers = {"rip": self.LOAD, "rsi": 0x7FC0}
        injector, debugger = self.injector(
            registers, gdb.Stop(5, 1, None), gdb.Stop(5, 0, 0x5000), gdb.Stop(5, 0, None)
        )
        injector.request(f"arm race page at=7fc0:1fc0 insn={self.LOAD:x}")
        for resumed in (("resume", 0), ("resume", 0), ("resume",)):
            injector.feed(b"")
            self.assertEqual(debugger.calls[-1], resumed)
        self.assertEqual(len(self.injections()), 2)

    def test_kernel_copy_is_hit_again_and_again(self) -> None:
        line = (0xFF11 << 48) + 0x1FC0
        registers = {"rip": 0xFFFF0000, "rsi": line - 64, "rdx": 128, "rcx": 128}
        injector, debugger = self.injector(registers, *[gdb.Stop(5, 0, None)] * 4)
        debugger.code = machine_check.REP_MOVSB
        injector.request("arm kernel page at=0:1fc8 entry=ffff0000 page_offset_base=ffff1000")
        for _ in range(2):
            debugger.current = registers
            debugger.after = [{"rip": 0xFFFF0002, "rsi": line, "rcx": 0}]
            injector.feed(b"")
        self.assertEqual(len(self.injections()), 2)

    def test_qemu_refuses(self) -> None:
        self.monitor.monitor.return_value = "Invalid CPU index"
        injector, _ = self.injector({})
        with self.assertRaisesRegex(GuestFailure, "Invalid CPU"):
            injector.request("arm now scrub at=0:1000")

    def test_nonsense_is_refused(self) -> None:
        injector, _ = self.injector({})
        for line in ("disarm", "fire"):
            with self.assertRaises(GuestFailure):
                injector.request(line)


class ScenarioTest(unittest.TestCase):
    """Tables, and judging results."""

    def judged(self, status: int = 0, **fields: object) -> list[str]:
        facts = fields.pop("facts", {})
        failures = fields.pop("failures", [])
        log = fields.pop("log_lines", [])
        release = fields.pop("release", "")
        result = Result(Scenario("s", "title", "run", **fields))
        result.facts, result.failures, result.log = facts, failures, log
        result.judge(status, release)
        return result.problems

    def test_a_good_result_passes(self) -> None:
        self.assertEqual(self.judged(), [])
        self.assertEqual(self.judged(expect={"a": "1"}, facts={"a": "1"}), [])

    def test_a_bad_exit_status_fails(self) -> None:
        self.assertEqual(self.judged(1), ["exit status 1"])

    def test_a_failure_fails_despite_a_good_exit_status(self) -> None:
        self.assertEqual(self.judged(failures=["bad"]), ["bad"])

    def test_facts_must_be_as_expected(self) -> None:
        self.assertEqual(self.judged(expect={"a": "1"}), ["a: nothing, expected 1"])
        self.assertEqual(self.judged(facts={"a": "1"}), ["a: 1, expected nothing"])

    def test_facts_can_depend_on_the_kernel(self) -> None:
        fields = {
            "expect": {"a": "1", "b": "1"},
            "since": {"6.10": {"a": "3"}, "6.7": {"a": "2"}},
        }
        for release, value in {
            "": "1",
            "6.1.0-57-amd64": "1",
            "6.6.99": "1",
            "6.7.0-rc1": "2",
            "6.9.12": "2",
            "6.10": "3",
            "7.0": "3",
        }.items():
            with self.subTest(release=release):
                judged = self.judged(facts={"a": value, "b": "1"}, release=release, **fields)
                self.assertEqual(judged, [])
                judged = self.judged(facts={"a": "0", "b": "1"}, release=release, **fields)
                self.assertEqual(judged, [f"a: 0, expected {value}"])

    def test_a_kernel_can_lack_a_fact(self) -> None:
        fields = {"expect": {"a": "1", "b": "1"}, "since": {"6.7": {"b": ""}}}
        self.assertEqual(self.judged(facts={"a": "1"}, release="6.12.1", **fields), [])
        judged = self.judged(facts={"a": "1", "b": "1"}, release="6.12.1", **fields)
        self.assertEqual(judged, ["b: 1, expected nothing"])
        self.assertEqual(len(self.judged(facts={"a": "1"}, release="6.1", **fields)), 1)

    def test_what_depends_on_the_kernel_must_make_sense(self) -> None:
        for since in ({"six": {"a": "2"}}, {"6.7": {"b": "2"}}):
            with self.assertRaisesRegex(ValueError, "since"):
                scenario.from_table(
                    "s", {"title": "", "run": "", "expect": {"a": "1"}, "since": since}
                )

    def test_a_scenario_can_stop_on_a_kernel(self) -> None:
        fields = {"expect": {"a": "1"}, "stops": {"7.2": "pwrite or panic"}}
        self.assertEqual(self.judged(facts={"a": "1"}, release="6.12", **fields), [])
        self.assertEqual(self.judged(1, failures=["pwrite"], release="7.2.13", **fields), [])
        for status, failures in ((0, []), (1, ["other"])):
            judged = self.judged(status, failures=failures, release="7.3", **fields)
            self.assertEqual(judged[-1], "it does not stop as expected: pwrite or panic")
        result = Result(scenario.from_table("s", {"title": "", "run": "", **fields}))
        result.stopped(["trouble: pwrite"], "7.2")
        self.assertEqual((result.passed, result.facts), (True, {"stops": "pwrite or panic"}))
        self.assertEqual(result.scenario.expected_of("7.2"), result.facts)
        with self.assertRaisesRegex(ValueError, "stops"):
            scenario.from_table("s", {"title": "", "run": "", "stops": {"new": "x"}})

    def test_the_log_must_match(self) -> None:
        self.assertEqual(len(self.judged(log=("Uncorrected",))), 1)
        self.assertEqual(self.judged(log=("Unc.*",), log_lines=["mce: Uncorrected"]), [])

    def test_a_failure_on_purpose_is_expected(self) -> None:
        self.assertEqual(self.judged(1, fails=("read again",), failures=["was read again"]), [])
        self.assertEqual(len(self.judged(0, fails=("read again",), failures=[])), 2)
        self.assertEqual(
            self.judged(1, fails=("read again",), failures=["was read again", "other"]), ["other"]
        )

    def test_a_skip_is_not_a_pass(self) -> None:
        result = Result(Scenario("s", "title", "run"))
        result.output = ["SKIP: no huge pages"]
        result.judge(77)
        self.assertEqual((result.passed, result.skipped), (False, "SKIP: no huge pages"))

    def test_the_tables_are_valid(self) -> None:
        scenarios = scenario.load()
        self.assertTrue(any(entry.fast for entry in scenarios.values()))
        self.assertTrue(any(entry.since for entry in scenarios.values()))
        self.assertIn("plain", scenarios)
        for entry in scenarios.values():
            self.assertIn(entry.machine, lab.MACHINES, entry.name)

    def test_only_device_dax_runs_on_its_machines(self) -> None:
        for entry in scenario.load().values():
            on_its_own = entry.machine.startswith("devdax")
            self.assertEqual(on_its_own, entry.prepare == "devdax", entry.name)

    def test_misspelt_field(self) -> None:
        with self.assertRaisesRegex(ValueError, "expcet"):
            scenario.from_table("s", {"title": "", "run": "", "expcet": {}})


class SessionTest(unittest.TestCase):
    """The output of a guest."""

    def session(self) -> lab.Session:
        return lab.Session([Scenario("one", "", ""), Scenario("two", "", "")], {})

    def test_a_conversation_gives_results(self) -> None:
        session = self.session()
        text = b"noise\n@kernel 6.1\n@begin one\n@fact a b=c d\n@log text\nout\n@fail bad\n"
        for byte in text + b"@end one 1\n@begin two\n":
            session.feed(bytes([byte]))
        [result] = session.results
        self.assertEqual(session.release, "6.1")
        self.assertEqual(result.facts, {"a b": "c d"})
        self.assertEqual((result.log, result.output), (["text"], ["out"]))
        self.assertIn("bad", result.problems)
        self.assertEqual(session.current.scenario.name, "two")

    def test_a_guest_in_which_a_scenario_stopped_is_not_used_again(self) -> None:
        scenarios = [Scenario("one", "", "", stops={"7.2": "bad"}), Scenario("two", "", "")]
        session = lab.Session(scenarios, {})
        with self.assertRaisesRegex(GuestFailure, "after one comes another guest"):
            session.feed(b"@kernel 7.2.13\n@begin one\n@fail bad\n@end one 1\n@begin two\n")
        [result] = session.results
        self.assertTrue(result.passed and result.has_stopped)
        self.assertIsNone(session.current)

    def test_failure_leaves_all_that_is_known(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            run = lab.Lab(mock.MagicMock(), Path(scratch), lambda _: None)
            for failed in ([], ["wrong"]):
                result = Result(Scenario(f"s{len(failed)}", "", ""), problems=failed)
                result.output, result.log = ["said"], ["mce: told"]
                result.driver, result.facts = ["0.1 disarm"], {"key": "value"}
                run._keep(result)
            [log] = Path(scratch).iterdir()
            text = log.read_text()
        for part in ("wrong", "said", "mce: told", "0.1 disarm", "key = value"):
            self.assertIn(part, text)

    def test_abandoned_scenario_has_failed(self) -> None:
        session = self.session()
        session.feed(b"@begin one\n")
        session.abandon("panic")
        self.assertEqual(session.results[0].problems, ["panic"])
        self.assertEqual(list(session.remaining), ["two"])

    def boots(self, *guests: bytes | Exception) -> tuple[lab.Lab, list[Result]]:
        """Run two scenarios in guests that give the given output."""
        waiting = list(guests)

        def guest(_self: object, _hardware: object, _script: str, feed: Callable, *_: object):
            says = waiting.pop(0)
            if isinstance(says, Exception):
                raise says
            feed(says)
            if not says.endswith(b" 0\n"):
                raise GuestFailure("panic")

        with (
            tempfile.TemporaryDirectory() as scratch,
            mock.patch.object(operands, "of_program", return_value={}),
            mock.patch.object(lab.Lab, "_guest", guest),
        ):
            run = lab.Lab(mock.MagicMock(), Path(scratch), lambda _: None)
            results = run.run([Scenario("one", "", ""), Scenario("two", "", "")])
            self.assertEqual(waiting, [])
            return run, results

    def test_scenarios_after_a_panic_get_another_guest(self) -> None:
        _, results = self.boots(b"@begin one\n", b"@begin two\n@end two 0\n")
        self.assertEqual([r.passed for r in results], [False, True])

    def test_a_boot_is_tried_twice(self) -> None:
        good = b"@begin one\n@end one 0\n@begin two\n@end two 0\n"
        with mock.patch("sys.stderr"):
            _, results = self.boots(GuestFailure("no boot"), good)
        self.assertEqual([r.passed for r in results], [True, True])
        with mock.patch("sys.stderr"), self.assertRaisesRegex(GuestFailure, "twice"):
            self.boots(GuestFailure("no boot"), GuestFailure("no boot"))

    def test_a_boot_that_the_kernel_has_spoilt_is_not_tried_again(self) -> None:
        with self.assertRaises(KernelTrouble):
            self.boots(qemu._problem(0, None, "[    1.0] Kernel panic - not syncing"))


class ReportTest(unittest.TestCase):
    """Results."""

    def results(self) -> list[Result]:
        good = Result(Scenario("good", "a title", ""), facts={"k": "v"}, output=["\x1b[0m"])
        bad = Result(Scenario("bad", "b", ""), problems=["<wrong>"])
        return [good, bad, Result(Scenario("none", "c", ""), skipped="why")]

    def test_junit_counts_failures_and_skips(self) -> None:
        suite = ElementTree.fromstring(report.junit(self.results()))
        self.assertEqual(
            (suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1")
        )
        self.assertEqual(suite.find("testcase/failure").get("message"), "<wrong>")

    def test_page_is_made_of_complete_results_only(self) -> None:
        results = self.results()
        scenarios = [result.scenario for result in results]
        with tempfile.TemporaryDirectory() as scratch:
            report.write(Path(scratch), "6.1", results)
            record = Path(scratch, "results.json")
            columns = dict([report.measured(record, scenarios[:1])])
            self.assertIn("| k | v |", report.page(scenarios[:1], columns))
            for chosen in (scenarios, [Scenario("unknown", "", "")]):
                with self.assertRaisesRegex(ValueError, "has not passed"):
                    report.measured(record, chosen)

    def test_page_has_a_column_for_each_kernel(self) -> None:
        scenarios = [Scenario("s", "a title", "")]
        with tempfile.TemporaryDirectory() as scratch:
            places = [Path(scratch, name) for name in ("newer", "older")]
            for place, kernel, facts in (
                (places[0], "6.12.1", {"a": "1", "b": "3"}),
                (places[1], "6.9", {"a": "1", "b": "2", "c": "4"}),
            ):
                place.mkdir()
                report.write(place, kernel, [Result(scenarios[0], facts=facts)])
            vm.write_page(Path(scratch, "page"), places, {"s": scenarios[0]})
            page = Path(scratch, "page").read_text()
        self.assertEqual(report.kernels_of(page), ["6.9", "6.12.1"])
        differ, all_values = page.split("## ")[1:]
        head = "| | 6.9 | 6.12.1 |\n|---|---|---|\n"
        self.assertTrue(differ.endswith(f"{head}| `s`: b | 2 | 3 |\n| `s`: c | 4 | - |\n\n"))
        self.assertTrue(all_values.endswith(f"{head}| a | 1 | 1 |\n| b | 2 | 3 |\n| c | 4 | - |\n"))

    def test_a_kernel_that_stops_a_scenario_differs_in_one_row(self) -> None:
        scenarios = [Scenario("s", "a title", "", expect={"a": "1", "b": "2"})]
        facts = {"a": "1", "b": "2"}
        columns = {"6.1": {"s": facts}, "6.12": {"s": {**facts, "b": "3"}},
                   "7.2": {"s": {"stops": "panic"}}}
        differ, all_values = report.page(scenarios, columns).split("## ")[1:]
        self.assertIn("| `s`: b | 2 | 3 | - |\n| `s`: stops | - | - | panic |\n", differ)
        self.assertNotIn("`s`: a", differ)
        self.assertIn("| a | 1 | 1 | - |\n", all_values)

    def test_the_order_in_which_a_run_measures_does_not_matter(self) -> None:
        scenarios = [Scenario("s", "a title", "", expect={"b": "1", "a": "2"})]
        pages = {report.page(scenarios, {"6.1": {"s": facts}})
                 for facts in ({"b": "1", "a": "2"}, {"a": "2", "b": "1"})}
        [page] = pages
        self.assertTrue(page.endswith("| b | 1 |\n| a | 2 |\n"))

    def test_committed_page_is_what_good_runs_give(self) -> None:
        page = DOCUMENT.read_text()
        scenarios = scenario.load().values()
        kernels = report.kernels_of(page)
        versions = {scenario.version(kernel) for kernel in kernels}
        self.assertLessEqual({(6, 1), (6, 12), (7, 2)}, versions)
        columns = {kernel: report.expected(scenarios, kernel) for kernel in kernels}
        made = report.page(scenarios, columns)
        self.assertEqual(page, made, "docs/lab.md says how docs/poison.md is written")


class AcpiTest(unittest.TestCase):
    """The extended table."""

    SOURCE = (
        'DefinitionBlock ("", "SSDT", 1, "BOCHS ", "NVDIMM", 0x0000000F)\n{\n'
        "    Device (NVDR)\n    {\n"
        "        Method (_DSM, 4, NotSerialized)\n        {\n            Return (NCAL ())\n"
        "        }\n        Method (_DSM, 1)\n        {\n        }\n    }\n}\n"
    )

    def test_the_table_is_extended(self) -> None:
        extended = acpi.extend(self.SOURCE, "OURS\n")
        self.assertIn('"NVDIMM", 0x00000010)', extended)
        self.assertIn("    {\nOURS\n        Method (_DSM, 1)", extended)
        self.assertNotIn("Return (NCAL ())", extended)
        with self.assertRaises(GuestFailure):
            acpi.extend("nothing", "")

    def test_records_have_the_layout_of_acpi(self) -> None:
        data = acpi.records([acpi.Range(0x1000, 0x200)])
        self.assertEqual(len(data), 192)
        self.assertEqual(data[8:16], (0x100001000).to_bytes(8, "little"))

    def test_table_is_found_among_others(self) -> None:
        def table(content: bytes) -> bytes:
            size = acpi.HEADER_BYTES + len(content)
            return b"SSDT" + size.to_bytes(4, "little") + bytes(28) + content

        wanted = table(b"NVDR")
        encoded = base64.b64encode(table(b"other") + wanted)
        self.assertEqual(acpi.nvdimm_table(encoded), wanted)
        with self.assertRaises(GuestFailure):
            acpi.nvdimm_table(base64.b64encode(table(b"other")))


class ToolsTest(unittest.TestCase):
    """Where the programs for persistent memory come from."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.cache = Path(scratch.name)
        self.unpacked: list[str] = []

    def unpack(self, package: str, into: Path) -> None:
        """Stand in for a download: a package has its programs and a directory of libraries."""
        self.unpacked.append(package)
        (into / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
        for name, of in tools.PROGRAMS.items():
            if of == package:
                program = into / ("usr/bin" if name == "ndctl" else "sbin") / name
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text("#!/bin/sh\n")
                program.chmod(0o755)

    def on_bare_host(self, what: Callable[[Path], object]) -> object:
        """Run with none of the programs on the host."""

        def only_in_cache(name: str, path: str) -> str | None:
            ours = [place for place in path.split(":") if place.startswith(str(self.cache))]
            return which(name, path=":".join(ours))

        which = shutil.which
        with (
            mock.patch.object(tools.shutil, "which", only_in_cache),
            mock.patch.object(debian, "present_name", lambda package: package),
            mock.patch.object(debian, "unpack", self.unpack),
        ):
            return what(self.cache)

    def test_missing_program_is_named(self) -> None:
        with self.assertRaisesRegex(Unavailable, r"ndctl .*--fetch"):
            self.on_bare_host(tools.find)
        self.assertEqual(self.unpacked, [])

    def test_fetched_programs_and_libraries(self) -> None:
        found = self.on_bare_host(tools.fetch)
        self.assertEqual([path.name for path in found], list(tools.PROGRAMS))
        packages = {*tools.PROGRAMS.values(), *tools.LIBRARIES}
        self.assertEqual(sorted(self.unpacked), sorted(packages))
        libraries = tools.library_path(self.cache).split(":")
        self.assertEqual(len(libraries), len(tools.LIBRARIES))
        self.assertTrue(all(Path(path).is_dir() for path in libraries))

    def test_nothing_is_fetched_twice(self) -> None:
        first = self.on_bare_host(tools.fetch)
        self.unpacked.clear()
        self.assertEqual(self.on_bare_host(tools.fetch), first)
        self.assertEqual(self.unpacked, [])

    def test_interrupted_fetch_is_completed(self) -> None:
        self.on_bare_host(tools.fetch)
        self.unpacked.clear()
        shutil.rmtree(self.cache / "tools/xfsprogs")
        self.on_bare_host(tools.fetch)
        self.assertEqual(self.unpacked, ["xfsprogs"])

    def test_interrupted_fetch_of_a_library_is_completed(self) -> None:
        self.on_bare_host(tools.fetch)
        self.unpacked.clear()
        shutil.rmtree(self.cache / "tools/libuuid1")
        self.on_bare_host(tools.fetch)
        self.assertEqual(self.unpacked, ["libuuid1"])

    def test_host_with_all_of_them_fetches_nothing(self) -> None:
        with (
            mock.patch.object(tools.shutil, "which", lambda name, path: f"/usr/bin/{name}"),
            mock.patch.object(debian, "unpack", self.unpack),
        ):
            tools.fetch(self.cache)
        self.assertEqual(self.unpacked, [])


class CommandLineTest(unittest.TestCase):
    """vm.py lab."""

    SCENARIOS = {
        "a": Scenario("a", "", "", fast=True),
        "b": Scenario("b", "", ""),
        "c": Scenario("c", "", "", expect={"k": "1"}, since={"6.6": {"k": "2"}}),
    }

    def test_scenarios_are_chosen_by_name(self) -> None:
        def names(*arguments: object) -> list[str]:
            return [entry.name for entry in vm.choose(self.SCENARIOS, *arguments)]

        self.assertEqual(names(["all"], False), ["a", "b", "c"])
        self.assertEqual(names([], False, True), ["c"])
        self.assertEqual(names([], True), ["a"])
        self.assertEqual(names(["b"], False), ["b"])
        with self.assertRaisesRegex(SystemExit, "no scenario d"):
            names(["d"], False)


DOCUMENT = Path()


def main() -> None:
    """Read the path of docs/poison.md from the command line, and run the tests."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--document", type=Path, required=True)
    args, rest = parser.parse_known_args()
    globals()["DOCUMENT"] = args.document
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
