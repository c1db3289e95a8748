# SPDX-License-Identifier: BSD-3-Clause
"""test_numpy.py PYTHON EXAMPLE - numpy on a file that is truncated while it is mapped.

numpy itself is not changed. Without a shield Python dies; with one the sum comes back, and the
program learns which range was a stand-in.
"""

import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGE = 4096
N = 40 * PAGE // 8 + 7
EX_IOERR = 74

python, example = sys.argv[1:]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run(
        [python, "-B", example, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class Numpy(unittest.TestCase):
    """Each test has a file of numbers."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe numpy ")
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name, "numbers")
        self.numbers = [random.randrange(1 << 40) for _ in range(N)]
        self.file.write_bytes(struct.pack(f"<{N}Q", *self.numbers))

    def test_a_whole_file_is_summed(self) -> None:
        for more in ([], ["--plain"]):
            done = run(*more, str(self.file))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, f"sum: {sum(self.numbers)}\n")

    def test_without_a_shield_python_dies(self) -> None:
        done = run("--plain", "--cut", str(3 * PAGE), str(self.file))
        self.assertEqual(done.returncode, -signal.SIGBUS, done)

    def test_with_a_shield_the_sum_comes_back_and_the_loss_is_told(self) -> None:
        for pages in (30, 1):
            with self.subTest(pages=pages):
                self.setUp()
                done = run("--cut", str(pages * PAGE), str(self.file))
                self.assertEqual(done.returncode, EX_IOERR, done)
                first = pages * PAGE // 8
                self.assertIn(f"sum: {sum(self.numbers[:first])}\n", done.stdout)
                lost = re.findall(r"lost: numbers (\d+) to (\d+), of (.*), \d+ bytes at (\d+)\n",
                                  done.stdout)
                self.assertEqual(lost, [(str(first), str(N - 1), str(self.file),
                                         str(pages * PAGE))])

    def test_damage_that_is_not_there_is_not_told(self) -> None:
        done = run("--cut", str(8 * N), str(self.file))
        self.assertEqual((done.returncode, done.stdout), (0, f"sum: {sum(self.numbers)}\n"))

    def test_errors_name_the_file(self) -> None:
        done = run("/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere: ", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
