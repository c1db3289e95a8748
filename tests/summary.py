# SPDX-License-Identifier: BSD-3-Clause
"""summary.py NAME RESULTS - what a run of ctest came to: each skip with its reason, each failure.

RESULTS is what `ctest --output-junit` has written.
"""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

# "SKIP: reason" is what our tests print; "[  SKIPPED ] test" is what CMocka does.
SKIP = re.compile(r"^(?:.*\bSKIP: |\[  SKIPPED \] )(?P<reason>.*)$", re.M)


def reasons(case: ET.Element) -> list[str]:
    """Return why a test, or a part of it, was skipped."""
    output = case.findtext("system-out") or ""
    return list(dict.fromkeys(match["reason"].strip() for match in SKIP.finditer(output)))


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
        test, why = case.get("name"), "; ".join(reasons(case))
        if state == "skipped":
            lines.append(f"skipped  {test}: {why or 'it gives no reason'}")
        elif state == "failed":
            lines.append(f"FAILED   {test}")
        elif why:
            lines.append(f"in part  {test}: skipped {why}")
    # As ctest words it, so that one pattern finds both.
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
