#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_driver.py - the parts of the driver that need no guest."""

import contextlib
import io
import lzma
import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import debian
import image
import kernel
import qemu
import vm
from errors import Unavailable

TOKEN = "0123456789abcdef0123456789abcdef"


class OutputTest(unittest.TestCase):
    """The command's output, and the result after it."""

    def feed(self, data: bytes, size: int) -> tuple[bytes, int | None]:
        """Feed data in pieces, and return the relayed data and the status."""
        output = qemu.Output(TOKEN)
        pieces = (data[i : i + size] for i in range(0, len(data), size))
        relayed = b"".join(output.feed(piece) for piece in pieces)
        return relayed + output.rest(), output.status()

    def test_result_is_split_off_however_it_arrives(self) -> None:
        for size in (1, 7, 31, 32, 33, 4096):
            with self.subTest(size=size):
                data = b"no newline at the end" + f"{TOKEN} 139\n".encode()
                self.assertEqual(self.feed(data, size), (b"no newline at the end", 139))

    def test_beginnings_of_the_token_are_output(self) -> None:
        text = TOKEN[:31].encode() + TOKEN[:5].encode() + b"\n0"
        for size in (1, 4096):
            self.assertEqual(self.feed(text, size), (text, None))
            self.assertEqual(self.feed(text + f"{TOKEN} 0\n".encode(), size), (text, 0))

    def test_incomplete_result_is_none(self) -> None:
        for end in ("", " ", " 1", " -1\n", " 1\nmore"):
            self.assertIsNone(self.feed(f"{TOKEN}{end}".encode(), 4096)[1])

    def test_output_is_relayed_at_once(self) -> None:
        self.assertEqual(qemu.Output(TOKEN).feed(b"progress"), b"progress")


class ProblemTest(unittest.TestCase):
    """What counts as a failure of the guest, whatever the command's status is."""

    def problem(self, ended: int | None, status: int | None, console: str = "") -> str:
        return str(qemu._problem(ended, status, console) or "")

    def test_result_of_a_healthy_guest(self) -> None:
        self.assertEqual(self.problem(0, 0, "[1.0] BUG: soft lockup - CPU#0 stuck"), "")
        self.assertEqual(self.problem(0, 3), "")

    def test_result_of_a_broken_guest(self) -> None:
        for line in ("Kernel panic - not syncing", "Oops: 0002 [#1]", "BUG: Bad page state in"):
            self.assertIn(line, self.problem(0, 0, f"boot\n[    1.0] {line}\nmore"))

    def test_a_missing_result_is_a_failure(self) -> None:
        self.assertIn("hangs", self.problem(None, None))
        self.assertIn("hangs", self.problem(None, 0))
        self.assertIn("status 1", self.problem(1, None))
        self.assertIn("without a result", self.problem(0, None))


class ImageTest(unittest.TestCase):
    """The initramfs."""

    def test_an_archive_has_the_newc_layout(self) -> None:
        archive = image.Archive()
        archive.add("/a/b", b"12345", 0o644)
        header = "070701" + "{:08X}" * 13
        fields = (
            (0, 0o40755, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, b"a\0"),
            (0, 0o100644, 0, 0, 1, 0, 5, 0, 0, 0, 0, 4, 0, b"a/b\0"),
            (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0, b"TRAILER!!!\0"),
        )
        contents = (b"", b"12345\0\0\0", b"")
        expected = b""
        for (*numbers, name), content in zip(fields, contents):
            expected += header.format(*numbers).encode() + name
            expected += bytes(-len(expected) % 4) + content
        self.assertEqual(archive.finish(), expected)

    def test_archive_has_each_name_once(self) -> None:
        archive = image.Archive()
        archive.add("bin/a", b"")
        archive.add("bin/b", b"")
        self.assertEqual(archive.finish().count(b"bin\0"), 1)
        with self.assertRaises(ValueError):
            archive.add("/bin/a", b"")

    def test_libraries_from_ldd(self) -> None:
        text = (
            "\tlinux-vdso.so.1 (0x00007ffd)\n"
            "\tlibmcsafe.so.0 => /tmp/my build/libmcsafe.so.0 (0x00007f00)\n"
            "\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n"
        )
        expected = {
            "/lib/libmcsafe.so.0": "/tmp/my build/libmcsafe.so.0",
            "/lib64/ld-linux-x86-64.so.2": "/lib64/ld-linux-x86-64.so.2",
        }
        self.assertEqual(image.shared_libraries(text), expected)
        self.assertEqual(image.shared_libraries("\tstatically linked\n"), {})
        with self.assertRaisesRegex(ValueError, "libx.so"):
            image.shared_libraries("\tlibx.so => not found\n")


