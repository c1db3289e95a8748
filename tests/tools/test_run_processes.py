# SPDX-License-Identifier: BSD-3-Clause
"""test_run_processes.py - mcsafe run: threads, children, signals, job control, filters, tracers."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import victims
from tool import ERROR, FINE, LOST, MCSAFE, run
from victims import LIVED, PAGE, SIZE, VICTIM, Case, start

PAST = (PAGE, SIZE - PAGE)
NOBODY = 65534
# A child that ends when its standard input does, and mcsafe run in the place of its parent.
CHILD = 'exec 3<&0; cat <&3 & exec 3<&-; exec "$@" sh -c "true & exit 3"'
# Another user namespace may mount something over /proc.
WITHOUT_PROC = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")


def state_of(pid: int) -> str:
    """The letter of the state of a process: T is stopped, t is stopped by its tracer."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]


def child_of(pid: int) -> int:
    """The child of a process that has one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(children[0])


class Several(Case):
    """More than one thread or process."""

    def dies_and_lives(self, way: str, *more: object) -> None:
        """The program dies, or a part of it, and all of it survives under mcsafe run."""
        plain = self.plain(VICTIM, way, self.fill(), *more)
        self.assertNotEqual(plain.returncode, LIVED, plain.stderr)
        self.check_lost(self.guarded(VICTIM, way, self.fill(), *more))

    def test_eight_threads_and_fork(self) -> None:
        """All meet the same pages at the same time."""
        for _ in range(5):
            self.check_dies(self.plain(VICTIM, "threads", self.fill(content=b"a" * 4 * SIZE)))
            self.fill(content=b"a" * 4 * SIZE)
            self.check_lost(self.guarded(VICTIM, "threads", self.path))
            self.assertEqual(self.report["lost"], 4 * SIZE - PAGE)

    def test_static_threads(self) -> None:
        """The same in a static program."""
        static = os.environ["MCSAFE_VICTIM_STATIC"]
        self.check_dies(self.plain(static, "threads", self.fill()))
        self.check_lost(self.guarded(static, "threads", self.fill()))

    def test_without_proc(self) -> None:
        """Nothing can stand in, and that is told."""
        if self.plain(*WITHOUT_PROC, "true").returncode != 0:
            victims.needs("namespaces of users are not allowed here")
        alone = self.plain(*WITHOUT_PROC, MCSAFE, "--version")
        if alone.returncode != 0:  # a sanitizer may need /proc itself
            self.assertIn("Sanitizer", alone.stderr)
            return
        done = self.plain(*WITHOUT_PROC, MCSAFE, "run", VICTIM, "read", self.fill())
        self.check_dies(done)
        self.assertIn(
            "mcsafe run: /proc is not mounted, or hides processes, so nothing can stand in\n",
            done.stderr,
        )

    def test_children_that_were_there_before(self) -> None:
        """A shell that becomes mcsafe run leaves it a child, which is not waited for."""
        done = start("sh", "-c", CHILD, "sh", MCSAFE, "run", *self.way)
        try:
            self.assertEqual(done.wait(timeout=60), 3)
        finally:
            done.communicate("")  # cat ends

    def test_vfork(self) -> None:
        """The child shares its memory with a parent that waits in the kernel."""
        self.dies_and_lives("vfork")
        self.assertNotEqual(self.report["files"][0]["ranges"][0]["pid"], self.report["pid"])

    def test_memory_that_comes_in_the_place_of_a_lost_page(self) -> None:
        """Another thread maps it between the fault and its answer. It is not replaced."""
        self.check_dies(self.plain(VICTIM, "race", self.fill()))
        self.check_lost(self.guarded(VICTIM, "race", self.fill()))

    def test_exec(self) -> None:
        """The next program of the process is traced too."""
        self.check_dies(self.plain(VICTIM, "exec", self.fill()))
        self.check_lost(self.guarded(VICTIM, "exec", self.fill()))

    def test_exec_while_other_threads_lose_pages(self) -> None:
        """The kernel waits until these have been waited for, and mcsafe run waits for nothing."""
        self.check_lost(self.guarded(VICTIM, "exec-often", self.fill(), 60))

    def test_fork_while_other_threads_lose_pages(self) -> None:
        """What these hold is free in the child."""
        self.check_lost(self.guarded(VICTIM, "fork-often", self.fill(content=bytes(SIZE)), 200))

    def test_two_children_at_once(self) -> None:
        """Each is told with its own id."""
        other = self.fill(self.directory / "other")
        self.assertEqual(self.plain(VICTIM, "children", self.fill(), other).returncode, 98)
        self.check_lost(self.guarded(VICTIM, "children", self.fill(), self.fill(other)))
        self.assertEqual(sorted(f["path"] for f in self.report["files"]),
                         sorted([str(self.path), str(other)]))
        pids = {file["ranges"][0]["pid"] for file in self.report["files"]}
        self.assertEqual(len(pids), 2)
        self.assertNotIn(self.report["pid"], pids)

    def test_a_shell(self) -> None:
        """A pipeline, one part of which loses something."""
        script = f'cat /dev/null | "{VICTIM}" read "$1" | cat'
        done = self.guarded("sh", "-c", script, "sh", self.fill())
        self.check_lost(done, 0)
        self.assertIn("lived", done.stdout)

    def test_a_daemon(self) -> None:
        """The tracer stays until a daemon that has left the session has ended."""
        out = self.directory / "out"
        done = self.guarded(VICTIM, "daemon", self.fill(), out)
        self.check_lost(done, 0)
        self.assertEqual(int(out.read_text(encoding="ascii")), ord("a") * PAGE // 64)

    def test_many_processes(self) -> None:
        """400 programs, one after another."""
        script = "for i in $(seq 400); do /bin/true || exit 9; done"
        done = run("run", *self.way, "sh", "-c", script)
        self.assertEqual((done.returncode, done.stderr), (FINE, ""))


class Full(victims.Full):
    """A tmpfs without space: each page fails by itself."""

    def check_ranges(self, way: str) -> None:
        """16 pages have room, the others are lost one by one."""
        self.check_full(VICTIM, way, self.mount / "data", 64 * PAGE)
        self.assertEqual(self.ranges(), [(16 * PAGE, 48 * PAGE, "written")])

    def test_writes_that_find_no_space(self) -> None:
        """What was written to them is there until the program ends."""
        self.check_ranges("fill")

    def test_while_other_threads_map_memory(self) -> None:
        """Nothing that another thread maps is replaced."""
        self.check_ranges("busy-threads")


class Signals(Case):
    """Signals that mcsafe run or the program get."""

    def begin(self, *words: str) -> subprocess.Popen:
        """Start run_victim, and wait until it has begun."""
        process = start(MCSAFE, "run", *self.way, VICTIM, "wait", *words,
                        start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_ctrl_c(self) -> None:
        """The whole group gets SIGINT. The program decides."""
        process = self.begin("handled")
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(), 5)
        process = self.begin("plain")
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(), -signal.SIGINT)

    def test_a_signal_to_mcsafe_run_alone(self) -> None:
        """It is passed on, as timeout(1) and service managers send it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.begin("handled")
            process.send_signal(number)
            self.assertEqual(process.wait(), 5)
        process = self.begin("plain")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_mcsafe_run_is_killed(self) -> None:
        """The program does not go on without it."""
        process = self.begin("plain")
        watch = os.pidfd_open(child_of(process.pid))
        process.kill()
        process.wait()
        # The descriptor becomes readable when the program has ended. Its streams end too.
        self.assertEqual(process.stdout.read(), "")
        os.close(watch)

    def check_stop_and_go(self, stop, go) -> None:
        """All stop, then all go on."""
        process = self.begin("plain")
        program = child_of(process.pid)
        stop(process.pid, program)
        pid, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        # A traced one stops at its next signal, now that its tracer has stopped.
        while state_of(program) not in "Tt":
            os.sched_yield()
        go(pid, program)
        output, _ = process.communicate("go on\n")
        self.assertEqual((output, process.returncode), ("lived: 0\n", LIVED))

    def test_stop_and_go_of_the_group(self) -> None:
        """As a shell with job control does with Ctrl-Z and fg. SIGTSTP stops no orphaned group."""
        self.check_stop_and_go(
            lambda group, _: os.killpg(group, signal.SIGSTOP),
            lambda group, _: os.killpg(group, signal.SIGCONT),
        )

    def test_stop_of_the_program_alone(self) -> None:
        """The shell sees mcsafe run stop, and continues the group."""
        self.check_stop_and_go(
            lambda _, program: os.kill(program, signal.SIGSTOP),
            lambda group, _: os.killpg(group, signal.SIGCONT),
        )

    def test_continue_of_mcsafe_run_alone(self) -> None:
        """It continues the program."""
        self.check_stop_and_go(
            lambda _, program: os.kill(program, signal.SIGSTOP),
            lambda pid, _: os.kill(pid, signal.SIGCONT),
        )

    def test_job_control_of_a_shell(self) -> None:
        """An interactive shell on a terminal: Ctrl-Z, fg, Ctrl-C."""
        if shutil.which("bash") is None:
            victims.needs("there is no bash")
        script = f"""
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
seen = b""
def until(text):
    global seen
    while text not in seen:
        seen += os.read(fd, 4096)
    seen = seen.partition(text)[2]
os.write(fd, b"PS1=; stty -echo; echo be''gin\\n")
until(b"begin")
os.write(fd, b"'{MCSAFE}' run {' '.join(self.way)} '{VICTIM}' wait handled\\n")
until(b"ready")
os.write(fd, b"\\x1a")
until(b"Stopped")
os.write(fd, b"echo sta''tus $?; fg; echo sta''tus $?\\n")
until(b"status 148")
until(b"continued")
os.write(fd, b"\\x03")
until(b"status 5")
os.write(fd, b"exit\\n")
os.waitpid(pid, 0)
"""
        done = self.plain("python3", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)


