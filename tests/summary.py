# SPDX-License-Identifier: BSD-3-Clause
"""summary.py NAME RESULTS - sums up a run of ctest: each skip with its reason, each failure.

A case that a CMocka test has left out is also listed, although the test itself has passed.

RESULTS is a file that `ctest --output-junit` has written.
"""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

SKIP = re.compile(r"^(?:\S+: )?(?:SKIP|SKIPPED|skipped)\b:? (?P<reason>.+)$", re.M)
# What CMocka prints for a skipped case. The case itself printed the line before.
LEFT_OUT = re.compile(
    r"^(?!\[)(?:left out: |SKIPPED: )?(?P<reason>.*)\n\[  SKIPPED \] (?P<case>\w+)$", re.M
)


def left_out(case: ET.Element) -> list[str]:
    """Return a line for each case that was left out."""
    output = case.findtext("system-out") or ""
    name = case.get("name")
    return [f"left out {name} {m['case']}: {m['reason']}" for m in LEFT_OUT.finditer(output)]


def reason(case: ET.Element) -> str:
    """Return why a test was skipped: the reason that it gives, otherwise its last line."""
    output = (case.findtext("system-out") or "").strip()
    found = dict.fromkeys(match["reason"].strip() for match in SKIP.finditer(output))
    return "; ".join(found) or (output.splitlines() or ["it does not say why"])[-1]


def status(case: ET.Element) -> str:
    """Return passed, failed, or skipped."""
    if case.find("skipped") is not None:
        return "skipped"
    return "passed" if case.get("status") == "run" else "failed"


def summary(name: str, cases: list[ET.Element]) -> list[str]:
    """Return the lines to print."""
    states = [status(case) for case in cases]
    total, failed, skipped = len(states), states.count("failed"), states.count("skipped")
    percent = round(100 * (total - failed) / total) if total else 0
    lines = []
    for case, state in zip(cases, states, strict=True):
        if state == "skipped":
            lines.append(f"skipped  {case.get('name')}: {reason(case)}")
        elif state == "failed":
            lines.append(f"FAILED   {case.get('name')}")
        else:
            lines += left_out(case)
    # The words are ctest's, so that one pattern finds both.
    counts = f"{percent}% tests passed, {failed} tests failed out of {total}, {skipped} skipped"
    return [*sorted(lines), f"{name}: {counts}"]


def main() -> int:
    """Print the summary of one run."""
    name, results = sys.argv[1:]
    cases = list(ET.fromstring(Path(results).read_text(errors="replace")).iter("testcase"))
    print("\n".join(summary(name, cases)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
