# SPDX-License-Identifier: BSD-3-Clause
"""manual.py - the manual pages: sections, synopsis, programs. Reads only the macros that they use.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import headers

FONTS = {"B", "I", "BI", "BR", "IB", "IR", "RB", "RI"}
ESCAPES = {
    r"\e": "\\",
    r"\-": "-",
    r"\(aq": "'",
    r"\~": " ",
    r"\^": "",
    r"\|": "",
    r"\&": "",
    r"\[bu]": "*",
}


@dataclass
class Page:
    """One manual page. Its sections have the order and the text of the file."""

    name: str  # with its section: memcpy_mcsafe.3
    sections: dict[str, list[str]]  # source lines

    @property
    def text(self) -> str:
        """Return all text of the page."""
        return "\n".join(plain(line) for lines in self.sections.values() for line in lines)

    def names(self) -> set[str]:
        """Return the names that the page describes."""
        before_dash = " ".join(self.sections["NAME"]).split(r"\-")[0]
        return {name.strip() for name in before_dash.split(",")}

    def synopsis(self) -> str:
        """Return the SYNOPSIS as C code without comments."""
        lines = (plain(line) for line in self.sections["SYNOPSIS"])
        return headers.without_comments("\n".join(lines))

    def includes(self) -> list[str]:
        """Return the headers that the SYNOPSIS includes."""
        return re.findall(r"#include <([^>]+)>", self.synopsis())

    def prototypes(self) -> dict[str, str]:
        """Return the functions of the SYNOPSIS, normalised, by name."""
        code = re.sub(r"\bstruct \w+\s*\{[^{}]*\}\s*;", "", self.synopsis())
        found = re.findall(r"^[^#\n][^;(]*\([^;]*\)(?=;)", code, re.M)
        return {headers.function_name(text): headers.normalised(text) for text in found}

    def structs(self) -> dict[str, str]:
        """Return the structs of the SYNOPSIS, normalised, by name."""
        return headers.structs(self.synopsis())

    def blocks(self) -> list[str]:
        """Return the text between .EX and .EE in EXAMPLES: programs, and their output."""
        result: list[str] = []
        inside = False
        for line in self.sections.get("EXAMPLES", []):
            if line == ".EX":
                inside = True
                result.append("")
            elif line == ".EE":
                inside = False
            elif inside:
                result[-1] += plain(line) + "\n"
        return result


def plain(line: str) -> str:
    """Return a source line without its macro and its escapes."""
    macro = re.match(r"\.(\w+) (.*)", line)
    if macro and macro.group(1) in FONTS:
        words = re.findall(r'"([^"]*)"|(\S+)', macro.group(2))
        # A macro of one font puts blanks between its arguments. A macro of two fonts does not.
        separator = " " if len(macro.group(1)) == 1 else ""
        line = separator.join(quoted or bare for quoted, bare in words)
    elif line.startswith("."):
        return ""
    line = re.sub(r"\\f[BIPR]", "", line)
    return re.sub(r"\\(?:\(..|\[[^]]*\]|.)", lambda escape: ESCAPES[escape.group()], line)


def read(directory: Path) -> list[Page]:
    """Return the pages below a directory. A file that only refers to another one is not a page."""
    pages = [
        read_page(path)
        for path in sorted(directory.glob("man?/*.?"))
        if not path.read_text().startswith(".so ")
    ]
    if not pages:
        raise FileNotFoundError(f"no manual pages below {directory}")
    return pages


def aliases(directory: Path) -> dict[str, str]:
    """Return the files that only refer to another one, with the name of that one."""
    return {
        path.name: path.read_text().removeprefix(".so ").strip()
        for path in directory.glob("man?/*.?")
        if path.read_text().startswith(".so ")
    }


def read_page(path: Path) -> Page:
    """Return one page. `path` may also be that of its source, which CMake configures."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text().splitlines():
        heading = re.match(r'\.SH (.*)', line)
        if heading:
            lines = sections.setdefault(heading.group(1).strip('"'), [])
        elif not line.startswith(('.\\"', "'\\\"")):
            lines.append(line)
    return Page(path.name.removesuffix(".in"), sections)
