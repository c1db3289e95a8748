# SPDX-License-Identifier: BSD-3-Clause
"""test_copy_device.py - mcsafe copy from and to block devices: loop devices, which need root."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from rescue import PAGE, Rescue, content, image_of, map_of
from tool import ERROR, FINE


def loop(path: Path) -> str:
    """Make a loop device of a file, and return its name. Empty: that is not possible here."""
    try:
        done = subprocess.run(
            ["losetup", "--find", "--show", path], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def detach(device: str) -> None:
    """Remove a loop device."""
    subprocess.run(["losetup", "--detach", device], check=True)


class Device(Rescue):
    """Loop devices of files in the directory."""

    def loop(self, path: Path) -> str:
        device = loop(path)
        self.assertNotEqual(device, "")
        self.addCleanup(detach, device)
        return device

    def test_from_and_to_a_device(self) -> None:
        """Its size is that of the device. It is overwritten with --force only."""
        data = content(16 * PAGE)
        self.src.write_bytes(data)
        self.dst.write_bytes(bytes(15 * PAGE))
        source, target = self.loop(self.src), self.loop(self.dst)
        done = self.faulty("copy", source, "copy")
        self.assertEqual((done.returncode, done.stderr), (FINE, b""))
        self.assertTrue((self.dir / "copy").read_bytes() == data)
        for words, why in (
            ((source, target), f"{target} exists; --force overwrites it"),
            (("-f", source, target), f"{target} has 61440 bytes, but 65536 are needed"),
            (("-f", source, source), f"{source} and {source} are the same file"),
        ):
            done = self.faulty("copy", *words)
            self.assertEqual(done.returncode, ERROR)
            self.assertIn(why, done.stderr.decode())
        done = self.faulty("copy", "--force", "--length", "15s", source, target)
        self.assertEqual((done.returncode, done.stderr), (FINE, b""))
        os.sync()
        self.assertTrue(self.dst.read_bytes() == data[: 15 * 512] + bytes(15 * PAGE - 15 * 512))

    def test_a_device_that_fails(self) -> None:
        """A loop device fails with an I/O error where its file has no bytes any more."""
        data = content(16 * PAGE)
        self.src.write_bytes(data)
        source = self.loop(self.src)
        os.truncate(self.src, 9 * PAGE)
        for method in ("auto", "map", "read"):
            subprocess.run(["blockdev", "--flushbufs", source], check=True)
            self.dst.unlink(missing_ok=True)
            self.map.unlink(missing_ok=True)
            done = self.faulty(
                "copy", "--method", method, "--map", "map", "--fill", "9", source, "dst"
            )
            lost = [(9 * PAGE, 7 * PAGE)]
            self.check_lost(done, lost)
            self.assertTrue(self.dst.read_bytes() == image_of(data, lost, 9))
            blocks = [(0, 9 * PAGE, "+"), (9 * PAGE, 7 * PAGE, "-")]
            self.assertEqual(map_of(self.map), ("+", blocks))

    def test_a_map_file_of_a_larger_device_is_refused(self) -> None:
        """A device does not shrink: it is another one."""
        self.src.write_bytes(bytes(4 * PAGE))
        source = self.loop(self.src)
        self.map.write_text("0 ? 1\n0 99999 ?\n")
        done = self.faulty("copy", "--map", "map", source, "dst")
        self.assertEqual(done.returncode, ERROR)
        self.assertIn(b"; it belongs to another device\n", done.stderr)
        self.assertFalse(self.dst.exists())


def why_not() -> str:
    """Tell why the tests cannot run here."""
    if os.geteuid() != 0:
        return "loop devices need root"
    with tempfile.NamedTemporaryFile() as probe:
        probe.truncate(PAGE)
        device = loop(Path(probe.name))
    if not device:
        return "losetup(8) cannot make a loop device"
    detach(device)
    return ""


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main()
