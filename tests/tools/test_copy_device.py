# SPDX-License-Identifier: BSD-3-Clause
"""test_copy_device.py - mcsafe copy from and to block devices: loop devices, which need root."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from rescue import FAULTY, PAGE, Rescue, content, image_of, map_of
from tool import ERROR, FINE


# linux/blkpg.h: struct blkpg_ioctl_arg and struct blkpg_partition.
BLKPG, BLKPG_ADD_PARTITION, BLKPG_DEL_PARTITION = 0x1269, 1, 2


def loop(path: Path | str, *options: str) -> str:
    """Make a loop device of a file, and return its name. Empty: that is not possible here."""
    try:
        done = subprocess.run(
            ["losetup", "--find", "--show", *options, path],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def detach(device: str) -> None:
    """Remove a loop device."""
    subprocess.run(["losetup", "--detach", device], check=True)


def blkpg(device: str, operation: int, number: int, start: int, length: int) -> None:
    """Add or remove a partition."""
    text = struct.pack("qqi64s64s", start, length, number, b"", b"")
    part = ctypes.create_string_buffer(text, len(text))
    with open(device, "rb") as disk:
        argument = struct.pack("iiiP", operation, 0, len(text), ctypes.addressof(part))
        fcntl.ioctl(disk, BLKPG, argument)


class Device(Rescue):
    """Loop devices of files in the directory."""

    def loop(self, path: Path | str, *options: str) -> str:
        device = loop(path, *options)
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


class Overlap(Device):
    """What is written to one changes the other: nothing is written."""

    def setUp(self) -> None:
        super().setUp()
        self.data = content(256 * PAGE)
        self.src.write_bytes(self.data)

    def refuse(self, one: Path | str, other: Path | str) -> None:
        """Every command refuses the two, either way."""
        whole = self.src.read_bytes()
        for source, target in ((one, other), (other, one)):
            for words in (
                ("copy", "--force", source, target),
                ("copy", source, "copied", "--map", target),
                ("copy", "copied", source, "--map", target),
                ("repair", "--no-ask", "--yes", "--zero", "--range=0+1", source, "--save", target),
                ("repair", "--no-ask", "--yes", "--from", source, "--range=0+1", target),
                ("scrub", "--no-ask", source, "--save", target),
                ("scrub", "--no-ask", source, "--resume", target),
                ("badblocks", "--no-ask", source, "--save", target),
            ):
                # A map file is a file.
                if "--map" in words and target.is_block_device():
                    continue
                (self.dir / "copied").write_bytes(b"")
                done = self.faulty(*map(str, words))
                with self.subTest(words=words):
                    self.assertEqual((done.returncode, done.stdout), (ERROR, b""))
                    self.assertIn(b"bytes in common", done.stderr)
                    self.assertEqual(done.stderr.count(b"\n"), 1)
        os.sync()
        self.assertTrue(self.src.read_bytes() == whole)

    def accept(self, one: Path | str, other: Path | str) -> None:
        """Nothing is in common: the copy is made."""
        done = self.faulty("copy", "--force", "--length=4k", str(one), str(other))
        self.assertEqual((done.returncode, done.stderr), (FINE, b""))

    def partition(self, device: str, number: int, start: int, length: int) -> Path:
        """Add a partition, and return a node of it."""
        # A loop device keeps its partitions when it gets another file.
        with contextlib.suppress(OSError):
            blkpg(device, BLKPG_DEL_PARTITION, number, 0, 0)
        blkpg(device, BLKPG_ADD_PARTITION, number, start, length)
        self.addCleanup(blkpg, device, BLKPG_DEL_PARTITION, number, 0, 0)
        name = Path(device).name
        numbers = Path(f"/sys/block/{name}/{name}p{number}/dev").read_text().split(":")
        node = self.dir / f"p{number}"
        os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(*map(int, numbers)))
        return node

    def test_a_loop_device_and_its_file(self) -> None:
        """Also where the file has got another name since."""
        device = Path(self.loop(self.src))
        self.refuse(device, self.src)
        hard = self.dir / "hard"
        hard.hardlink_to(self.src)
        self.src.unlink()
        self.src = hard
        self.refuse(device, hard)

    def test_a_loop_device_on_another(self) -> None:
        """The file is two steps below."""
        lower = self.loop(self.src, "--offset", "65536")
        upper = Path(self.loop(lower, "--offset", "4096"))
        self.refuse(upper, Path(lower))
        self.refuse(upper, self.src)

    def test_loop_devices_of_one_file(self) -> None:
        """Those with other bytes of it may be copied to each other."""
        one = Path(self.loop(self.src, "--sizelimit", "65536"))
        other = Path(self.loop(self.src, "--offset", "65536", "--sizelimit", "65536"))
        across = Path(self.loop(self.src, "--offset", "32768", "--sizelimit", "65536"))
        self.refuse(one, across)
        self.refuse(across, other)
        self.accept(one, other)
        os.sync()
        expected = self.data[:65536] + self.data[:PAGE] + self.data[65536 + PAGE :]
        self.assertTrue(self.src.read_bytes() == expected)

    def test_partitions(self) -> None:
        """Those of one disk have nothing in common."""
        disk = self.loop(self.src)
        first = self.partition(disk, 1, 65536, 65536)
        second = self.partition(disk, 2, 131072, 65536)
        for node in (first, second):
            self.refuse(node, Path(disk))
            self.refuse(node, self.src)
        self.accept(first, second)
        across = Path(self.loop(self.src, "--offset", "65536", "--sizelimit", "65536"))
        self.refuse(first, across)
        self.accept(second, across)

    def test_two_nodes_of_a_device(self) -> None:
        """They are one device."""
        device = self.loop(self.src)
        node = self.dir / "node"
        os.mknod(node, 0o600 | stat.S_IFBLK, os.stat(device).st_rdev)
        done = self.faulty("copy", "--force", device, str(node))
        self.assertEqual(done.returncode, ERROR)
        self.assertIn(b"are the same file\n", done.stderr)

    def test_what_else_sys_tells(self) -> None:
        """A directory stands in for /sys, in mounts of the command only."""
        other = self.dir / "other"
        other.write_bytes(bytes(PAGE))
        third = self.dir / "third"
        third.write_bytes(bytes(PAGE))
        nodes = [self.loop(path) for path in (self.src, other, third)]
        numbers = [os.stat(node).st_rdev for node in nodes]
        upper, lower = (f"{os.major(n)}:{os.minor(n)}" for n in numbers[:2])
        fake = self.dir / "sys"
        block = fake / "dev/block"

        def tell(path: str, text: str) -> None:
            (block / path).parent.mkdir(parents=True, exist_ok=True)
            (block / path).write_text(text)

        def copies(source: str, target: str) -> bool:
            script = 'mount --bind "$0" /sys && exec "$@"'
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", script, fake]
                + [FAULTY, "copy", "--force", "--length=1s", source, target],
                capture_output=True, text=True, check=False,
            )
            if done.returncode == FINE:
                return True
            self.assertRegex(done.stderr, r"\A.* bytes in common: .*\n\Z")
            return False

        block.mkdir(parents=True)
        self.assertTrue(copies(nodes[0], nodes[1]))
        # A device of the device mapper, and the device below it.
        tell(f"{upper}/slaves/below/dev", f"{lower}\n")
        self.assertFalse(copies(nodes[0], nodes[1]))
        self.assertFalse(copies(nodes[1], nodes[0]))
        self.assertTrue(copies(nodes[0], nodes[2]))
        # Two logical volumes on a partition.
        tell(f"{upper}/slaves/below/dev", "4095:1\n")
        tell(f"{lower}/slaves/below/dev", "4095:1\n")
        for name, text in (("partition", "1"), ("start", "8"), ("size", "8"), ("../dev", "4095:0")):
            tell(f"4095:1/{name}", f"{text}\n")
        self.assertTrue(copies(nodes[0], nodes[1]))
        shutil.rmtree(block / lower)
        (block / "dev").unlink()
        # A loop device that cannot be asked: another program's /dev.
        tell(f"{upper}/loop/backing_file", f"{third}\n")
        self.assertFalse(copies(nodes[0], str(third)))
        tell(f"{upper}/loop/backing_file", f"{nodes[1]}\n")
        self.assertFalse(copies(nodes[1], nodes[0]))
        tell(f"{upper}/loop/backing_file", "/nonexistent\n")
        self.assertTrue(copies(nodes[1], nodes[0]))
        # Devices that stand on themselves are no reason to look for ever.
        tell(f"{upper}/slaves/self/dev", f"{upper}\n")
        tell(f"{upper}/slaves/again/dev", f"{upper}\n")
        self.assertTrue(copies(nodes[0], nodes[1]))

    def test_standard_output(self) -> None:
        """mcsafe cat would change what it reads."""
        device = self.loop(self.src)
        with self.src.open("r+b") as output:
            done = subprocess.run(
                [FAULTY, "cat", "--skip", device],
                stdout=output, stderr=subprocess.PIPE, text=True, check=False,
            )
        self.assertEqual(done.returncode, ERROR)
        self.assertEqual(
            done.stderr, f"mcsafe cat: {device} has bytes in common with standard output\n"
        )


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
