# SPDX-License-Identifier: BSD-3-Clause
"""jobs.py CC PREFIX OUT - compile and run the code of README's section "I want to".

Each heading of the section has one block of code. A block in C is compiled with the installed
package, in the program of consumer/jobs that names the heading, and prints what its last comment
says. A block of the shell is carried out.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
FRAMES = HERE / "consumer/jobs"
STRICT = "-std=gnu11 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
LINES = 8  # the code of a row is short: declarations, three dots and the comment are among them


@dataclass
class Job:
    """A heading of the section, and its code."""

    heading: str
    language: str
    code: str

    def anchor(self) -> str:
        """Return the link to the heading, as forges make it."""
        return "#" + re.sub(r"[^\w -]", "", self.heading.lower()).replace(" ", "-")

    def printed(self) -> str:
        """Return what the code prints."""
        said = re.search(r"^/\* It prints: (.*) \*/$", self.code, re.M)
        return f"{said[1]}\n" if said else ""


def section() -> str:
    """Return the section of README."""
    found = re.search(r"^## I want to \.\.\.\n(.*?)^## ", README.read_text(), re.M | re.S)
    assert found, "README has no section \"I want to ...\""
    return found[1]


def jobs() -> list[Job]:
    """Return the jobs of the section."""
    result = []
    for part in re.split(r"^### ", section(), flags=re.M)[1:]:
        heading, _, text = part.partition("\n")
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
        assert len(blocks) == 1, f"{heading}: {len(blocks)} blocks of code, must be 1"
        result.append(Job(heading, *blocks[0]))
    return result


def frames() -> dict[str, Path]:
    """Return the programs by heading."""
    named = {}
    for path in sorted(FRAMES.glob("*.c")):
        heading = re.search(r'^/\* README: "(.*)" \*/$', path.read_text(), re.M)
        assert heading, f"{path.name} names no heading of README"
        named[heading[1]] = path
    return named


def check_lists(found: list[Job], programs: dict[str, Path]) -> None:
    """The table, the headings and the programs are about the same jobs."""
    anchors = re.findall(r"^\| \[[^]]+\]\((#[^)]+)\) \|", section(), re.M)
    assert anchors == [job.anchor() for job in found], anchors
    in_c = {job.heading for job in found if job.language == "c"}
    assert in_c == set(programs), f"headings {in_c} and programs {set(programs)} differ"
    assert {job.language for job in found} == {"c", "sh"}
    for job in found:
        assert job.code.count("\n") <= LINES, f"{job.heading}: more than {LINES} lines"


def run(argv: list[str], out: Path, *, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command."""
    print("+", shlex.join(argv), flush=True)
    environment = dict(os.environ, LD_LIBRARY_PATH=f"{prefix}/lib", LC_ALL="C")
    if path:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    done = subprocess.run(
        argv, cwd=out, env=environment, text=True, capture_output=True, check=False, timeout=120
    )
    print(done.stdout, done.stderr, sep="", end="", flush=True)
    return done


def flags_of(package: str) -> list[str]:
    """Return what pkg-config says of an installed package."""
    environment = dict(os.environ, PKG_CONFIG_LIBDIR=f"{prefix}/lib/pkgconfig")
    argv = ["pkg-config", "--cflags", "--libs", package]
    said = subprocess.run(argv, env=environment, text=True, capture_output=True, check=True)
    return shlex.split(said.stdout)


def compile_job(job: Job, frame: Path, out: Path) -> Path:
    """Compile the lines of a job in their program."""
    (out / "lines.inc").write_text(job.code)
    program = out / frame.stem
    text = frame.read_text()
    package = "mcsafe-inject" if "<mcsafe/inject.h>" in text else "mcsafe"
    more = ["-lz"] if "<zlib.h>" in text else []
    done = run(
        [cc, *shlex.split(STRICT), "-D_GNU_SOURCE", "-I.", f"-I{FRAMES}", str(frame),
         "-o", str(program), *flags_of(package), *more],
        out,
    )  # fmt: skip
    assert done.returncode == 0, f"{job.heading}: README's code does not compile"
    return program


def with_small_tmpfs(program: Path, out: Path) -> list[str]:
    """Return the command that runs a program with a file system of 16 pages at `out`/small."""
    (out / "small").mkdir()
    script = 'mount -t tmpfs -o nr_blocks=16,huge=never none small && exec "$0" small'
    spaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return ["unshare", *spaces, "sh", "-c", script, str(program)]


def has_zlib(out: Path) -> bool:
    """Whether programs can include zlib.h."""
    (out / "header.c").write_text("#include <zlib.h>\n")
    return run([cc, "-E", "-o", "/dev/null", "header.c"], out).returncode == 0


def check_c(job: Job, frame: Path, out: Path) -> None:
    """Compile and run a block in C."""
    if "<zlib.h>" in frame.read_text() and not has_zlib(out):
        skipped.append(f"{job.heading}: zlib.h is not installed (Debian: zlib1g-dev)")
        return
    program = compile_job(job, frame, out)
    command = [str(program), "."]
    if frame.stem == "full":
        command = with_small_tmpfs(program, out)
        able = run([*command[:-1], "/bin/true"], out)
        if able.returncode != 0:
            skipped.append(f"{job.heading}: a file system of its own cannot be mounted")
            return
    done = run(command, out)
    if done.returncode == 77:
        skipped.append(f"{job.heading}: {done.stderr.strip()}")
        return
    assert done.returncode == 0, f"{job.heading}: status {done.returncode}"
    assert done.stdout == job.printed(), f"{job.heading}: README says {job.printed()!r}"
    assert done.stderr == "", job.heading


def check_shell(job: Job, out: Path) -> None:
    """Carry out a block of the shell, which is about mapped_sum.py."""
    if not (prefix / "bin/mcsafe").exists():
        skipped.append(f"{job.heading}: without json-c the command mcsafe is not built")
        return
    script = prefix / "share/doc/mcsafe/examples/mapped_sum.py"
    shutil.copy(script, out)
    done = run(["sh", "-c", job.code], out, path=str(prefix / "bin"))
    assert done.returncode == 0, f"{job.heading}: status {done.returncode}"
    written = json.loads((out / "lost.json").read_text())
    assert written["lost"] == 8192 and written["status"] == 0, written
    assert json.loads(done.stdout.partition("\n")[2]) == written, "README does not show the report"


cc, prefix, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
skipped: list[str] = []
programs = frames()
check_lists(jobs(), programs)
for number, job in enumerate(jobs()):
    where = scratch / str(number)
    where.mkdir()
    print(f"==== {job.heading}")
    if job.language == "sh":
        check_shell(job, where)
    else:
        check_c(job, programs[job.heading], where)
if skipped:
    print("SKIP:", "; ".join(skipped))
    sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
