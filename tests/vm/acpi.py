# SPDX-License-Identifier: BSD-3-Clause
"""acpi.py - adds to the emulated NVDIMM what QEMU leaves out: scrub, clear error, inject error.

QEMU's own table is taken from the running guest, disassembled, extended by the methods in
lab/nvdimm.asl, and compiled. The guest's kernel takes the result from its initramfs instead of the
original (Documentation/admin-guide/acpi/initrd_table_override.rst). Therefore the addresses in the
table that depend on the size of the guest's memory are right.
"""

import base64
import re
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import GuestFailure, Unavailable

METHODS = Path(__file__).with_name("lab") / "nvdimm.asl"
HEADER_BYTES = 36
RECORDS = 8
# QEMU's "pc" machine puts the first NVDIMM here, above 4 GiB, if nothing else is there.
PMEM_START = 1 << 32


@dataclass(frozen=True)
class Range:
    """A range of bytes of the NVDIMM. `start` counts from its first byte."""

    start: int
    size: int


def nvdimm_table(encoded: bytes) -> bytes:
    """Return the table with the NVDIMM's root device. `encoded` has several tables in base64."""
    data = base64.b64decode(encoded)
    while len(data) >= HEADER_BYTES:
        [size] = struct.unpack_from("<I", data, 4)
        table, data = data[:size], data[size:]
        if b"NVDR" in table:
            return table
    raise GuestFailure("QEMU's ACPI tables have no NVDIMM root device")


def extend(source: str, methods: str) -> str:
    """Replace the root device's _DSM by our methods, and raise the table's revision."""
    header = re.search(r"(DefinitionBlock \(.*, )0x([0-9A-F]{8})\)", source)
    method = re.search(r"^( *)Method \(_DSM,.*?\n\1\}\n", source, re.M | re.S)
    if not header or not method:
        raise GuestFailure("the disassembled table does not have QEMU's form")
    revision = int(header.group(2), 16) + 1
    return (
        source[: header.start()]
        + f"{header.group(1)}0x{revision:08X})"
        + source[header.end() : method.start()]
        + methods
        + source[method.end() :]
    )


def records(bad: Sequence[Range]) -> bytes:
    """Return bad ranges as the records of an ARS status (ACPI 6.4, table 9.14)."""
    packed = b"".join(struct.pack("<IIQQ", 1, 0, PMEM_START + r.start, r.size) for r in bad)
    return packed.ljust(RECORDS * 24, b"\0")


def override(table: bytes, bad: Sequence[Range]) -> bytes:
    """Return the table with our methods, and with ranges that are bad from boot on."""
    methods = METHODS.read_text()
    methods = methods.replace("@COUNT@", str(len(bad)))
    methods = methods.replace("@RECORDS@", ", ".join(f"0x{byte:02X}" for byte in records(bad)))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "table.aml").write_bytes(table)
        _iasl(scratch, "-d", "table.aml")
        source = (scratch / "table.dsl").read_text()
        (scratch / "override.dsl").write_text(extend(source, methods))
        _iasl(scratch, "override.dsl")
        return next(scratch.glob("override.aml")).read_bytes()


def _iasl(directory: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(
            ["iasl", *arguments], cwd=directory, check=False, text=True, capture_output=True
        )
    except FileNotFoundError:
        raise Unavailable("iasl is not installed (Debian: acpica-tools)") from None
    if done.returncode != 0:
        raise GuestFailure(f"iasl {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
