# SPDX-License-Identifier: BSD-3-Clause
"""test_mapped_sum.py MCSAFE SCRIPT - a Python program dies of SIGBUS, and lives under mcsafe run.

README shows the output.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=30)
    print(done.stdout, done.stderr, sep="", end="")
    return done


mcsafe, script = sys.argv[1:]

done = run("python3", script)
assert (done.returncode, done.stdout) == (-signal.SIGBUS, ""), done

done = run(mcsafe, "run", "--", "python3", script)
assert done.returncode == 74, done
command = r"\$ mcsafe run -- python3 mapped_sum\.py"
shown = re.search(rf"^{command}\n(.*?)^```", README.read_text(), re.M | re.S)
assert shown is not None
pattern = re.escape(shown[1]).replace("XXXXXXXX", r"\w+").replace("4711", r"\d+")
assert re.fullmatch(pattern, done.stdout + done.stderr), done
