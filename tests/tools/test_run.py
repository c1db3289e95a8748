# SPDX-License-Identifier: BSD-3-Clause
"""test_run.py - mcsafe run: what it does for one process, what it tells, and how it ends."""

import os
import resource
import shutil
import signal
from pathlib import Path

import victims
from tool import ERROR, FINE, LOST, MCSAFE, run
from victims import LIVED, PAGE, SIZE, VICTIM, Case

HUGE = 2 << 20
PAST = (PAGE, SIZE - PAGE)


class Loss(Case):
    """A program that would die goes on."""

    def dies_and_lives(self, way: str, *more: object, options: tuple[str, ...] = ()) -> None:
        """The program is killed by SIGBUS without mcsafe run, and survives with it."""
        self.check_dies(self.plain(VICTIM, way, self.fill(), *more))
        self.check_lost(self.guarded(VICTIM, way, self.fill(), *more, options=options))

    def test_read(self) -> None:
        """What lies past the end of a truncated file is zeros, and is lost at once."""
        self.dies_and_lives("read")
        self.assertEqual(self.ranges(), [(*PAST, "read")])
        (file,) = self.report["files"]
        self.assertEqual(file["path"], str(self.path))
        self.assertEqual((file["lost"], self.report["lost"]), (PAST[1], PAST[1]))
        (lost,) = file["ranges"]
        self.assertEqual((lost["reason"], lost["filled"]), ("past-end", "zeros"))
        self.assertEqual((lost["pid"], lost["process"]), (self.report["pid"], "run_victim"))

    def test_the_output_is_the_program_s(self) -> None:
        """The program's output comes, with what could be read."""
        done = self.guarded(VICTIM, "read", self.fill())
        self.assertEqual(done.stdout, f"lived: {ord('a') * PAGE // 64}\n")
        self.assertEqual(done.stderr, "")

    def test_read_where_the_program_may_write(self) -> None:
        """The first access is seen to be a read; a later write would not be seen."""
        self.dies_and_lives("read-writable")
        self.assertEqual(self.ranges(), [(*PAST, "read-at-least")])

    def test_write(self) -> None:
        """A store is told from a load, and the program sees what it has stored."""
        self.dies_and_lives("write")
        self.assertEqual(self.ranges(), [(*PAST, "written")])

    def test_two_files(self) -> None:
        """Each file has its ranges."""
        other = self.directory / "other"
        self.fill(other)
        self.dies_and_lives("read", other)
        self.assertEqual([f["path"] for f in self.report["files"]], [str(self.path), str(other)])

    def test_state(self) -> None:
        """Registers, red zone, signal mask and waiting signals are as before."""
        self.dies_and_lives("state")

    def test_static(self) -> None:
        """A static program has no loader that could load anything into it."""
        static = os.environ["MCSAFE_VICTIM_STATIC"]
        self.check_dies(self.plain(static, "read", self.fill()))
        self.check_lost(self.guarded(static, "read", self.fill()))

    def test_32_bit(self) -> None:
        """A program for i386 makes its own system calls."""
        program = os.environ.get("MCSAFE_VICTIM_32", "")
        if not program:
            victims.needs("the compiler makes no 32-bit programs")
        try:
            self.check_dies(self.plain(program, self.fill()))
        except OSError as error:
            victims.needs(f"the kernel runs no 32-bit programs: {error}")
        self.check_lost(self.guarded(program, self.fill()), 42)
        self.assertEqual(self.ranges(), [(PAGE, 3 * PAGE, "written")])

    def test_huge_pages(self) -> None:
        """A huge page is replaced whole: also where the pool has none."""
        plain = self.plain(VICTIM, "huge")
        if plain.returncode == 99:
            victims.needs(f"no huge pages: {plain.stderr}")
        self.check_dies(plain)
        self.check_lost(self.guarded(VICTIM, "huge"))
        (file,) = self.report["files"]
        self.assertEqual((file["path"], file["deleted"]), ("/memfd:huge", True))
        *before, (start, length, access) = self.ranges()
        self.assertEqual((start, length, access), (HUGE, 3 * HUGE, "written"))
        # The first page is lost too if the pool is empty.
        self.assertIn(before, ([], [(0, HUGE, "written")]))
        reasons = [lost["reason"] for lost in file["ranges"]]
        self.assertEqual(reasons, ["no-huge-page"] * len(before) + ["past-end"])

    def test_a_deleted_file(self) -> None:
        """A file without a name has the name that it had."""
        script = f'exec 3<> "$1"; rm "$1"; exec "{VICTIM}" "$2" /proc/self/fd/3'
        self.check_dies(self.plain("sh", "-c", script, "sh", self.fill(), "read"))
        self.check_lost(self.guarded("sh", "-c", script, "sh", self.fill(), "read"))
        (file,) = self.report["files"]
        self.assertEqual((file["path"], file["deleted"]), (str(self.path), True))
        self.assertEqual(file["lost"], PAST[1])

    def test_a_name_with_a_newline(self) -> None:
        """The report shows it, and stays valid."""
        self.path = self.directory / "a\nb\u00e9\x1b[31m"
        self.dies_and_lives("read")
        shown = str(self.path).replace("\n", "\\x0a").replace("\x1b", "\\x1b")
        self.assertEqual(self.report["files"][0]["path"], shown)


