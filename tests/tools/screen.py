# SPDX-License-Identifier: BSD-3-Clause
"""screen.py - a shell in a terminal of tmux, and what a person sees there."""

import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import victims

ROWS = 40
LIMIT = 60  # seconds: only a broken program reaches it


class Screen:
    """An interactive shell in a directory, on a terminal of some width."""

    def __init__(
        self, case: unittest.TestCase, directory: Path, columns: int, environment: dict[str, str]
    ) -> None:
        if shutil.which("tmux") is None:
            victims.needs("there is no tmux")
        # A server of its own. The path of a socket must be short.
        where = tempfile.TemporaryDirectory(prefix="mcsafe-tmux-", dir="/tmp")
        case.addCleanup(where.cleanup)
        self._tmux = ["tmux", "-u", "-S", f"{where.name}/socket", "-f", "/dev/null"]
        settings = {**os.environ, **environment, "PS1": "$ ", "LC_ALL": "C.UTF-8"}
        for name in ("TMUX", "PROMPT_COMMAND", "HISTFILE"):
            settings.pop(name, None)
        case.addCleanup(subprocess.run, [*self._tmux, "kill-server"], check=False,
                        stderr=subprocess.DEVNULL)
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", str(columns), "-y", str(ROWS), "-c",
             str(directory), "bash", "--norc", "--noprofile"],
            check=True, env=settings, cwd=directory,
        )  # fmt: skip
        self.until(r"\A\$\Z")

    def _capture(self, *options: str) -> str:
        words = [*self._tmux, "capture-pane", "-p", *options]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def text(self, *, joined: bool = False) -> str:
        """What is on the screen, without what is empty. A joined line is one that has wrapped."""
        shown = self._capture(*(["-J"] if joined else []))
        return "\n".join(line.rstrip() for line in shown.splitlines()).rstrip()

    def lines(self, *, joined: bool = False) -> list[str]:
        """The lines of the screen."""
        return self.text(joined=joined).split("\n")

    def has_attributes(self) -> bool:
        """Whether anything is in colour, bold or the like."""
        return "\x1b" in self._capture("-e")

    def type(self, line: str) -> None:
        """Type a line."""
        subprocess.run([*self._tmux, "send-keys", "-l", line], check=True)
        self.press("Enter")

    def press(self, key: str) -> None:
        """Press a key, for example C-c."""
        subprocess.run([*self._tmux, "send-keys", key], check=True)

    def until(self, pattern: str) -> None:
        """Wait until the screen has this text. Wrapped lines count as one."""
        end = time.monotonic() + LIMIT
        while not re.search(pattern, shown := self.text(joined=True), re.M):
            if time.monotonic() > end:
                raise AssertionError(f"{pattern!r} never came. The screen:\n{shown}")
