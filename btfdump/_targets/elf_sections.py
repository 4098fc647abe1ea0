"""The sections of an ELF file, through pyelftools: found by name, and read when asked for.

The only module that uses pyelftools. Its own look-up by name makes an object of the kind of each
section in the file, and so raises at any damaged one, whichever is wanted. Here, nothing but the
headers and the section that is asked for is looked at, and each size is compared with a bound
before anything is read or unpacked.
"""

from __future__ import annotations

import io
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO, Literal

    from elftools.construct.lib.container import Container

    from btfdump._targets.memory import ByteOrder

_MAX_SECTIONS = 1 << 17
"""No file with BTF has a tenth of that; pyelftools takes 10 us for the header of each."""
_MAX_NAMES = 1 << 26
_NOT_IN_THE_FILE = frozenset({"SHT_NULL", "SHT_NOBITS"})
# What pyelftools before 0.33 lets escape beside its own errors: it looks at the section of names
# at once, wherever a damaged header says that it is.
_DAMAGE = (ELFError, ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)
_ZSTD = frozenset({2, "ELFCOMPRESS_ZSTD"})  # pyelftools 0.33 has no name for it


class ElfFile:
    """The headers of an open ELF file.

    `pointer_size` is in bytes; `is_bpf` tells whether it is an object for BPF. Raises `TargetError`
    if the headers cannot be made sense of.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        with self._reading():
            self._size = os.fstat(file.fileno()).st_size
            self._elf = _parse(file)
            self.pointer_size: Literal[4, 8] = 8 if self._elf.elfclass == 64 else 4
            self.byteorder: ByteOrder = "little" if self._elf.little_endian else "big"
            # Where each section's name begins; not the headers, which take a kilobyte each.
            self._named_at = [self._header(n)["sh_name"] for n in range(self._number())]
            self._names = self._section_names()
            # What only programs are loaded by, whatever machine the file says that it is for.
            self.is_bpf: bool = self._elf["e_machine"] == "EM_BPF" or self._has(".BTF.ext")

    def section(self, name: str, most: int) -> bytes | None:
        """Return the bytes of a section, unpacked if they are compressed; None if there is none.

        Raises `TargetError` if it has more than `most` bytes or lies beyond the end of the file.
        """
        wanted = name.encode("utf-8", "surrogatepass") + b"\0"
        with self._reading():
            for number, at in enumerate(self._named_at):
                if self._names.startswith(wanted, at):
                    header = self._header(number)
                    if header["sh_type"] not in _NOT_IN_THE_FILE:
                        return self._content(name, header, most)
        return None

    def _has(self, name: str) -> bool:
        wanted = name.encode("utf-8", "surrogatepass") + b"\0"
        return any(self._names.startswith(wanted, at) for at in self._named_at)

    def _number(self) -> int:
        """Return how many section headers there are; all of them lie within the file."""
        elf = self._elf
        if not elf["e_shoff"]:
            return 0
        size, expected = elf["e_shentsize"], elf.structs.Elf_Shdr.sizeof()
        if size != expected:
            raise self._unreadable(f"its section headers have {size} bytes, not {expected}")
        # A number too large for the file's header is in the first section's: that is to be there.
        room = (self._size - elf["e_shoff"]) // size
        count: int = elf.num_sections() if room > 0 else 1
        if count > room:
            raise self._unreadable("it ends before its table of sections; copy the file again")
        if count > _MAX_SECTIONS:
            raise self._unreadable(f"it has {count} sections, and at most {_MAX_SECTIONS} are read")
        return count

    def _header(self, number: int) -> Container:
        at = self._elf["e_shoff"] + number * self._elf["e_shentsize"]
        header: Container = struct_parse(self._elf.structs.Elf_Shdr, self._file, at)
        return header

    def _section_names(self) -> bytes:
        """Return the strings that section names are in.

        They are compared in one piece: pyelftools reads each name up to the next NUL byte, which
        may be gigabytes away, and as often as there are sections.
        """
        number = self._elf.get_shstrndx() if self._named_at else 0
        if number >= len(self._named_at):
            return b""
        header = self._header(number)
        return self._read(header["sh_offset"], min(header["sh_size"], _MAX_NAMES))

    def _content(self, name: str, header: Container, most: int) -> bytes:
        if header["sh_offset"] + header["sh_size"] > self._size:
            raise self._bad(name, "lies beyond the end of the file; copy the file again")
        if header["sh_size"] > most:
            raise self._bad(name, f"has {header['sh_size']} bytes; expected at most {most}")
        if header["sh_flags"] & SH_FLAGS.SHF_COMPRESSED:
            packed = self._read(header["sh_offset"], header["sh_size"])
            return self._unpacked(name, packed, most)
        return Section(header, name, self._elf).data()  # whatever its kind, which may be damaged

    def _unpacked(self, name: str, packed: bytes, most: int) -> bytes:
        """Unpack a section.

        pyelftools reads its header, but does not unpack it: it passes over what is beyond the size
        that the header tells, and unpacks without a bound where that is 0.
        """
        kind_of = self._elf.structs.Elf_Chdr
        try:
            header = struct_parse(kind_of, io.BytesIO(packed))
        except ELFError:
            raise self._bad(name, "is damaged: it is too short to be compressed") from None
        kind, size = header["ch_type"], header["ch_size"]
        if kind != "ELFCOMPRESS_ZLIB":
            how = "zstd" if kind in _ZSTD else f"method {kind}"
            raise self._bad(
                name,
                f"is compressed with {how}; expected zlib, or nothing; "
                f"unpack it: objcopy --decompress-debug-sections {self.path} NEWFILE",
            )
        if size > most:
            raise self._bad(name, f"unpacks to {size} bytes; expected at most {most}")
        try:
            data = zlib.decompressobj().decompress(packed[kind_of.sizeof() :], size + 1)
        except zlib.error as error:
            raise self._bad(name, f"is damaged: {error}") from None
        if len(data) != size:
            more = "more" if len(data) > size else len(data)
            raise self._bad(name, f"is damaged: it unpacks to {more} instead of {size} bytes")
        return data

    def _read(self, offset: int, size: int) -> bytes:
        if offset > self._size:
            return b""
        self._file.seek(offset)
        return self._file.read(size)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what reading headers raises into errors of ours."""
        try:
            yield
        except ELFError:
            raise self._unreadable("its header is damaged or cut short") from None
        except OSError as error:
            raise TargetError(f"{self.path}: cannot be read: {error.strerror or error}") from None

    def _unreadable(self, reason: str) -> TargetError:
        return TargetError(
            f"{self.path}: is not a readable ELF file: {reason}; "
            "expected a vmlinux, module or object"
        )

    def _bad(self, name: str, reason: str) -> TargetError:
        return TargetError(f"{self.path}: section {name} {reason}")


def _parse(file: BinaryIO) -> ELFFile:
    try:
        return ELFFile(file)
    except _DAMAGE as error:
        raise ELFError(str(error)) from None