class Filters(Case):
    """Programs with seccomp filters."""

    def guarded_by(self, kind: str, user: bool) -> subprocess.CompletedProcess:
        """Run the program in a user namespace, where mcsafe cannot suspend the filter, or here."""
        before = ("unshare", "--user", "--map-root-user") if user else ()
        if user and self.plain(*before, "true").returncode != 0:
            victims.needs("no user namespaces")
        return self.guarded(VICTIM, "seccomp", kind, self.fill(), before=before)

    def test_a_filter_that_forbids_mmap(self) -> None:
        """The program dies as before, and mcsafe says why."""
        for kind in ("errno", "trap"):
            with self.subTest(kind):
                self.check_dies(self.plain(VICTIM, "seccomp", kind, self.fill()))
                done = self.guarded_by(kind, user=True)
                self.check_dies(done)
                self.assertIn("its seccomp filter forbids mmap(2)", done.stderr)
                self.assertEqual(len(self.report["notes"]), 1)
                self.assertEqual(self.report["lost"], 0)

    def test_a_filter_that_kills_for_mmap(self) -> None:
        """The program dies in any case."""
        done = self.guarded_by("kill", user=True)
        self.assertEqual(done.returncode, -signal.SIGSYS)
        self.assertIn("seccomp filter", done.stderr)
        self.assertEqual(self.report["lost"], 0)

    def test_a_filter_that_allows_mmap_alone(self) -> None:
        """No other call is made then."""
        for kind in ("no-mprotect", "no-madvise"):
            with self.subTest(kind):
                self.check_dies(self.plain(VICTIM, "seccomp", kind, self.fill()))
                self.check_lost(self.guarded_by(kind, user=True))
                self.assertEqual(self.ranges(), [(*PAST, "unknown")])

    def test_root_suspends_the_filter(self) -> None:
        """Then the filter does not see the call."""
        if os.geteuid() != 0 or not effective() >> 21 & 1:
            victims.needs("not the system's administrator (CAP_SYS_ADMIN)")
        for kind in ("errno", "trap", "kill"):
            with self.subTest(kind):
                self.check_lost(self.guarded_by(kind, user=False))


