# SPDX-License-Identifier: BSD-3-Clause
"""test_run_go.py - mcsafe run with a program in Go, whose runtime reports SIGBUS, and dies."""

import os

import victims
from tool import ERROR, run
from victims import PAGE, SIZE, Case

PROGRAM = os.environ["MCSAFE_VICTIM_GO"]


class Go(Case):
    """The runtime has a handler, which does not recover."""

    def test_go(self) -> None:
        """It dies with a message of its own, and lives under mcsafe run."""
        done = self.plain(PROGRAM, self.fill())
        self.assertEqual(done.returncode, 2)
        self.assertIn("unexpected fault address", done.stderr)
        done = self.guarded(PROGRAM, self.fill())
        self.check_lost(done)
        self.assertEqual(done.stdout, f"lived: {ord('a') * PAGE // 64}\n")
        self.assertEqual(self.report["lost"], SIZE - PAGE)

    def test_respected(self) -> None:
        """--respect-handlers leaves it to its handler."""
        done = self.guarded(PROGRAM, self.fill(), options=("--respect-handlers",))
        self.assertEqual((done.returncode, self.report["lost"]), (2, 0))

    def test_preload(self) -> None:
        """Its system calls are its own, so no library can help it."""
        done = run("run", "--preload", PROGRAM, str(self.fill()))
        self.assertEqual((done.returncode, done.stdout), (ERROR, ""))
        self.assertIn("a program in Go makes its system calls itself", done.stderr)


if __name__ == "__main__":
    victims.main()