class Mirror(Case):
    """--fill-from: the bytes of a copy stand in."""

    def setUp(self) -> None:
        super().setUp()
        self.content = os.urandom(SIZE)
        self.mirror = self.fill(self.directory / "mirror", self.content)

    def test_the_bytes_of_the_mirror_stand_in(self) -> None:
        """The program sees the file as it was."""
        options = (f"--fill-from={self.mirror}",)
        self.fill(content=self.content)
        self.check_lost(
            self.guarded(VICTIM, "compare", self.path, self.mirror, options=options), LIVED
        )
        self.assertEqual(self.report["files"][0]["ranges"][0]["filled"], "mirror")
        # Zeros are not the same.
        self.fill(content=self.content)
        self.check_lost(self.guarded(VICTIM, "compare", self.path, self.mirror), 98)

    def test_a_program_that_reads_the_end_first(self) -> None:
        """memcpy(3) may do so. The parts become one range."""
        words = (
            "import mmap, os, sys; file = open(sys.argv[1], 'r+b'); "
            f"memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); file.truncate({PAGE}); "
            f"print(memory[-1] + memory[{2 * PAGE}] + memory[{PAGE}])"
        )
        options = (f"--fill-from={self.mirror}",)
        done = self.guarded("python3", "-c", words, self.fill(), options=options)
        self.check_lost(done, 0)
        met = self.content[-1] + self.content[2 * PAGE] + self.content[PAGE]
        self.assertEqual(done.stdout, f"{met}\n")
        self.assertEqual(self.ranges(), [(PAGE, SIZE - PAGE, "read")])

    def test_a_mirror_is_of_one_file(self) -> None:
        """The second file that is lost gets zeros."""
        options = (f"--fill-from={self.mirror}",)
        other = self.fill(self.directory / "other")
        self.check_lost(self.guarded(VICTIM, "read", self.fill(), other, options=options))
        filled = [file["ranges"][0]["filled"] for file in self.report["files"]]
        self.assertEqual(filled, ["mirror", "zeros"])

    def test_a_mirror_that_is_too_short(self) -> None:
        """Past its end there are zeros."""
        os.truncate(self.mirror, PAGE)
        options = (f"--fill-from={self.mirror}",)
        self.check_lost(self.guarded(VICTIM, "read", self.fill(), options=options))
        self.assertEqual(self.report["files"][0]["ranges"][0]["filled"], "zeros")

    def test_a_mirror_that_ends_in_the_middle(self) -> None:
        """The report says mirror only where the mirror has bytes."""
        os.truncate(self.mirror, 2 * PAGE + 1)
        options = (f"--fill-from={self.mirror}",)
        self.check_lost(self.guarded(VICTIM, "read", self.fill(), options=options))
        self.assertEqual(
            [(r["start"], r["length"], r["filled"]) for r in self.report["files"][0]["ranges"]],
            [(PAGE, 2 * PAGE, "mirror"), (3 * PAGE, SIZE - 3 * PAGE, "zeros")],
        )

    def test_the_mirror_is_not_overwritten(self) -> None:
        """By a report, or by a map."""
        for option in ("--report", "--map"):
            done = run("run", f"--fill-from={self.mirror}", f"{option}={self.mirror}", "true")
            self.assertEqual(done.returncode, ERROR)
            self.assertIn("is the file of --fill-from, and would be overwritten", done.stderr)
        self.assertEqual(self.mirror.read_bytes(), self.content)

    def test_a_mirror_that_has_no_offsets(self) -> None:
        """A directory or a pipe is refused, and a pipe without a writer is not waited for."""
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        for path in (pipe, self.directory, Path("/dev/zero")):
            done = self.guarded("echo", "ran", options=(f"--fill-from={path}",))
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(f"{path} is neither a file nor a block device", done.stderr)

    def test_a_mirror_that_is_not_there(self) -> None:
        """The program is not run."""
        done = self.guarded("echo", "ran", options=("--fill-from=/nowhere/file",))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertEqual(done.stderr, "mcsafe run: /nowhere/file: No such file or directory\n")


