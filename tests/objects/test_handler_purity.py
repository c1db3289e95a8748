# SPDX-License-Identifier: BSD-3-Clause
"""test_handler_purity.py - code that runs in the signal handler, or in a copy, calls nothing
unsafe.

The test follows calls from object to object. It finds automatically everything that the handler can
reach inside the library. Every function outside the library must be on a list.
"""

import unittest
from collections.abc import Iterable

import built
import elf

# Async-signal-safe in signal-safety(7), except syscall() and __errno_location(), which gives the
# address of errno.
HANDLER = {
    "__errno_location",
    "clock_gettime",
    "getpid",
    "memcpy",
    "memset",
    "pthread_sigmask",
    "sigaction",
    "sigaddset",
    "sigemptyset",
    "sigfillset",
    "syscall",
}

# Arithmetic only. Inlined if the compiler optimizes.
DEVICE_NUMBERS = {"gnu_dev_major", "gnu_dev_makedev", "gnu_dev_minor"}

# Only a dying process makes a report: plain system calls, and what its child may do regardless of
# the locks of other threads. clone() does not run the handlers of pthread_atfork(3).
# pthread_setcancelstate() is an atomic change of a word of the thread in glibc.
REPORT = HANDLER | {
    "_exit",
    "clone",
    "close",
    "fcntl",
    "fstat",
    "kill",
    "memmove",
    "nanosleep",
    "open",
    "openat",
    "prctl",
    "pthread_setcancelstate",
    "read",
    "setrlimit",
    "waitpid",
    "write",
}

# A shield asks for a mapping, reads a mirror and maps a page: plain system calls.
SHIELD = HANDLER | DEVICE_NUMBERS | {
    "close",
    "fcntl",
    "fstat",
    "ioctl",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munlock",
    "munmap",
    "open",
    "pread",
    "pread64",
    "pthread_setcancelstate",
    "read",
}

# Functions of src/shield/table.c, src/shield/try.c and src/base/kept_fd.c that the handler does not
# call, call these.
TABLE = {"free", "malloc", "nanosleep"}
TRY = {"uname"}
KEPT = {"memmove", "openat"}

# What the child also calls to find the reason (src/explain): plain system calls, and functions of
# strings that keep no state. strerrordesc_np() gives an entry of a table.
# clang makes bcmp() of memcmp() == 0.
REPORT |= DEVICE_NUMBERS | {
    "bcmp",
    "fstatfs",
    "geteuid",
    "ioctl",
    "lseek",
    "madvise",
    "bcmp",  # clang makes it of memcmp() == 0
    "memcmp",
    "mmap",
    "munmap",
    "pread",
    "readlink",
    "stat",
    "strchr",
    "strcmp",
    "strcspn",
    "strerrordesc_np",
    "strlen",
    "strncmp",
    "strrchr",
    "strstr",
    "uname",
}

# libunwind is called only in that child, and only in one object.
UNWINDER = "backtrace_libunwind.c.o"

# A copy makes no system call (C12).
COPY = {"memset"}

# An iterator over a descriptor makes system calls, and keeps errno. No lock, and no allocation.
ITERATORS = COPY | {
    "__errno_location",
    "pread",
    "pread64",
    "pwrite",
    "pwrite64",
    "write",
}
COPIES_OF_ITERATORS = [
    "copy_to_iter_mcsafe",
    "mcsafe_copy_from_iter",
    "mcsafe_copy_from_iter_flushcache",
    "mcsafe_copy_to_iter",
]

# A lookup of bad ranges asks which thread it is, to count itself.
LOOKUP = {"pthread_self"}

# With MCSAFE_DEBUG an access can take a page away.
DEBUG = {"syscall", "__errno_location"}

# Made by the linker, or a compiler's own checks, which end the program or do nothing.
TOOLCHAIN = {
    "_GLOBAL_OFFSET_TABLE_",
    "__stack_chk_fail",
    "__start_mcsafe_extable",
    "__stop_mcsafe_extable",
}
# clang's ThreadSanitizer calls these to copy and clear structs.
STRUCTS = {"memcpy", "memmove", "memset"}
SANITIZERS = ("__asan_", "__msan_", "__sanitizer_", "__tsan_", "__ubsan_")