class KernelTest(unittest.TestCase):
    """The kernel and its modules."""

    def test_dependencies_come_first_and_once(self) -> None:
        depends = {"ext4": ["jbd2", "crc16"], "jbd2": ["crc16"], "crc16": [], "virtio": []}
        order = kernel.closure(["virtio", "ext4", "jbd2"], depends.__getitem__)
        self.assertEqual(order, ["virtio", "crc16", "jbd2", "ext4"])

    def test_the_depends_field_of_a_module_is_read(self) -> None:
        module = b"\x7fELF\0alias=x\0depends=jbd2,crc-t10dif\0name=ext4\0"
        self.assertEqual(kernel.module_depends(module), ["jbd2", "crc_t10dif"])
        self.assertEqual(kernel.module_depends(b"\0depends=\0"), [])
        self.assertEqual(kernel.module_depends(b""), [])

    def test_module_files_are_in_loading_order(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name, depends in (("a-b", b"c"), ("c", b"")):
                Path(scratch, f"{name}.ko").write_bytes(b"\0depends=" + depends + b"\0")
            found = kernel.Kernel(Path("vmlinuz"), Path(scratch))
            names = [path.name for path in found.module_files(["a_b"])]
            self.assertEqual(names, ["c.ko", "a-b.ko"])
            with self.assertRaisesRegex(Unavailable, "no module d"):
                found.module_files(["d"])

    def test_modules_may_be_compressed_or_built_in(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            modules = Path(scratch)
            (modules / "modules.builtin").write_text("kernel/drivers/virtio/virtio-pci.ko\n")
            content = b"\0depends=c,virtio_pci\0"
            (modules / "a-b.ko.xz").write_bytes(lzma.compress(content))
            (modules / "c.ko").write_bytes(b"\0depends=\0")
            found = kernel.Kernel(Path("vmlinuz"), modules).module_files(["virtio_pci", "a_b"])
            self.assertEqual([path.name for path in found], ["c.ko", "a-b.ko.xz"])
            self.assertEqual(kernel.module_code(found[1]), content)

    def test_kernel_is_found_with_its_modules(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            (root / "boot").mkdir()
            (root / "boot/vmlinuz-6.1.0-9-amd64").touch()
            self.assertIsNone(kernel.below(root))
            modules = root / "lib/modules/6.1.0-9-amd64"
            modules.mkdir(parents=True)
            expected = kernel.Kernel(root / "boot/vmlinuz-6.1.0-9-amd64", modules)
            self.assertEqual(kernel.below(root), expected)
            self.assertEqual(kernel.below(root, "6.1."), expected)
            self.assertIsNone(kernel.below(root, "6.12."))
            modules = root / "usr/lib/modules/6.1.0-9-amd64"
            modules.mkdir(parents=True)
            self.assertEqual(kernel.below(root).modules, modules)

    def test_the_package_of_linux_image_amd64_is_found(self) -> None:
        record = "Package: linux-image-amd64\nDepends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)\n"
        self.assertEqual(debian.depended_kernel(record), "linux-image-6.1.0-56-amd64=6.1.192-2")
        record = "Depends: base, linux-image-6.1.0-56-amd64\n"
        self.assertEqual(debian.depended_kernel(record), "linux-image-6.1.0-56-amd64")
        with self.assertRaises(Unavailable):
            debian.depended_kernel("Package: linux-image-amd64\n")


    def test_the_parts_of_a_divided_kernel_are_found(self) -> None:
        record = (
            "Depends: dracut | linux-initramfs-tool, linux-base-7.2.13+deb14-amd64 (= 7.2.13-1), "
            "linux-modules-7.2.13+deb14-amd64 (= 7.2.13-1)\n"
            "Recommends: linux-binary-x (= 1)\n"
        )
        expected = [f"linux-{part}-7.2.13+deb14-amd64=7.2.13-1" for part in ("base", "modules")]
        self.assertEqual(debian.parts_of_kernel(record), expected)
        record = "Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120+deb8u2)\n"
        self.assertEqual(debian.parts_of_kernel(record), [])

    def test_the_mirror_is_not_that_of_security_updates(self) -> None:
        lines = ["Google main http://g/", "Debian main http://d/debian-security/"]
        with self.assertRaisesRegex(Unavailable, "no mirror"):
            debian.mirror("\n".join(lines))
        lines.append("Debian main http://d/debian/")
        self.assertEqual(debian.mirror("\n".join(lines)), "http://d/debian/")

    def test_a_kernel_is_fetched_from_the_release_of_its_name(self) -> None:
        asked: list[object] = []

        @contextlib.contextmanager
        def other_release(suite: str) -> Iterator[tuple[str, ...]]:
            asked.append(suite)
            yield ("-oA=b",)

        def unpack(packages: list[str], into: Path, release: Sequence[str]) -> None:
            asked.append((packages, release))
            (into / "usr/lib/modules/6.12.9+deb13-amd64").mkdir(parents=True)
            (into / "boot").mkdir()
            (into / "boot/vmlinuz-6.12.9+deb13-amd64").touch()

        with (
            tempfile.TemporaryDirectory() as scratch,
            mock.patch.object(kernel, "INSTALLED_SERIES", "none"),
            mock.patch.object(debian, "other_release", other_release),
            mock.patch.object(debian, "kernel_packages", lambda release: ["image", *release]),
            mock.patch.object(debian, "unpack", unpack),
        ):
            cache = Path(scratch)
            with self.assertRaisesRegex(Unavailable, "--fetch --kernel 13"):
                kernel.find(cache, "13")
            fetched = kernel.fetch(cache, "13")
            self.assertEqual(asked, ["trixie", (["image", "-oA=b"], ("-oA=b",))])
            self.assertEqual(kernel.fetch(cache, "13"), fetched)
            self.assertEqual(len(asked), 2)
            self.assertEqual(kernel.find(cache, "13"), fetched)
            for name in ("", "12", "sid"):
                with self.assertRaises(Unavailable):
                    kernel.find(cache, name)

    def test_a_kernel_beside_its_modules_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            modules = Path(scratch, "usr/lib/modules/7.2.13+deb14-amd64")
            modules.mkdir(parents=True)
            self.assertIsNone(kernel.below(Path(scratch)))
            (modules / "vmlinuz").touch()
            found = kernel.below(Path(scratch))
            self.assertEqual(found, kernel.Kernel(modules / "vmlinuz", modules))
            self.assertEqual(found.module_files(["crc32c_generic"]), [])


class CommandLineTest(unittest.TestCase):
    """The command line, and what happens when a run is impossible."""

    def run_main(self, *argv: str, **environment: str) -> tuple[int, str]:
        text = io.StringIO()
        with (
            mock.patch.object(sys, "argv", ["vm.py", *argv]),
            mock.patch.dict(os.environ, environment),
            contextlib.redirect_stdout(text),
            contextlib.redirect_stderr(text),
        ):
            return vm.main(), text.getvalue()

    def test_command_may_look_like_options(self) -> None:
        argv = ["run", "--cache", "c", "--program", "a", "--program", "b", "--", "a", "--", "-x"]
        args = vm.parse(argv)
        self.assertEqual(args.command, ["a", "--", "-x"])
        self.assertEqual(args.program, [Path("a"), Path("b")])
        args = vm.parse(["lab", "--program", "a", "--program", "b", "all"])
        self.assertEqual((args.program, args.scenario), ([Path("a"), Path("b")], ["all"]))

    def test_the_environment_can_name_a_kernel(self) -> None:
        argv = ["run", "--cache", "c", "--", "a"]
        with mock.patch.dict(os.environ, {vm.KERNEL_VARIABLE: "13"}):
            self.assertEqual(vm.parse(argv).kernel, "13")
            self.assertEqual(vm.parse([argv[0], "--kernel", "sid", *argv[1:]]).kernel, "sid")
        with mock.patch.dict(os.environ, {vm.KERNEL_VARIABLE: "14"}):
            with self.assertRaisesRegex(SystemExit, "no kernel 14; 12, 13, sid"):
                vm.parse(argv)

    def test_missing_kernel_skips_only_where_skips_are_allowed(self) -> None:
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.object(kernel, "find", side_effect=Unavailable("no guest kernel")),
        ):
            argv = ("run", "--cache", cache, "--", "true")
            status, text = self.run_main(*argv, MCSAFE_NO_SKIP="")
            self.assertEqual((status, text), (77, "SKIP: no guest kernel\n"))
            status, text = self.run_main(*argv, MCSAFE_NO_SKIP="1")
            self.assertEqual(status, 1)
            self.assertIn("no guest kernel", text)

    def test_missing_qemu_is_a_reason_to_skip(self) -> None:
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.object(qemu, "QEMU", "no-such-qemu"),
        ):
            status, text = self.run_main("run", "--cache", cache, "--", "true", MCSAFE_NO_SKIP="")
            self.assertEqual(status, 77)
            self.assertIn("SKIP: no-such-qemu is not installed", text)

    def test_skip_in_the_guest_is_a_skip_in_words(self) -> None:
        def say_skip(_machine: object, _token: str, _deadline: object, log: Path, _: object) -> int:
            log.touch()
            return 77

        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.object(vm, "build"),
            mock.patch.object(qemu, "run", say_skip),
        ):
            argv = ("run", "--cache", cache, "--", "true")
            self.assertEqual(self.run_main(*argv, MCSAFE_NO_SKIP="1")[0], 1)
            status, text = self.run_main(*argv, MCSAFE_NO_SKIP="")
            self.assertEqual(status, 77)
            self.assertIn("SKIP: ", text)

    def test_run_never_fetches_by_itself(self) -> None:
        refuse = AssertionError("tried to fetch")
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.object(kernel, "INSTALLED_SERIES", "none"),
            mock.patch.object(debian, "unpack", side_effect=refuse),
        ):
            status, _ = self.run_main("run", "--cache", cache, "--", "true", MCSAFE_NO_SKIP="")
            self.assertEqual(status, 77)

    def test_failed_download_leaves_nothing_behind(self) -> None:
        failure = subprocess.CalledProcessError(100, "apt-get", stderr="E: offline")
        with (
            tempfile.TemporaryDirectory() as cache,
            mock.patch.object(subprocess, "run", side_effect=failure),
        ):
            with self.assertRaisesRegex(Unavailable, "E: offline"):
                debian.unpack("package", Path(cache, "tree"))
            self.assertEqual(os.listdir(cache), [])


if __name__ == "__main__":
    unittest.main()
