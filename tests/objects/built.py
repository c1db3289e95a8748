# SPDX-License-Identifier: BSD-3-Clause
"""built.py - what CMakeLists.txt passes to the tests: the built files, and the tools."""

import os
from pathlib import Path

import elf

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
OBJDUMP = os.environ["MCSAFE_OBJDUMP"]
CAPSTONE = Path(os.environ["MCSAFE_LIST_INSTRUCTIONS"])
CC = os.environ["MCSAFE_CC"]
SANITIZED = "-fsanitize" in os.environ["MCSAFE_CFLAGS"]
MSAN = "-fsanitize=memory" in os.environ["MCSAFE_CFLAGS"]
HAVE_CET = os.environ["MCSAFE_HAVE_CET"] == "1"
DEBUG = os.environ["MCSAFE_DEBUG"] == "1"


def paths(variable: str) -> list[Path]:
    """A list of files. It is empty if the build has no such file."""
    return [Path(path) for path in os.environ[variable].split("|") if path]


def objects() -> list[elf.File]:
    """The object files that both libraries consist of."""
    return [elf.File.read(path) for path in paths("MCSAFE_OBJECTS")]


def engines() -> list[elf.Symbol]:
    """The functions that are written in assembly."""
    return [
        symbol
        for file in objects()
        if file.name.endswith(".S.o")
        for symbol in file.symbols
        if symbol.defined and symbol.binding == elf.STB_GLOBAL
    ]