class NotLost(Case):
    """A SIGBUS that stays the program's."""

    def stays(self, way: str, *more: object) -> str:
        """The program dies of SIGBUS, with and without mcsafe run. Returns what that says."""
        words = [self.fill() if word is None else word for word in more]
        self.check_dies(self.plain(VICTIM, way, *words))
        if None in more:
            self.fill()
        done = self.guarded(VICTIM, way, *words)
        self.check_dies(done)
        self.assertEqual(self.report["lost"], 0)
        self.assertEqual(self.report["signal"], signal.SIGBUS)
        return done.stderr

    def test_sent(self) -> None:
        """kill(2) and sigqueue(3) are no loss."""
        self.assertEqual(self.stays("sent", "kill"), "")
        self.assertEqual(self.stays("sent", "queue"), "")
        # Even if the signal names a lost page.
        self.assertEqual(self.stays("sent", None), "")

    def test_code(self) -> None:
        """Zeros are never put over code."""
        self.assertIn("nothing stands in for code", self.stays("code", None))

    def test_memory_without_a_file(self) -> None:
        """A program can ask userfaultfd(2) for SIGBUS. It gets the signal as without mcsafe."""
        plain = self.plain(VICTIM, "userfault")
        if plain.returncode == 99:
            victims.needs(f"no userfaultfd: {plain.stderr}")
        self.assertEqual(plain.returncode, 0)
        self.assertEqual(self.guarded(VICTIM, "userfault").returncode, 0)
        self.assertEqual(self.report["lost"], 0)

    def test_a_file_that_is_executed(self) -> None:
        """The data of a program or library are as bad as its code."""
        self.assertIn("a program or a library that it executes", self.stays("own-file", None))


