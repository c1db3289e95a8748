# SPDX-License-Identifier: BSD-3-Clause
"""test_run_manual.py - the dialogues of mcsafe-run(1)."""

import re

import dialogue
import victims

# As the page shows it.
PROGRAM = """import mmap, os
file = open("frames", "rb")
frames = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
os.truncate("frames", 4096)
print(sum(frames[:]))
"""


class Manual(victims.Case):
    """A program dies, and lives."""

    def test_the_dialogues(self) -> None:
        """What the page shows is what comes."""
        (self.directory / "sum.py").write_text(PROGRAM, encoding="ascii")
        where = re.escape(str(self.directory / "frames"))
        free = {"/tmp/frames": where, "python3 (4711)": r"\S+ \(\d+\)"}
        self.assertGreater(dialogue.replay("mcsafe-run.1", self.directory, free=free), 5)


if __name__ == "__main__":
    victims.main()
