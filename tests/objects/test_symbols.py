# SPDX-License-Identifier: BSD-3-Clause
"""test_symbols.py - names, and the properties that a linker and a loader look at."""

import re
import unittest
from pathlib import Path

import built
import elf

# The two functions that keep the kernel's names.
KERNEL_NAMES = {"memcpy_mcsafe", "copy_to_iter_mcsafe"}

# MemorySanitizer puts this one in every object.
SANITIZER_NAMES = {"__msan_track_origins"} if built.SANITIZED else set()

# sys/sdt.h puts this hidden one in every object that has a probe.
PROBE_NAMES = {"_.stapsdt.base"}

# It declares the functions of libmcsafe-inject.so, and two of libmcsafe.so in a build with
# MCSAFE_DEBUG.
INJECT_HEADER = "inject.h"
DEBUG_FUNCTIONS = {"mcsafe_inject_src", "mcsafe_inject_dst"}


def ours(name: str) -> bool:
    """Whether the library may define a global symbol of that name."""
    # AddressSanitizer marks each global variable by a name made from its name.
    name = name.removeprefix("__odr_asan.")
    return name.startswith("mcsafe_") or name in KERNEL_NAMES | SANITIZER_NAMES | PROBE_NAMES


def without_comments(text: str) -> str:
    """Return C or a linker script with each comment replaced by a blank."""
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def declared(header: Path) -> set[str]:
    """Return the functions that a header declares with MCSAFE_API."""
    return set(
        re.findall(r"\bMCSAFE_API\b[^;{}(]*?\b(\w+)\s*\(", without_comments(header.read_text()))
    ) - {"__attribute__"}


def declared_in_all() -> set[str]:
    """Return the functions of all headers that belong to libmcsafe in this build."""
    headers = (built.SOURCE / "include" / "mcsafe").glob("*.h")
    found = set().union(*(declared(path) for path in headers if path.name != INJECT_HEADER))
    return found | DEBUG_FUNCTIONS if built.DEBUG else found


def mapped(version_script: Path) -> dict[str, str]:
    """Return each symbol that a version script makes global, with its version."""
    text = without_comments(version_script.read_text())
    return {
        name: version
        for version, body in re.findall(r"(\S+)\s*\{(.*?)\}", text, re.S)
        for name in re.findall(r"(\w+)\s*;", re.split(r"\blocal:", body)[0])
    }


class Shared(unittest.TestCase):
    """libmcsafe.so."""

    @classmethod
    def setUpClass(cls) -> None:
        if not built.paths("MCSAFE_SHARED"):
            raise unittest.SkipTest("libmcsafe.so is not built")
        cls.file = elf.File.read(built.paths("MCSAFE_SHARED")[0])
        [cls.map] = built.paths("MCSAFE_MAP")

    def exported(self) -> set[str]:
        """Return the symbols that a program can link with, without the names of the versions."""
        versions = set(mapped(self.map).values())
        return {s.name for s in self.file.dynamic_symbols if s.defined and s.name not in versions}

    def test_exports_are_the_map_and_the_headers(self) -> None:
        self.assertIn("memcpy_mcsafe", self.exported())
        self.assertEqual(self.exported(), mapped(self.map).keys())
        self.assertEqual(self.exported(), declared_in_all())

    def test_exports_have_the_prefix(self) -> None:
        self.assertEqual({name for name in self.exported() if not ours(name)}, set())

    def test_exports_are_functions(self) -> None:
        for symbol in self.file.dynamic_symbols:
            if symbol.name in mapped(self.map):
                self.assertEqual(symbol.type, elf.STT_FUNC, symbol.name)

    def test_it_stays_mapped(self) -> None:
        self.assertTrue(self.file.dynamic_value(elf.DT_FLAGS_1) & elf.DF_1_NODELETE)

    def test_it_is_bound_at_once(self) -> None:
        """The symbols must be resolved before a handler runs."""
        self.assertTrue(self.file.dynamic_value(elf.DT_FLAGS_1) & elf.DF_1_NOW)

    def test_its_code_is_not_relocated(self) -> None:
        self.assertNotIn(elf.DT_TEXTREL, dict(self.file.dynamic))
        self.assertFalse(self.file.dynamic_value(elf.DT_FLAGS) & elf.DF_TEXTREL)

    def test_the_soname_has_the_major_version(self) -> None:
        text = (built.SOURCE / "include" / "mcsafe" / "version.h").read_text()
        major = re.search(r"MCSAFE_VERSION_MAJOR (\d+)", text)[1]
        self.assertEqual(self.file.soname, f"libmcsafe.so.{major}")