class Handlers(Case):
    """Programs with a handler of SIGBUS."""

    def test_a_handler_that_dies(self) -> None:
        """The program is helped: the handler does not run."""
        self.assertEqual(self.plain(VICTIM, "dying-handler", self.fill()).returncode, 9)
        done = self.guarded(VICTIM, "dying-handler", self.fill())
        self.check_lost(done)
        self.assertNotIn("my handler", done.stdout)

    def test_a_handler_that_recovers(self) -> None:
        """It cannot be told from others, so the program is helped unless the user says no."""
        way = (VICTIM, "recovering-handler", self.path)
        self.fill()
        self.check_lost(self.guarded(*way))
        self.fill()
        done = self.guarded(*way, options=("--respect-handlers",))
        self.assertEqual((done.returncode, done.stdout), (FINE, "recovered\n"))
        self.assertEqual(self.report["lost"], 0)

    def test_yara(self) -> None:
        """It may have its library in itself. So the name of the program counts too."""
        way = (shutil.copy(VICTIM, self.directory / "yara"), "recovering-handler")
        done = self.guarded(*way, self.fill())
        self.assertEqual((done.returncode, done.stdout), (FINE, "recovered\n"))
        self.assertEqual(self.report["lost"], 0)
        self.check_lost(self.guarded(*way, self.fill(), options=("--always",)))

    def test_a_handler_that_gives_up(self) -> None:
        """A respected handler that resets itself has not recovered: then the program is helped."""
        way = (VICTIM, "handler-that-gives-up", self.path)
        self.fill()
        self.check_dies(self.plain(*way))
        for options in ((), ("--respect-handlers",)):
            self.fill()
            self.check_lost(self.guarded(*way, options=options))

    def test_libmcsafe(self) -> None:
        """A program with libmcsafe recovers by itself, and is recognised: linked either way."""
        for variable in ("MCSAFE_VICTIM_SHARED", "MCSAFE_VICTIM_ARCHIVE"):
            program = os.environ.get(variable, "")
            if not program:
                victims.needs(f"{variable}: this build has no such library")
            with self.subTest(program):
                self.fill()
                done = self.guarded(program, "copy", self.path)
                self.assertEqual(done.stdout, f"{SIZE - PAGE} bytes are missing\n")
                self.assertEqual((done.returncode, self.report["lost"]), (4, 0))
                self.fill()
                done = self.guarded(program, "copy", self.path, options=("--always",))
                self.assertEqual(done.stdout, "0 bytes are missing\n")
                self.check_lost(done, 0)

    def test_libmcsafe_in_a_stripped_program(self) -> None:
        """strip(1) leaves the section by which the library is recognised."""
        program = os.environ.get("MCSAFE_VICTIM_ARCHIVE", "")
        if not program:
            victims.needs("this build has no archive")
        stripped = self.directory / "stripped"
        self.assertEqual(self.plain("strip", "-s", "-o", stripped, program).returncode, 0)
        done = self.guarded(stripped, "copy", self.fill())
        self.assertEqual((done.returncode, self.report["lost"]), (4, 0))

    def test_an_access_that_libmcsafe_does_not_protect(self) -> None:
        """The library gives up, and the program is helped."""
        program = os.environ.get("MCSAFE_VICTIM_SHARED", "")
        if not program:
            victims.needs("this build has no shared library")
        self.check_dies(self.plain(program, "plain", self.fill()))
        self.check_lost(self.guarded(program, "plain", self.fill()), 0)


class SystemCalls(Case):
    """A system call that meets a lost page gives the program EFAULT."""

    def test_without_the_option(self) -> None:
        """The program has its error, and decides."""
        done = self.guarded(VICTIM, "system-call", self.fill())
        self.assertEqual((done.returncode, done.stderr), (99, "write: Bad address\n"))
        self.assertEqual((done.stdout, self.report["lost"]), ("a" * PAGE, 0))

    def test_with_the_option(self) -> None:
        """The call is made again with stand-ins, and nothing is written twice."""
        done = self.guarded(VICTIM, "system-call", self.fill(), options=("--system-calls",))
        self.check_lost(done)
        self.assertEqual(done.stdout, "a" * PAGE + "\0" * (SIZE - PAGE))
        self.assertEqual(self.ranges(), [(*PAST, "read")])

    def test_accesses_with_the_option(self) -> None:
        """Accesses are helped as without it, also in threads and children."""
        for way in ("read", "write", "state", "threads", "exec"):
            with self.subTest(way):
                self.check_lost(
                    self.guarded(VICTIM, way, self.fill(), options=("--system-calls",))
                )

    def test_a_bad_address_with_the_option(self) -> None:
        """EFAULT for another reason stays."""
        script = "import ctypes; c = ctypes.CDLL(None); print(c.write(1, ctypes.c_void_p(8), 9))"
        done = self.guarded("python3", "-c", script, options=("--system-calls",))
        self.assertEqual((done.returncode, done.stdout), (FINE, "-1\n"))


