# SPDX-License-Identifier: BSD-3-Clause
"""headers.py - the declarations of the public headers, in a form that can be compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ATTRIBUTES = re.compile(
    r"\b(?:MCSAFE_(?:API|COLD|INLINE|NODISCARD|NOEXCEPT|RETURNS_TWICE))\b"
)


@dataclass
class Header:
    """One header, by its name in an #include line."""

    name: str
    functions: dict[str, str] = field(default_factory=dict)
    structs: dict[str, str] = field(default_factory=dict)
    enumerators: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    signal_safe: dict[str, bool] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


def normalised(declaration: str) -> str:
    """Return a declaration whose blanks, and nothing else, are made uniform."""
    text = re.sub(r"\s+", " ", ATTRIBUTES.sub(" ", declaration)).strip()
    return re.sub(r" ?([*(),;{}\[\]]) ?", r"\1", text)


def without_comments(code: str) -> str:
    """Return C code with each comment replaced by a blank."""
    return re.sub(r"/\*.*?\*/", " ", code, flags=re.S)


def function_name(prototype: str) -> str:
    """Return the name of the function that a prototype declares."""
    return re.match(r"[^(]*?(\w+)\s*\(", prototype).group(1)


def structs(code: str) -> dict[str, str]:
    """Return the struct definitions in C code without comments, normalised, by name."""
    found = re.findall(r"\bstruct (\w+)\s*\{[^{}]*\}", code)
    bodies = re.findall(r"\bstruct \w+\s*\{[^{}]*\}", code)
    return {name: normalised(body) for name, body in zip(found, bodies, strict=True)}


def read(include: Path) -> list[Header]:
    """Return all public headers below an include directory."""
    paths = sorted(include.glob("mcsafe/**/*.h"))
    if not paths:
        raise FileNotFoundError(f"no headers below {include}")
    return [_header(path, str(path.relative_to(include))) for path in paths]


def _header(path: Path, name: str) -> Header:
    text = path.read_text()
    code = without_comments(text)
    header = Header(name, structs=structs(code))
    header.includes = re.findall(r'^#\s*include <(mcsafe/[^>]+)>', code, re.M)
    header.comments = re.findall(r"/\*.*?\*/", text, re.S)
    for body in re.findall(r"\benum \w+\s*\{([^{}]*)\}", code):
        header.enumerators += re.findall(r"\b(MCSAFE_\w+)", body)
    for prototype in re.findall(r"^MCSAFE_(?:API|INLINE)\b[^;{]*;", code, re.M):
        header.functions[function_name(prototype)] = normalised(prototype[:-1])
    header.signal_safe = dict(_signal_safety(text))
    return header


def _signal_safety(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text after @par Safety in the comment before each function, or before several
    functions."""
    declarations = r"((?:MCSAFE_(?:API|INLINE)[^;{]*;\s*)+)"
    for comment, prototypes in re.findall(
        r"(/\*\*(?:(?!\*/).)*\*/)\s*" + declarations, text, re.S
    ):
        safety = re.search(r"@par Safety(.*?)(?:@|\*/)", comment, re.S)
        says = re.search(r"(Not )?AS-Safe", safety.group(1)) if safety else None
        if says:
            for prototype in re.findall(r"MCSAFE_[^;]*;", prototypes):
                yield function_name(prototype), says.group(1) is None