def effective() -> int:
    """The effective capabilities of this process."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.partition("CapEff:")[2].split()[0], 16)


class Tracers(Case):
    """Other tracers, and programs that gain privileges."""

    def test_mcsafe_run_is_traced(self) -> None:
        """A process has one tracer only. mcsafe run within mcsafe run is an example."""
        # LeakSanitizer would need to trace the inner one.
        report = f"--report={self.directory}/report"
        done = run("run", MCSAFE, "run", report, "echo", "ran",
                   env=victims.sanitized("detect_leaks=0"))
        self.assertEqual(list(self.directory.iterdir()), [])
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertRegex(
            done.stderr,
            r"\Amcsafe run: mcsafe \(\d+\) traces mcsafe run and what it starts, and a process "
            r"has only one tracer\n\Z",
        )

    def test_a_tracer_inside(self) -> None:
        """It is told that it cannot work. What is called strace is enough."""
        strace = self.directory / "strace"
        strace.symlink_to("/bin/true")
        done = self.guarded(strace)
        self.assertIn("cannot trace what it starts: mcsafe run is the tracer of all", done.stderr)
        self.assertEqual(done.returncode, FINE)

    def test_ptrace_is_forbidden(self) -> None:
        """The program is not run."""
        script = (
            "import ctypes, os, struct, sys\n"
            # ptrace(2) is system call 101. 0x50000 + 1 returns EPERM; 0x7fff0000 allows.
            "code = struct.pack('HBBIHBBIHBBIHBBI', 0x20, 0, 0, 0, 0x15, 0, 1, 101,\n"
            "                   6, 0, 0, 0x50001, 6, 0, 0, 0x7fff0000)\n"
            "room = ctypes.create_string_buffer(code)\n"
            "filter = struct.pack('HxxxxxxP', 4, ctypes.addressof(room))\n"
            "libc = ctypes.CDLL(None)\n"
            "assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter) == 0\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        done = self.plain("python3", "-c", script, MCSAFE, "run", "echo", "ran",
                          env=victims.sanitized("detect_leaks=0"))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertEqual(
            done.stderr,
            "mcsafe run: ptrace(2) is forbidden here: Operation not permitted (a container's "
            "seccomp filter, or /proc/sys/kernel/yama/ptrace_scope): --preload may serve, which "
            "needs no ptrace(2)\n",
        )

    def test_a_setuid_program(self) -> None:
        """It is refused, unless the kernel lets mcsafe trace it."""
        program = self.directory / "setuid"
        if os.geteuid() != 0:
            victims.needs("only root can make a program of another user setuid")
        shutil.copy("/bin/true", program)
        program.chmod(0o4755)
        self.directory.chmod(0o755)
        self.assertEqual(run("run", str(program)).returncode, FINE)
        reach = Path(MCSAFE)
        if not all(parent.stat().st_mode & 1 for parent in reach.parents):
            reach = Path(shutil.copy(MCSAFE, self.directory))

        def become_nobody() -> None:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        done = self.plain(reach, "run", program, preexec_fn=become_nobody)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn("gives it privileges (setuid, setgid or capabilities)", done.stderr)
        done = self.plain(reach, "run", "sh", "-c", f'"{program}"', preexec_fn=become_nobody)
        self.assertIn("runs without the privileges of its file", done.stderr)
        self.assertEqual(done.returncode, FINE)

    def test_another_user(self) -> None:
        """Without any privilege, a program is helped as well."""
        if os.geteuid() != 0:
            victims.needs("the other tests run without privileges already")
        files = {}
        self.directory.chmod(0o777)
        for name in (MCSAFE, VICTIM):
            files[name] = shutil.copy(name, self.directory)

        def become_nobody() -> None:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        self.fill().chmod(0o666)
        done = self.plain(files[MCSAFE], "run", *self.way, files[VICTIM], "write", self.path,
                          preexec_fn=become_nobody)
        self.assertEqual(done.returncode, LOST, done.stderr)
        self.assertIn(f"{self.path}: {PAST[1]} bytes are lost:\n", done.stderr)
        self.assertIn(f"  {PAST[1]} bytes at offset {PAGE}, written by", done.stderr)


if __name__ == "__main__":
    victims.main()