class Stop(Case):
    """--on-loss stop."""

    def test_stop(self) -> None:
        """The program is killed at the first loss."""
        done = self.guarded(VICTIM, "read", self.fill(), options=("--on-loss=stop",))
        self.assertEqual((done.returncode, done.stdout), (LOST, ""))
        self.assertEqual(self.ranges(), [(*PAST, "read")])
        self.assertEqual(self.report["files"][0]["ranges"][0]["filled"], "nothing")

    def test_stop_kills_all(self) -> None:
        """The parent does not go on, and what runs in the background does not stay."""
        script = f'sleep 1000 & "{VICTIM}" read "$1"; echo went on'
        done = self.guarded("sh", "-c", script, "sh", self.fill(), options=("--on-loss=stop",))
        self.assertEqual((done.returncode, done.stdout), (LOST, ""))

    def test_stop_is_told(self) -> None:
        """The text does not call it the program's own death."""
        done = run("run", *self.way, "--on-loss", "stop", VICTIM, "read", str(self.fill()))
        self.assertIn("was stopped: --on-loss stop\n", done.stderr)

    def test_stop_without_a_loss(self) -> None:
        """Nothing happens."""
        done = self.guarded("sh", "-c", "exit 7", options=("--on-loss=stop",))
        self.assertEqual(done.returncode, 7)


class Status(Case):
    """The exit status."""

    def test_the_program_s_own(self) -> None:
        """Without a loss, it is passed on, and nothing is written."""
        for status in (0, 1, 74, 255):
            done = run("run", *self.way, "sh", "-c", f"exit {status}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", ""))

    def test_lost(self) -> None:
        """With a loss, it is 74, and the report has the program's own."""
        done = run("run", *self.way, VICTIM, "read", str(self.fill()))
        self.assertEqual(done.returncode, LOST)
        self.assertRegex(
            done.stderr,
            rf"\Amcsafe run: {self.path}: {PAST[1]} bytes are lost:\n"
            rf"  {PAST[1]} bytes at offset {PAGE}, read by run_victim "
            r"\(\d+\): past the end of the file; zeros stood in\n"
            rf"mcsafe run: {VICTIM} ended with status 3\n\Z",
        )

    def test_a_signal(self) -> None:
        """mcsafe run dies by the signal that killed the program, lost or not."""
        for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGABRT):
            done = run("run", *self.way, "sh", "-c", f"kill -{number.value} $$")
            self.assertEqual(done.returncode, -number)
        script = f'"{VICTIM}" read "$1"; kill -ABRT $$'
        done = self.guarded("sh", "-c", script, "sh", self.fill())
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertEqual((self.report["lost"], self.report["status"]), (PAST[1], None))
        self.assertEqual(self.report["signal"], signal.SIGABRT)

    def test_a_core_dump_of_another_signal(self) -> None:
        """The program's own core dump is written, and no other one."""
        pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
        if "/" in pattern or "|" in pattern:
            victims.needs(f"core dumps do not go to the working directory: {pattern}")
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        if hard == 0:
            victims.needs("core dumps are limited to nothing")

        def allow() -> None:
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

        done = self.guarded(VICTIM, "segv", cwd=self.directory, preexec_fn=allow,
                            env=victims.sanitized("disable_coredump=0"))
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertEqual(len(list(self.directory.glob("core*"))), 1)
        plain = self.plain(VICTIM, "segv")
        self.assertEqual(plain.returncode, -signal.SIGSEGV)

    def test_no_such_program(self) -> None:
        """127, as env(1) and shells."""
        for name in ("no-such-program", "/no/such/program"):
            # In a directory that may not be searched, a program is "not executable" to execvp(3).
            done = run("run", *self.way, name, env={**os.environ, "PATH": "/usr/bin:/bin"})
            self.assertEqual(done.returncode, 127)
            self.assertEqual(done.stderr, f"mcsafe run: {name}: No such file or directory\n")

    def test_not_executable(self) -> None:
        """126, as env(1) and shells; no report is left."""
        done = self.guarded(self.directory)
        self.assertEqual(done.returncode, 126)
        self.assertEqual(done.stderr, f"mcsafe run: {self.directory}: Permission denied\n")
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_wrong_usage(self) -> None:
        """1, and a message."""
        for words, message in (
            ((), "no program"),
            (("--on-loss=never", "true"), '--on-loss is "continue" or "stop", not "never"'),
            (("--always", "--respect-handlers", "true"), "exclude each other"),
            (("--no-such-option", "true"), "there is no option --no-such-option"),
        ):
            done = run("run", *words)
            self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
            self.assertIn(message, done.stderr)

    def test_options_of_the_program(self) -> None:
        """Options after the program are the program's, also without "--"."""
        for words in (("printf", "%s", "--json"), ("--", "printf", "%s", "--json")):
            self.assertEqual(run("run", *words).stdout, "--json")

    def test_the_program_gets_what_mcsafe_got(self) -> None:
        """Signal mask, ignored signals and open files."""
        script = "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ls /proc/self/fd"
        with open(os.devnull, "rb") as extra:
            more = {"pass_fds": (extra.fileno(),), "restore_signals": False}
            plain = self.plain("sh", "-c", script, **more)
            self.assertEqual(self.plain(MCSAFE, "run", "sh", "-c", script, **more).stdout,
                             plain.stdout)


