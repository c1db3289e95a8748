# SPDX-License-Identifier: BSD-3-Clause
"""test_info.py - mcsafe info tells what the kernel tells, and what it has tried."""

import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import dialogue
from tool import ERROR, FINE, MCSAFE, run

GROUPS = ["libmcsafe", "processor", "kernel", "memory", "process"]
# A root of a user namespace of its own, and mounts of its own.
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def info(*words: str, **options) -> dict:
    """Return what mcsafe info --json writes."""
    done = run("info", "--json", *words, **options)
    if (done.returncode, done.stderr) != (FINE, ""):
        raise AssertionError(f"exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def line_of(path: str) -> str | None:
    """Return the first line of a file, or None."""
    try:
        return Path(path).read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None


class Info(unittest.TestCase):
    """What is told is compared with what this test reads itself."""

    def test_every_item_has_a_state(self) -> None:
        """Something that is missing may have advice; something that works has none."""
        found = info()
        self.assertEqual(list(found), GROUPS)
        for group in found.values():
            for name, item in group.items():
                with self.subTest(name):
                    self.assertEqual(list(item), ["state", "value", "advice"])
                    self.assertIn(item["state"], ("yes", "no", "unknown", "value"))
                    if item["state"] in ("yes", "value"):
                        self.assertIsNone(item["advice"])

    def test_text_has_the_same_items(self) -> None:
        """Each item is a line below its group."""
        done = run("info")
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))
        lines = done.stdout.splitlines()
        for group, items in info().items():
            at = lines.index(group)
            for name in items:
                at += 1
                while lines[at].startswith("      advice: "):
                    at += 1
                self.assertTrue(lines[at].startswith(f"  {name}: "), lines[at])

    def test_the_engine_and_its_reason(self) -> None:
        """The environment chooses, or the order does."""
        plain = {name: value for name, value in os.environ.items() if name != "MCSAFE_ENGINE"}
        chosen = info(env=plain)["libmcsafe"]
        name, reason = chosen["engine"]["value"].split(", ")
        self.assertIn("first in order", reason)
        possible = chosen["engines possible"]["value"].split()
        self.assertIn(name, possible)
        self.assertIn("sse2", possible)
        refused = chosen["engines refused"]["value"].split()
        self.assertEqual(set(possible) & set(refused), set())
        chosen = info(env={**plain, "MCSAFE_ENGINE": "sse2"})["libmcsafe"]["engine"]
        self.assertEqual(chosen["value"], "sse2, because of MCSAFE_ENGINE")

    def test_an_engine_that_does_not_exist(self) -> None:
        """The others are told nevertheless."""
        done = run("info", "--json", env={**os.environ, "MCSAFE_ENGINE": "steam\033"})
        self.assertEqual(done.returncode, FINE)
        found = json.loads(done.stdout)
        self.assertEqual(found["libmcsafe"]["engine"]["state"], "no")
        self.assertIn(r"MCSAFE_ENGINE=steam\x1b names no engine; without it: ",
                      found["libmcsafe"]["engine"]["value"])
        self.assertEqual(found["libmcsafe"]["recovery from a truncated file"]["state"], "yes")

    def test_what_the_kernel_says(self) -> None:
        """Files of /proc, with their content."""
        found = info()
        recovery = line_of("/proc/sys/vm/memory_failure_recovery")
        state = "no" if recovery is None else "yes"
        self.assertEqual(found["kernel"]["CONFIG_MEMORY_FAILURE"]["state"], state)
        if recovery is not None:
            self.assertEqual(found["kernel"]["vm.memory_failure_recovery"]["value"], recovery)
        self.assertEqual(found["kernel"]["release"]["value"], os.uname().release)
        count = line_of("/proc/sys/vm/max_map_count")
        self.assertEqual(found["process"]["vm.max_map_count"]["value"], count)
        overcommit = line_of("/proc/sys/vm/overcommit_memory")
        self.assertEqual(found["process"]["vm.overcommit_memory"]["value"], overcommit)
        model = Path("/proc/cpuinfo").read_text(encoding="ascii")
        self.assertIn(found["processor"]["model"]["value"].split(",")[0], model)

    def test_limits(self) -> None:
        """They are those of the process that runs the command."""
        self.assertRegex(info()["process"]["RLIMIT_AS"]["value"], "^(no limit|[0-9.]+ .?i?B)$")
        limit = resource.getrlimit(resource.RLIMIT_CORE)
        done = subprocess.run(
            ["bash", "-c", 'ulimit -c 0; ulimit -n 77; exec "$0" info --json', MCSAFE],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)["process"]
        self.assertEqual(found["RLIMIT_CORE"]["value"], "0 B")
        self.assertEqual(found["RLIMIT_NOFILE"]["value"], "77")
        self.assertEqual(resource.getrlimit(resource.RLIMIT_CORE), limit)

    def test_blocked_signals(self) -> None:
        """They are told, and the trials of this command survive."""
        found = info(
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGBUS])
        )
        self.assertEqual(found["process"]["SIGBUS and SIGSEGV unblocked"]["state"], "no")
        self.assertEqual(found["libmcsafe"]["recovery from a truncated file"]["state"], "yes")
        self.assertEqual(info()["process"]["SIGBUS and SIGSEGV unblocked"]["state"], "yes")

    def test_trials(self) -> None:
        """What was tried says so. Each outcome that a kernel can have is known."""
        found = info()
        for name, version in (
            ("UFFDIO_POISON", (6, 6)),
            ("guard regions (MADV_GUARD_INSTALL)", (6, 13)),
            ("MADV_POPULATE_READ", (5, 14)),
            ("PROCMAP_QUERY", (6, 11)),
        ):
            item = found["kernel"][name]
            release = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
            with self.subTest(name):
                if release < version:
                    self.assertNotEqual(item["state"], "yes")
                elif item["state"] != "unknown":  # a sandbox can forbid it
                    self.assertEqual(item["state"], "yes", item)
                    self.assertTrue(item["value"].startswith("tried"), item)
        self.assertTrue(found["process"]["ptrace(2) of an own child"]["value"].startswith("tried"))

    def test_what_cannot_be_read_is_unknown(self) -> None:
        """Without /proc/sys and /sys nothing is said of what they would tell."""
        hide = "mount -t tmpfs none /proc/sys && mount -t tmpfs none /sys"
        possible = subprocess.run(
            [*UNSHARE, "sh", "-c", hide], capture_output=True, text=True, check=False
        )
        if possible.returncode != 0:
            print(f"SKIP: what cannot be read: {possible.stderr.strip()}")
            if os.environ.get("MCSAFE_NO_SKIP") == "1":
                self.fail("unshare(1) does not work here")
            return
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", f'{hide} && exec "$0" info --json', MCSAFE],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        for group, name in (
            ("kernel", "CONFIG_MEMORY_FAILURE"),
            ("memory", "persistent memory"),
            ("memory", "device-dax nodes"),
            ("memory", "huge pages"),
            ("process", "vm.max_map_count"),
            ("process", "vm.overcommit_memory"),
            ("process", "kernel.yama.ptrace_scope"),
        ):
            with self.subTest(name):
                self.assertEqual(found[group][name]["state"], "unknown")

    def test_wrong_usage(self) -> None:
        """There are no arguments."""
        for words in (["file"], ["--frobnicate"]):
            done = run("info", *words)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn("mcsafe info: ", done.stderr)
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [MCSAFE, "info"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("standard output: No space left on device", done.stderr)

    def test_the_manual(self) -> None:
        """The dialogue of the page."""
        with tempfile.TemporaryDirectory(prefix="mcsafe info ") as scratch:
            dialogue.replay("mcsafe-info.1", Path(scratch))


if __name__ == "__main__":
    unittest.main()