# These models of thread-local storage call __tls_get_addr(), which may allocate (ELF-TLS, x86-64
# psABI).
LAZY_TLS = {19: "R_X86_64_TLSGD", 20: "R_X86_64_TLSLD", 34: "R_X86_64_GOTPC32_TLSDESC"}


def closure(files: list[elf.File], roots: Iterable[str]) -> list[elf.File]:
    """The objects that define the roots, and everything that they can reach."""
    definers = {
        symbol.name: file
        for file in files
        for symbol in file.symbols
        if symbol.defined and symbol.binding != elf.STB_LOCAL
    }
    reached: list[elf.File] = []
    todo = list(roots)
    while todo:
        file = definers.get(todo.pop())
        if file is not None and file not in reached:
            reached.append(file)
            todo.extend(undefined(file))
    return reached


def undefined(file: elf.File) -> list[str]:
    """The symbols that an object needs from others."""
    return [symbol.name for symbol in file.symbols if symbol.name and not symbol.defined]


class Purity(unittest.TestCase):
    """Compares the reached functions with the lists."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = built.objects()
        cls.defined = {
            symbol.name for file in cls.files for symbol in file.symbols if symbol.defined
        }

    def check(self, roots: list[str], allowed: set[str], cut: frozenset[str] = frozenset()) -> None:
        """Check that only allowed functions outside the library are reached. The search does not
        enter the objects in `cut`."""
        if built.DEBUG:
            allowed = allowed | DEBUG
        if built.SANITIZED:
            allowed = allowed | STRUCTS
        self.assertLessEqual(set(roots), self.defined)
        reached = closure([file for file in self.files if file.name not in cut], roots)
        print(f"from {roots[0]}: {' '.join(sorted(file.name for file in reached))}")
        for file in reached:
            foreign = {
                name
                for name in undefined(file)
                if name not in self.defined | TOOLCHAIN
                and not (built.SANITIZED and name.startswith(SANITIZERS))
            }
            self.assertLessEqual(foreign, allowed, file.name)

    def test_the_handler_calls_nothing_unsafe(self) -> None:
        # The guards are reached through a pointer.
        roots = ["mcsafe__on_signal", "mcsafe_handle_signal", "mcsafe__guard_claim"]
        self.check(roots, HANDLER, frozenset({"child.c.o"}))

    def test_a_shield_calls_nothing_unsafe(self) -> None:
        # These objects also have functions that the handler does not call.
        cut = frozenset({"child.c.o", "control.c.o"})
        self.check(["mcsafe__shield_claim"], SHIELD | TABLE | TRY | KEPT, cut)

    def test_a_report_calls_nothing_unsafe(self) -> None:
        roots = ["mcsafe__report", "mcsafe__report_write", "mcsafe__guard_check_jump"]
        self.check(roots, REPORT, frozenset({UNWINDER}))

    def test_libunwind_is_in_one_object(self) -> None:
        users = {
            file.name
            for file in self.files
            if any(name.startswith(("unw_", "_U")) for name in undefined(file))
        }
        self.assertLessEqual(users, {UNWINDER})

    def test_copies_call_nothing(self) -> None:
        self.check(["mcsafe_memcpy", "memcpy_mcsafe"], COPY)

    def test_a_copy_past_holes_asks_for_the_size_only(self) -> None:
        roots = ["mcsafe_memcpy_holes", "mcsafe_memcpy_holes_fd"]
        self.check(roots, COPY | {"__errno_location", "fstat"})

    def test_iterators_take_no_lock_and_no_memory(self) -> None:
        names = sorted(name for name in self.defined if name.startswith("mcsafe_iter_"))
        self.assertGreater(len(names), 20)
        self.check(names + COPIES_OF_ITERATORS, ITERATORS)

    def test_a_lookup_takes_no_lock_and_no_memory(self) -> None:
        self.check(["mcsafe_badblocks_next", "mcsafe_badblocks_count"], LOOKUP)

    def test_no_lazy_thread_local_storage(self) -> None:
        for file in self.files:
            lazy = {LAZY_TLS[r.type] for r in file.relocations if r.type in LAZY_TLS}
            self.assertEqual(lazy, set(), file.name)
            self.assertNotIn("__tls_get_addr", undefined(file), file.name)


if __name__ == "__main__":
    unittest.main()