class Report(Case):
    """Where the report goes."""

    def test_text(self) -> None:
        """--report has the text without the name of the command. Nothing else is written."""
        report = self.directory / "text"
        done = run("run", "--report", str(report), VICTIM, "read", str(self.fill()))
        self.assertEqual((done.returncode, done.stderr), (LOST, ""))
        text = report.read_text(encoding="utf-8")
        self.assertTrue(text.startswith(f"{self.path}: {PAST[1]} bytes"), text)

    def test_nothing_lost(self) -> None:
        """A report that was asked for is written."""
        report = self.directory / "text"
        self.assertEqual(run("run", "--report", str(report), "false").returncode, 1)
        self.assertEqual(
            report.read_text(encoding="utf-8"), "nothing was lost\nfalse ended with status 1\n"
        )

    def test_a_signal_without_a_name(self) -> None:
        """A real-time signal is told by its number."""
        report = self.directory / "text"
        run("run", "--report", str(report), "sh", "-c", "kill -35 $$")
        self.assertIn("sh was killed by signal 35\n", report.read_text(encoding="utf-8"))

    def test_json_on_standard_error(self) -> None:
        """Without --report, JSON goes where the text would go."""
        done = run("run", "--json", "true")
        self.assertEqual(done.stdout, "")
        self.assertIn('"lost":0', done.stderr)

    def test_a_report_that_cannot_be_written(self) -> None:
        """That is found before the program runs."""
        done = run("run", "--report=/no/such/report", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertEqual(done.stderr, "mcsafe run: /no/such/report: No such file or directory\n")

    def test_maps(self) -> None:
        """One map of ddrescue for each file that was lost."""
        other = self.fill(self.directory / "other")
        where = self.directory / "lost.map"
        words = (VICTIM, "read", str(self.fill()), str(other))
        done = run("run", *self.way, "--map", str(where), *words)
        self.assertEqual(done.returncode, LOST)
        for path, lost in ((where, self.path), (Path(f"{where}.2"), other)):
            text = path.read_text(encoding="utf-8")
            self.assertIn(f"# Command line: mcsafe run --map: {lost}\n", text)
            lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
            blocks = [(int(start, 0), int(length, 0), s) for start, length, s in lines[1:]]
            self.assertEqual(blocks, [(0, PAGE, "?"), (*PAST, "-")])


if __name__ == "__main__":
    victims.main()