class SharedInject(unittest.TestCase):
    """libmcsafe-inject.so."""

    @classmethod
    def setUpClass(cls) -> None:
        if not built.paths("MCSAFE_INJECT_SHARED"):
            raise unittest.SkipTest("libmcsafe-inject.so is not built")
        cls.file = elf.File.read(built.paths("MCSAFE_INJECT_SHARED")[0])
        cls.map = mapped(built.SOURCE / "src" / "inject" / "mcsafe-inject.map")

    def test_exports_are_the_map(self) -> None:
        exported = {s.name for s in self.file.dynamic_symbols if s.defined}
        self.assertEqual(exported - set(self.map.values()), self.map.keys())

    def test_own_functions_are_those_of_the_header(self) -> None:
        own = {name for name, version in self.map.items() if version.startswith("MCSAFE_INJECT_")}
        header = built.SOURCE / "include" / "mcsafe" / INJECT_HEADER
        self.assertEqual(own, declared(header) - DEBUG_FUNCTIONS)

    def test_interposed_functions_have_the_versions_of_libmcsafe(self) -> None:
        """The loader would ignore a symbol that has another version."""
        theirs = mapped(built.SOURCE / "src" / "mcsafe.map")
        interposed = {n: v for n, v in self.map.items() if not v.startswith("MCSAFE_INJECT_")}
        self.assertIn("memcpy_mcsafe", interposed)
        self.assertEqual(interposed, {name: theirs[name] for name in interposed})


class Stack(unittest.TestCase):
    """No file requests an executable stack."""

    def test_linked_files_need_no_executable_stack(self) -> None:
        for path in built.paths("MCSAFE_LINKED"):
            flags = [
                flags for kind, flags in elf.File.read(path).segments if kind == elf.PT_GNU_STACK
            ]
            self.assertEqual([flag & elf.PF_X for flag in flags], [0], path.name)

    def test_objects_need_no_executable_stack(self) -> None:
        for file in built.objects():
            [flags] = [s.flags for s in file.sections if s.name == ".note.GNU-stack"] or [None]
            self.assertEqual(flags, 0, file.name)


class Objects(unittest.TestCase):
    """The object files of the library."""

    def test_archive_is_made_of_them_and_has_only_our_names(self) -> None:
        if not built.paths("MCSAFE_STATIC"):
            self.skipTest("libmcsafe.a is not built")
        members = elf.read_archive(built.paths("MCSAFE_STATIC")[0])
        self.assertEqual(
            sorted(file.name for file in members), sorted(file.name for file in built.objects())
        )
        for file in members:
            for symbol in file.symbols:
                if symbol.defined and symbol.binding != elf.STB_LOCAL:
                    self.assertTrue(ours(symbol.name), f"{file.name}: {symbol.name}")

    def test_engines_are_functions_with_a_size(self) -> None:
        engines = built.engines()
        self.assertIn("mcsafe__copy_word", [symbol.name for symbol in engines])
        for symbol in engines:
            self.assertEqual(symbol.type, elf.STT_FUNC, symbol.name)
            self.assertGreater(symbol.size, 0, symbol.name)

    def test_engines_leave_no_code_outside_their_size(self) -> None:
        """All of .text belongs to a function, except for padding that aligns the next function."""
        for file in built.objects():
            if file.name.endswith(".S.o"):
                text = file.section(".text")
                end = max(s.value + s.size for s in file.symbols if s.type == elf.STT_FUNC)
                self.assertEqual(end, len(text.data), file.name)

    @unittest.skipUnless(built.HAVE_CET, "the compiler has no -fcf-protection")
    def test_every_object_is_marked_for_ibt_and_shadow_stacks(self) -> None:
        both = elf.X86_FEATURE_1_IBT | elf.X86_FEATURE_1_SHSTK
        for file in built.objects():
            self.assertEqual(file.x86_features & both, both, file.name)


if __name__ == "__main__":
    unittest.main()
