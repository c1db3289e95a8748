# SPDX-License-Identifier: BSD-3-Clause
"""elf.py - reads x86-64 ELF files and archives of them, as far as the tests need them.

Names and numbers are those of the ELF specification and of <elf.h>.
"""

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SHT_SYMTAB, SHT_RELA, SHT_DYNAMIC, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 2, 4, 6, 7, 8, 11
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_LINK_ORDER = 1, 2, 4, 0x80
PT_GNU_STACK, PF_X = 0x6474E551, 1
STB_LOCAL, STB_GLOBAL = 0, 1
STT_FUNC, STT_TLS = 2, 6
SHN_UNDEF = 0
DT_SONAME, DT_TEXTREL, DT_FLAGS, DT_FLAGS_1 = 14, 22, 30, 0x6FFFFFFB
DF_TEXTREL, DF_1_NOW, DF_1_NODELETE = 4, 1, 8
NT_GNU_PROPERTY_TYPE_0, GNU_PROPERTY_X86_FEATURE_1_AND = 5, 0xC0000002
X86_FEATURE_1_IBT, X86_FEATURE_1_SHSTK = 1, 2


@dataclass(frozen=True)
class Section:
    """A section header, with the section's bytes."""

    name: str
    type: int
    flags: int
    addr: int
    link: int
    info: int
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """An entry of a symbol table."""

    name: str
    type: int
    binding: int
    section: int
    value: int
    size: int

    @property
    def defined(self) -> bool:
        """Whether the symbol is defined in this file."""
        return self.section != SHN_UNDEF


@dataclass(frozen=True)
class Relocation:
    """An entry of a SHT_RELA section: which section it changes, where, and how."""

    section: int
    offset: int
    type: int
    symbol: Symbol


def _string(table: bytes, offset: int) -> str:
    return table[offset : table.index(b"\0", offset)].decode()


class File:
    """A relocatable object, a shared library or a program."""

    def __init__(self, name: str, image: bytes) -> None:
        if image[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{name}: not a little-endian ELF64 file")
        self.name = name
        self._image = image

    @classmethod
    def read(cls, path: str | Path) -> "File":
        """Read the file at path."""
        return cls(Path(path).name, Path(path).read_bytes())

    @cached_property
    def sections(self) -> list[Section]:
        """All sections, in the order of their numbers."""
        (offset,) = struct.unpack_from("<Q", self._image, 40)
        size, count, names = struct.unpack_from("<HHH", self._image, 58)
        headers = [
            struct.unpack_from("<IIQQQQIIQQ", self._image, offset + i * size) for i in range(count)
        ]
        strings = self._image[headers[names][4] :]
        return [
            Section(
                _string(strings, name),
                kind,
                flags,
                addr,
                link,
                info,
                b"" if kind == SHT_NOBITS else self._image[at : at + length],
            )
            for name, kind, flags, addr, at, length, link, info, _, _ in headers
        ]

    def section(self, name: str) -> Section:
        """The one section of that name."""
        [found] = [section for section in self.sections if section.name == name]
        return found

    @cached_property
    def segments(self) -> list[tuple[int, int]]:
        """Type and flags of each program header."""
        (offset,) = struct.unpack_from("<Q", self._image, 32)
        size, count = struct.unpack_from("<HH", self._image, 54)
        return [struct.unpack_from("<II", self._image, offset + i * size) for i in range(count)]

    def _symbols(self, kind: int) -> list[Symbol]:
        found = []
        for table in self.sections:
            if table.type == kind:
                strings = self.sections[table.link].data
                for name, info, _, section, value, size in struct.iter_unpack(
                    "<IBBHQQ", table.data
                ):
                    found.append(
                        Symbol(_string(strings, name), info & 15, info >> 4, section, value, size)
                    )
        return found

    @cached_property
    def symbols(self) -> list[Symbol]:
        """The full symbol table, in its order."""
        return self._symbols(SHT_SYMTAB)

    @cached_property
    def dynamic_symbols(self) -> list[Symbol]:
        """The symbols that the dynamic linker sees."""
        return self._symbols(SHT_DYNSYM)

    @cached_property
    def relocations(self) -> list[Relocation]:
        """The relocations of a relocatable object, which refer to `symbols`."""
        return [
            Relocation(table.info, offset, info & 0xFFFFFFFF, self.symbols[info >> 32])
            for table in self.sections
            if table.type == SHT_RELA
            for offset, info, _ in struct.iter_unpack("<QQq", table.data)
        ]

    @cached_property
    def dynamic(self) -> list[tuple[int, int]]:
        """Tag and value of each dynamic entry."""
        return [
            entry
            for section in self.sections
            if section.type == SHT_DYNAMIC
            for entry in struct.iter_unpack("<QQ", section.data)
        ]

    def dynamic_value(self, tag: int) -> int:
        """The value of a dynamic entry; 0 if there is none."""
        return dict(self.dynamic).get(tag, 0)

    @property
    def soname(self) -> str:
        """DT_SONAME."""
        return _string(self.section(".dynstr").data, dict(self.dynamic)[DT_SONAME])

    @cached_property
    def x86_features(self) -> int:
        """GNU_PROPERTY_X86_FEATURE_1_AND: bits for IBT and SHSTK; 0 if there is no such note."""
        data = b"".join(s.data for s in self.sections if s.name == ".note.gnu.property")
        while data:
            name_size, size, kind = struct.unpack_from("<III", data)
            properties = data[12 + name_size : 12 + name_size + size]
            data = data[12 + name_size + size :]
            while kind == NT_GNU_PROPERTY_TYPE_0 and properties:
                tag, length = struct.unpack_from("<II", properties)
                if tag == GNU_PROPERTY_X86_FEATURE_1_AND:
                    return struct.unpack_from("<I", properties, 8)[0]
                properties = properties[8 + (length + 7) // 8 * 8 :]
        return 0


def read_archive(path: str | Path) -> list[File]:
    """The members of an ar(1) archive, without its symbol table and its table of long names."""
    image = Path(path).read_bytes()
    if not image.startswith(b"!<arch>\n"):
        raise ValueError(f"{path}: not an archive")
    members, long_names, offset = [], b"", 8
    while offset < len(image):
        name = image[offset : offset + 16].decode().rstrip()
        size = int(image[offset + 48 : offset + 58])
        data = image[offset + 60 : offset + 60 + size]
        if name == "//":
            long_names = data
        elif name != "/":
            if name.startswith("/"):
                start = int(name[1:])
                name = long_names[start : long_names.index(b"/\n", start)].decode()
            members.append(File(name.rstrip("/"), data))
        offset += 60 + size + size % 2
    return members
