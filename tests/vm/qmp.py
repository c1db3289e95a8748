# SPDX-License-Identifier: BSD-3-Clause
"""qmp.py - a client of the QEMU Machine Protocol, for commands of the human monitor."""

import json
import socket
import time

from errors import GuestFailure

REPLY_SECONDS = 20


class Client:
    """Our end of a monitor connection. Events are dropped."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._pending = b""
        self._ready = False

    def feed(self, data: bytes) -> None:
        """Take data that arrived without a request: the greeting and events."""
        self._pending += data
        while self._message() is not None:
            pass

    def monitor(self, line: str) -> str:
        """Run a command of the human monitor, and return its output."""
        if not self._ready:
            self._execute("qmp_capabilities")
            self._ready = True
        return self._execute("human-monitor-command", **{"command-line": line})

    def _execute(self, command: str, **arguments: str) -> str:
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + REPLY_SECONDS
        while True:
            message = self._message()
            if message is None:
                self._receive(deadline)
            elif "error" in message:
                raise GuestFailure(f"qmp: {command}: {message['error'].get('desc')}")
            elif "return" in message:
                return message["return"]

    def _message(self) -> dict | None:
        line, newline, rest = self._pending.partition(b"\n")
        if not newline:
            return None
        self._pending = rest
        return json.loads(line)

    def _receive(self, deadline: float) -> None:
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise GuestFailure("qmp: no answer from QEMU's monitor") from None
        finally:
            self._socket.settimeout(None)
        if not data:
            raise GuestFailure("qmp: QEMU has gone")
        self._pending += data
