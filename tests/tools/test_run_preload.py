# SPDX-License-Identifier: BSD-3-Clause
"""test_run_preload.py - mcsafe run --preload: a library in the program does what a tracer does.

The tests of mcsafe run that do not need a tracer run once more, in this way.
"""

import os
import shutil
import signal
import struct
import subprocess
import tempfile
from pathlib import Path

import test_run
import test_run_processes
import test_run_programs
import victims
from tool import ERROR, FINE, LOST, MCSAFE, run
from victims import BUS, LIVED, PAGE, SIZE, VICTIM, Case

WAY = ("--preload",)
PAST = (PAGE, SIZE - PAGE)
# ptrace(2) is system call 101. This filter answers EPERM to it, as those of containers do.
NO_PTRACE = (
    "import ctypes, os, struct, sys\n"
    "code = struct.pack('HBBIHBBIHBBIHBBI', 0x20, 0, 0, 0, 0x15, 0, 1, 101,\n"
    "                   6, 0, 0, 0x50001, 6, 0, 0, 0x7fff0000)\n"
    "room = ctypes.create_string_buffer(code)\n"
    "filter = struct.pack('HxxxxxxP', 4, ctypes.addressof(room))\n"
    "libc = ctypes.CDLL(None)\n"
    "assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter) == 0\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


def again(case: type[Case], *without: str) -> type[Case]:
    """Return the tests of a class in this way, without those that need a tracer."""
    more: dict[str, object] = {"way": WAY, "__module__": __name__}
    for name in without:
        getattr(case, name)  # it must be there
        more[name] = None
    return type(case.__name__, (case,), more)


Loss = again(test_run.Loss, "test_static", "test_32_bit")
Mirror = again(test_run.Mirror)
NotLost = again(test_run.NotLost)
# The runtime of AddressSanitizer must be the first library of a program that is built with it.
Handlers = again(test_run.Handlers, *(
    ("test_libmcsafe", "test_libmcsafe_in_a_stripped_program",
     "test_an_access_that_libmcsafe_does_not_protect")
    if os.environ.get("MCSAFE_SANITIZED") else ()
))
Stop = again(test_run.Stop)
Status = again(test_run.Status)
Report = again(test_run.Report)
Several = again(test_run_processes.Several, "test_static_threads")
Full = again(test_run_processes.Full)
Signals = again(test_run_processes.Signals, "test_mcsafe_run_is_killed")
# csearch makes its system calls without libc.
Truncated = again(test_run_programs.Truncated, "test_csearch")
Written = again(test_run_programs.Written)


class Refused(Case):
    """Programs into which no library can be loaded: one line, and nothing is run."""

    def check_refused(self, program: Path | str, why: str, path: Path | str = "") -> None:
        """The program is not run."""
        done = run("run", "--preload", str(program), "read", str(self.fill()))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertEqual(
            done.stderr, f"mcsafe run: {path or program}: {why}, so --preload cannot help it\n"
        )
        self.assertEqual(self.path.stat().st_size, SIZE)

    def write(self, content: bytes) -> Path:
        """Make a program."""
        path = self.directory / "program"
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    def test_static(self) -> None:
        """It has no loader."""
        self.check_refused(os.environ["MCSAFE_VICTIM_STATIC"], "it is linked statically")

    def test_a_script_of_a_static_program(self) -> None:
        """The interpreter is looked at, also that of an interpreter."""
        # The path has no blank: it would end the name of the interpreter.
        directory = tempfile.mkdtemp(prefix="mcsafe-", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory)
        static = shutil.copy(os.environ["MCSAFE_VICTIM_STATIC"], directory)
        script = self.write(f"#! {static} read\n".encode())
        self.check_refused(script, "it is linked statically", static)

    def test_a_script(self) -> None:
        """A script of a program that can be helped is run."""
        script = self.write(b"#!/bin/sh\nexit 7\n")
        self.assertEqual(run("run", "--preload", str(script)).returncode, 7)

    def test_32_bit(self) -> None:
        """Its loader does not load libraries for 64 bits."""
        program = os.environ.get("MCSAFE_VICTIM_32", "")
        if not program:
            victims.needs("the compiler makes no 32-bit programs")
        self.check_refused(program, "it is a 32-bit program")

    def test_another_loader(self) -> None:
        """That of musl, for example."""
        content = Path("/bin/true").read_bytes()
        loader = b"/lib64/ld-linux-x86-64.so.2"
        self.assertIn(loader, content)
        program = self.write(content.replace(loader, b"/lib/ld-musl-x86_64.so.1".ljust(27, b"\0")))
        self.check_refused(program, "its loader is not that of glibc")

    def test_go(self) -> None:
        """A program in Go is recognised by the note of its linker, also if it has a loader."""
        # The note that says for which kernel the program is becomes one with the id of Go's build.
        content = Path("/bin/true").read_bytes()
        gnu = struct.pack("<III4s", 4, 16, 1, b"GNU")
        self.assertIn(gnu, content)
        program = self.write(content.replace(gnu, struct.pack("<III4s", 4, 16, 4, b"Go")))
        self.check_refused(program, "a program in Go makes its system calls itself")

    def test_a_damaged_program(self) -> None:
        """execve(2) says what is wrong, or a shell takes it for a script, which may make files."""
        content = Path("/bin/true").read_bytes()
        for size in (5, 63, 100, 400):
            self.write(content[:size])
            done = self.plain(MCSAFE, "run", "--preload", self.directory / "program",
                              cwd=self.directory)
            self.assertIn(done.returncode, (126, 127, 2))

    def test_privileges(self) -> None:
        """The loader ignores LD_PRELOAD for such a program."""
        if os.geteuid() != 0:
            victims.needs("only root can make a program of another user setuid")
        program = self.write(Path("/bin/true").read_bytes())
        os.chown(program, test_run_processes.NOBODY, -1)
        program.chmod(0o4755)
        self.check_refused(
            program, "execve(2) gives it privileges (setuid, setgid or capabilities)"
        )

    def test_system_calls(self) -> None:
        """Only a tracer sees them."""
        done = run("run", "--preload", "--system-calls", "true")
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("--preload and --system-calls exclude each other", done.stderr)

    def test_a_library_that_is_not_there(self) -> None:
        """The command that was copied alone finds none."""
        alone = shutil.copy(MCSAFE, self.directory)
        done = self.plain(alone, "run", "--preload", "true")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertRegex(done.stderr, r"\Amcsafe run: .*libmcsafe-run\.so: No such file or dir")

    def test_a_library_that_the_loader_does_not_take(self) -> None:
        """The program runs, and it is told that nothing protects it."""
        alone = shutil.copy(MCSAFE, self.directory)
        (self.directory / "libmcsafe-run.so").write_text("no library")
        done = self.plain(alone, "run", "--preload", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (FINE, "ran\n"))
        self.assertIn("mcsafe run: echo ran without protection: its loader has not loaded "
                      "libmcsafe-run.so\n", done.stderr)


class WithoutPtrace(Case):
    """A place where ptrace(2) is forbidden."""

    way = WAY
    before = ("python3", "-c", NO_PTRACE)

    def test_it_is_recommended(self) -> None:
        """Without the option, the program is not run, and the line names it."""
        done = self.plain(*self.before, MCSAFE, "run", "echo", "ran",
                          env=victims.sanitized("detect_leaks=0"))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertRegex(done.stderr, r"\Amcsafe run: ptrace\(2\) is forbidden here: .*: "
                                      r"--preload may serve, which needs no ptrace\(2\)\n\Z")

    def test_it_serves(self) -> None:
        """A program that dies there lives."""
        env = victims.sanitized("detect_leaks=0")
        for way, access in (("read", "read"), ("write", "written"), ("threads", "read-at-least")):
            with self.subTest(way):
                self.check_dies(self.plain(*self.before, VICTIM, way, self.fill()))
                self.check_lost(self.guarded(VICTIM, way, self.fill(), before=self.before, env=env))
                # With threads, a child has its own.
                self.assertEqual(set(self.ranges()), {(*PAST, access)})


class Inside(Case):
    """What only a library in the process has to care for."""

    way = WAY

    def test_all_ways_to_set_a_handler(self) -> None:
        """Each replaces the program's action, gives the last one back, and not ours."""
        self.check_dies(self.plain(VICTIM, "many-actions", self.fill()))
        self.check_lost(self.guarded(VICTIM, "many-actions", self.fill()))

    def test_a_handler_is_called_for_what_is_the_program_s(self) -> None:
        """A SIGBUS of kill(2) comes to the program's handler, with what it has asked for."""
        for words in ((), (MCSAFE, "run", *WAY)):
            done = self.plain(*words, VICTIM, "own-signal")
            self.assertEqual((done.returncode, done.stdout), (LIVED, "lived: 4\n"), done.stderr)

    def test_blocked_signals(self) -> None:
        """The kernel kills a process if the signal of an access is blocked. So it never is."""
        for way in ("blocked", "blocked-in-handler", "blocked-in-thread"):
            with self.subTest(way):
                self.check_dies(self.plain(VICTIM, way, self.fill()))
                self.check_lost(self.guarded(VICTIM, way, self.fill()))

    def test_a_parent_that_blocks(self) -> None:
        """A program begins with what its parent blocks."""
        def block() -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS})

        done = self.plain(MCSAFE, "run", *WAY, VICTIM, "read", self.fill(), preexec_fn=block)
        self.assertEqual(done.returncode, LOST, done.stderr)

    def test_children_whose_descriptors_are_closed(self) -> None:
        """As Python closes them: the child finds the command by the environment."""
        script = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], close_fds=True))"
        done = self.guarded("python3", "-c", script, VICTIM, "read", self.fill())
        self.check_lost(done)

    def test_an_environment_that_is_cleaned(self) -> None:
        """Such a child is not helped."""
        done = self.guarded("env", "-i", VICTIM, "read", self.fill())
        self.assertEqual((done.returncode, self.report["lost"]), (BUS, 0))

    def test_libraries_of_the_user(self) -> None:
        """They stay."""
        done = self.plain(MCSAFE, "run", *WAY, "sh", "-c", "echo $LD_PRELOAD",
                          env={**victims.sanitized("verify_asan_link_order=0"),
                               "LD_PRELOAD": "libm.so.6"})
        self.assertRegex(done.stdout, r"\A/.*/libmcsafe-run\.so:libm\.so\.6\n\Z")

    def test_a_path_that_the_loader_cannot_name(self) -> None:
        """LD_PRELOAD cannot have a blank in a path. A link without one is made, and removed."""
        where = self.directory / "a:b"
        where.mkdir()
        for name in ("mcsafe", "libmcsafe-run.so"):
            shutil.copy(Path(MCSAFE).parent / name, where)
        scratch = Path(tempfile.mkdtemp(prefix="mcsafe-"))
        self.addCleanup(scratch.rmdir)  # it must be empty
        for status, words in ((LOST, (VICTIM, "read")), (BUS, (VICTIM, "sent", "kill"))):
            done = self.plain(where / "mcsafe", "run", *WAY, *words, self.fill(),
                              env={**os.environ, "TMPDIR": str(scratch)})
            self.assertEqual(done.returncode, status, done.stderr)

    def test_many_ranges(self) -> None:
        """What finds no room in the list is told."""
        done = self.guarded(VICTIM, "many-ranges", self.path, 33000)
        self.check_lost(done)
        self.assertEqual(len(self.report["files"][0]["ranges"]), 32768)
        self.assertIn("more was lost than is told", self.report["notes"][0])

    def test_a_filter_that_forbids_mmap(self) -> None:
        """The program dies as before, and the report says why."""
        done = self.guarded(VICTIM, "seccomp", "errno", self.fill())
        self.check_dies(done)
        self.assertIn("its seccomp filter forbids mmap(2)", self.report["notes"][0])

    def test_a_filter_that_kills(self) -> None:
        """The filter kills in place of SIGBUS."""
        for kind in ("trap", "kill"):
            done = self.guarded(VICTIM, "seccomp", kind, self.fill())
            self.assertEqual((done.returncode, self.report["lost"]), (-signal.SIGSYS, 0))

    def test_a_filter_that_allows_mmap(self) -> None:
        """No other call that changes memory is made for zeros."""
        for kind in ("no-mprotect", "no-madvise"):
            self.check_lost(self.guarded(VICTIM, "seccomp", kind, self.fill()))
            self.assertEqual(self.ranges(), [(*PAST, "read-at-least")])

    def test_a_process_that_writes_nonsense_to_the_shared_memory(self) -> None:
        """The command believes none of it."""
        script = (
            "import mmap, os, sys\n"
            "pid, fd, device, inode = os.environ['MCSAFE_RUN'].split()\n"
            "size = os.stat(int(fd)).st_size\n"
            "m = mmap.mmap(int(fd), size)\n"
            # From the numbers of the entries on: struct shared.
            "m[32:] = b'\\xff' * (size - 32)\n"
        )
        done = self.plain(MCSAFE, "run", *WAY, "python3", "-c", script)
        self.assertEqual((done.returncode, done.stdout), (FINE, ""), done.stderr)

    def test_what_the_library_exports(self) -> None:
        """Functions of libc, and nothing of libmcsafe."""
        library = Path(MCSAFE).parent / "libmcsafe-run.so"
        done = self.plain("nm", "-D", "--defined-only", "--format=just-symbols", library)
        names = done.stdout.split()
        self.assertIn("sigaction", names)
        self.assertIn("munmap", names)
        self.assertEqual([name for name in names if "mcsafe" in name or "inside" in name], [])
        libc = subprocess.run(["sh", "-c", f"ldd '{library}' | grep -o '/.*libc.so.6'"],
                              capture_output=True, text=True, check=True).stdout.strip()
        known = self.plain("nm", "-D", "--defined-only", "--format=just-symbols", libc).stdout
        known = {name.partition("@")[0] for name in known.split()}
        self.assertEqual([name for name in names if name not in known], [])


if __name__ == "__main__":
    victims.main()
