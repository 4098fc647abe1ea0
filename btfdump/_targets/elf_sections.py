"""The sections of an ELF file: found by name, and read when they are asked for.

Nothing but the section that is asked for is looked at, so damage elsewhere in the file is of no
concern. Mirrors include/uapi/linux/elf.h, and for compressed sections elf(5) (Elf64_Chdr).
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO, Literal

    from btfdump._targets.memory import ByteOrder

MAX_SYMBOLS = 1 << 28
"""Bytes of the largest section that is read whole: no kernel's symbols take a tenth of that."""

_MAX_HEADERS = 1 << 26
_EM_BPF = 247
_SHT_NULL, _SHT_NOBITS = 0, 8
_SHF_COMPRESSED = 0x800
_SHN_XINDEX = 0xFFFF
_ELFCOMPRESS_ZLIB, _ELFCOMPRESS_ZSTD = 1, 2
# By class: e_shoff, and e_shentsize with what follows it; the entries of the section table, and
# the header of a compressed section.
_LAYOUTS: dict[int, tuple[int, str, int, str, str]] = {
    1: (32, "I", 46, "IIIIIIIIII", "III"),
    2: (40, "Q", 58, "IIQQQQIIQQ", "I4xQQ"),
}


class _Section(NamedTuple):
    """The header of one section."""

    name: int
    type: int
    flags: int
    offset: int
    size: int
    link: int


class ElfFile:
    """The headers of an open ELF file.

    `pointer_size` is in bytes; `is_bpf` tells whether it is an object for BPF. Raises `TargetError`
    if the headers cannot be made sense of.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        head = self._read(0, 64)
        is_elf = head[:4] == b"\x7fELF" and head[4:5] in (b"\1", b"\2")
        if (
            not is_elf
            or head[5:6] not in (b"\1", b"\2")
            or len(head) < (52 if head[4] == 1 else 64)
        ):
            raise self._unreadable("its header is damaged or cut short")
        self.pointer_size: Literal[4, 8] = 4 if head[4] == 1 else 8
        self.byteorder: ByteOrder = "little" if head[5] == 1 else "big"
        self._order = "<" if self.byteorder == "little" else ">"
        (machine,) = struct.unpack_from(f"{self._order}H", head, 18)
        self.is_bpf = machine == _EM_BPF
        self._sections = self._headers(head)
        self._names = self._section_names(head)

    def section(self, name: str, most: int) -> bytes | None:
        """Return the bytes of a section, unpacked if they are compressed; None if there is none.

        Raises `TargetError` if it has more than `most` bytes or lies beyond the end of the file.
        """
        wanted = name.encode() + b"\0"
        for section in self._sections:
            is_named = self._names.startswith(wanted, section.name)
            if is_named and section.type not in (_SHT_NULL, _SHT_NOBITS):
                return self._content(name, section, most)
        return None

    def _headers(self, head: bytes) -> list[_Section]:
        """Read the table of sections; their number is in the first of them if it is large."""
        offset_at, word, count_at, entry, _ = _LAYOUTS[head[4]]
        (offset,) = struct.unpack_from(self._order + word, head, offset_at)
        size, count = struct.unpack_from(f"{self._order}HH", head, count_at)
        reader = struct.Struct(self._order + entry)
        if not offset:
            return []
        if size != reader.size:
            raise self._unreadable(f"its section headers have {size} bytes, not {reader.size}")
        first = self._read(offset, size)
        if not count and len(first) == size:
            count = reader.unpack(first)[5]
        if count * size > _MAX_HEADERS or offset + count * size > self._size:
            raise self._unreadable("it ends before its table of sections; copy the file again")
        rows = reader.iter_unpack(self._read(offset, count * size))
        return [_Section(row[0], row[1], row[2], row[4], row[5], row[6]) for row in rows]

    def _section_names(self, head: bytes) -> bytes:
        _, _, count_at, _, _ = _LAYOUTS[head[4]]
        (number,) = struct.unpack_from(f"{self._order}H", head, count_at + 4)
        if number == _SHN_XINDEX and self._sections:
            number = self._sections[0].link
        if number >= len(self._sections):
            return b""
        section = self._sections[number]
        return self._read(section.offset, min(section.size, _MAX_HEADERS))

    def _content(self, name: str, section: _Section, most: int) -> bytes:
        if section.offset + section.size > self._size:
            raise self._bad(name, "lies beyond the end of the file; copy the file again")
        if section.size > most:
            raise self._bad(name, f"has {section.size} bytes; expected at most {most}")
        data = self._read(section.offset, section.size)
        if not section.flags & _SHF_COMPRESSED:
            return data
        header = struct.Struct(self._order + _LAYOUTS[self.pointer_size // 4][4])
        if len(data) < header.size:
            raise self._bad(name, "is damaged: it is too short to be compressed")
        kind, size, _ = header.unpack_from(data)
        if kind != _ELFCOMPRESS_ZLIB:
            how = "zstd" if kind == _ELFCOMPRESS_ZSTD else f"method {kind}"
            raise self._bad(
                name,
                f"is compressed with {how}; expected zlib, or nothing; "
                f"unpack it: objcopy --decompress-debug-sections {self.path} NEWFILE",
            )
        if size > most:
            raise self._bad(name, f"unpacks to {size} bytes; expected at most {most}")
        try:
            unpacked = zlib.decompressobj().decompress(data[header.size :], size + 1)
        except zlib.error as error:
            raise self._bad(name, f"is damaged: {error}") from None
        if len(unpacked) != size:
            more = "more" if len(unpacked) > size else len(unpacked)
            raise self._bad(name, f"is damaged: it unpacks to {more} instead of {size} bytes")
        return unpacked

    def _read(self, offset: int, size: int) -> bytes:
        if offset > self._size:
            return b""
        try:
            self._file.seek(offset)
            return self._file.read(size)
        except OSError as error:
            raise TargetError(f"{self.path}: cannot be read: {error.strerror or error}") from None

    def _unreadable(self, reason: str) -> TargetError:
        return TargetError(
            f"{self.path}: is not a readable ELF file: {reason}; "
            "expected a vmlinux, module or object"
        )

    def _bad(self, name: str, reason: str) -> TargetError:
        return TargetError(f"{self.path}: section {name} {reason}")
