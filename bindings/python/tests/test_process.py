# SPDX-License-Identifier: BSD-3-Clause
"""test_process.py - handlers of others, threads, fork and subinterpreters."""

import itertools
import os
import signal
import sys
import threading
import time
import unittest

import mcsafe
import support
from support import PAGE

PROGRAM = """
import ctypes, faulthandler, os, sys
import mcsafe
path, order, end = sys.argv[1:]
if order == "before":
    faulthandler.enable()
with open(path, "r+b") as file:
    m = mcsafe.mmap(file.fileno(), 0, check=False)
if order == "after":
    faulthandler.enable()
    mcsafe.install()
if order == "after, and another map":
    faulthandler.enable()
    mcsafe.mmap(-1, 10)
if order == "after, and a buffer":
    faulthandler.enable()
    memoryview(m)
assert faulthandler.is_enabled() == (order != "never")
os.truncate(path, 4096)
for _ in range(100):
    try:
        m[:]
    except mcsafe.FaultError as error:
        assert error.done == 4096
    else:
        raise AssertionError("no error")
assert sum(memoryview(m)[4096:]) == 0
if end == "read":
    ctypes.string_at(16)
elif end == "kill":
    os.kill(os.getpid(), 7)
elif end == "map":
    # A file that is truncated under a map of the module mmap.
    import mmap
    os.truncate(path, 8192)
    with open(path, "rb") as file:
        other = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    os.truncate(path, 4096)
    other[5000]
print("the end")
"""
ORDERS = ("never", "before", "after", "after, and another map", "after, and a buffer")


class Handlers(support.FileTest):
    """faulthandler and its like stay as they are."""

    def test_faults_are_errors_and_crashes_are_crashes(self) -> None:
        for order, (end, status, name) in itertools.product(ORDERS, (
            ("return", 0, ""),
            ("read", -signal.SIGSEGV, "Segmentation fault"),
            ("kill", -signal.SIGBUS, "Bus error"),
            ("map", -signal.SIGBUS, "Bus error"),
        )):
            with self.subTest(order=order, end=end):
                self.setUp()
                done = support.python(PROGRAM, self.path, order, end)
                self.assertEqual(done.returncode, status, done)
                self.assertEqual(done.stdout, "the end\n" if status == 0 else "", done)
                if order == "never" or status == 0:
                    self.assertNotIn("Fatal Python error", done.stderr)
                else:
                    self.assertIn(f"Fatal Python error: {name}", done.stderr)
                    self.assertIn('File "<string>", line', done.stderr)

    def test_import_alone_changes_no_handler(self) -> None:
        done = support.python("""
            import re
            caught = lambda: re.search("SigCgt:.*", open("/proc/self/status").read())[0]
            before = caught()
            import mcsafe
            assert caught() == before
            mcsafe.install()
            assert caught() != before
            """)
        self.assertEqual(done.returncode, 0, done)

    def test_a_handler_of_python_gets_signals_that_were_sent(self) -> None:
        done = support.python("""
            import os, signal
            import mcsafe
            got = []
            signal.signal(signal.SIGBUS, lambda *_: got.append(1))
            with open("/proc/self/exe", "rb") as file:
                m = mcsafe.mmap(file.fileno(), 0, access=mcsafe.ACCESS_READ)
            os.kill(os.getpid(), signal.SIGBUS)
            assert got == [1], got
            """)
        self.assertEqual(done.returncode, 0, done)


class Threads(support.FileTest):
    """Long copies run without the lock of the interpreter, and the map stays meanwhile."""

    pages = 2048  # 8 MiB: such copies release the lock

    def test_close_during_a_copy_is_refused(self) -> None:
        with open(self.path, "r+b") as file:
            m = mcsafe.mmap(file.fileno(), 0)
        stop, errors, refused, copies = threading.Event(), [], [0], [0]

        def copy() -> None:
            try:
                while not stop.is_set():
                    if m[:] != self.data:
                        errors.append("other bytes")
                    copies[0] += 1
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=copy) for _ in range(2)]
        for thread in threads:
            thread.start()
        # Each try is refused, or succeeds between two copies: then the copies end with ValueError.
        while not m.closed and copies[0] < 60:
            try:
                m.resize(len(m))
                m.close()
            except BufferError:
                refused[0] += 1
        stop.set()
        for thread in threads:
            thread.join()
        self.assertLessEqual({type(error) for error in errors}, {ValueError})
        print(f"{copies[0]} copies, closing was refused {refused[0]} times")

    def test_each_thread_gets_its_own_error(self) -> None:
        with open(self.path, "r+b") as file:
            m = mcsafe.mmap(file.fileno(), 0)
        self.cut(self.pages // 2)
        wrong = []

        def read(number: int) -> None:
            start = PAGE * number
            for _ in range(50):
                try:
                    m[start:]
                    wrong.append("no error")
                except mcsafe.FaultError as error:
                    if error.done != self.pages // 2 * PAGE - start:
                        wrong.append(error.done)

        threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        m.close()

    def test_other_threads_run_during_long_calls(self) -> None:
        calls = {
            "slice": lambda m: m[:],
            "find of a byte": lambda m: m.find(b"x", 0),
            "find": lambda m: m.find(b"xy", 0),
            "rfind": lambda m: m.rfind(b"xy", 0),
            "copy": lambda m: mcsafe.copy(m, bytes(m)),
            "salvage": lambda m: mcsafe.salvage(m),
        }
        ticks, stop = [0], threading.Event()

        def tick() -> None:
            while not stop.is_set():
                ticks[0] += 1
                time.sleep(0.0001)

        thread = threading.Thread(target=tick)
        interval = sys.getswitchinterval()
        # The lock is not taken away from this thread: it is given up, or kept.
        sys.setswitchinterval(1e6)
        try:
            thread.start()
            with mcsafe.mmap(-1, 32 << 20) as m:
                for name, call in calls.items():
                    before, tries = ticks[0], 0
                    while ticks[0] == before and tries < 500:
                        call(m)
                        tries += 1
                    self.assertGreater(ticks[0], before, name)
                # The same does not happen in short calls.
                before = ticks[0]
                for _ in range(100000):
                    m[:100]
                self.assertEqual(ticks[0], before)
        finally:
            stop.set()
            sys.setswitchinterval(interval)
            thread.join()


class Fork(support.FileTest):
    """A child of fork(2)."""

    def test_a_child_has_losses_of_its_own(self) -> None:
        with open(self.path, "r+b") as file:
            m = mcsafe.mmap(file.fileno(), 0)
        memoryview(m).release()
        self.cut(1)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                bytes(m)
                assert m.lost() == [(PAGE, 3 * PAGE)]
                try:
                    m[PAGE]
                except mcsafe.FaultError:
                    m.close()
                    status = 42
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 42)
        self.assertEqual(m.lost(), [])
        bytes(m)
        self.assertEqual(m.lost(), [(PAGE, 3 * PAGE)])
        m.close()


class Interpreters(unittest.TestCase):
    """Other interpreters of the process."""

    def test_a_subinterpreter_has_classes_of_its_own(self) -> None:
        done = support.python("""
            import mcsafe, sys
            try:
                import _xxsubinterpreters as interpreters
                one = interpreters.create()
                if sys.version_info >= (3, 12):
                    interpreters.destroy(one)
                    one = interpreters.create(isolated=False)
            except ModuleNotFoundError:
                import _interpreters as interpreters
                one = interpreters.create("legacy")
            interpreters.run_string(one, '''if True:
                import mcsafe, os, tempfile
                with tempfile.NamedTemporaryFile() as file:
                    file.truncate(8192)
                    m = mcsafe.mmap(file.fileno(), 0)
                    file.truncate(4096)
                    try:
                        m[:]
                    except mcsafe.FaultError as error:
                        print(error.done, id(mcsafe.FaultError))
                    sum(memoryview(m))
                    print(m.lost())
                    m.close()
                ''')
            sys.stdout.flush()
            interpreters.destroy(one)
            print(id(mcsafe.FaultError))
            mcsafe.mmap(-1, 10)[3]
            """)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        first, lost, own = done.stdout.splitlines()
        self.assertEqual((first.split()[0], lost), (str(PAGE), f"[({PAGE}, {PAGE})]"))
        self.assertNotEqual(first.split()[1], own)


if __name__ == "__main__":
    support.main()
