"""ELF files: the `.BTF` of a vmlinux, module or BPF object, and the symbols of a vmlinux."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from sys import byteorder as host_byteorder
from typing import TYPE_CHECKING

from btfdump._files import MAX_BTF, open_file, read_rest
from btfdump._targets import foreign, vmcoreinfo
from btfdump._targets.dumpfile import (
    FLAT_SIGNATURE,
    HEAD,
    KDUMP_SIGNATURE,
    MAX_NOTES,
    elf_notes,
)
from btfdump._targets.symbols import SortedTable
from btfdump.errors import TargetError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from btfdump._targets.elf_sections import ElfFile
    from btfdump._targets.memory import ByteOrder

BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")
MAX_SYMBOLS = 1 << 28
"""Bytes of the largest table of symbols, or of their names: no kernel's takes a tenth of that."""

_EXPECTED = "expected raw BTF (magic 0xeb9f) or an ELF file with a .BTF section"
_EXPECTED_ELF = "expected the vmlinux of the kernel, an ELF file"
_GZIP = b"\x1f\x8b"
_NT_GNU_BUILD_ID = 3
_SHN_UNDEF = 0
_STB_LOCAL = 0
# STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_COMMON, STT_GNU_IFUNC: what names memory.
_NAMING_TYPES = frozenset({0, 1, 2, 5, 10})


@dataclass(frozen=True)
class BtfSections:
    """The BTF in one file.

    `base` is its `.BTF.base` (a distilled base, since 6.11), or None. `pointer_size` is that of the
    ELF file in bytes, None if the file is nothing but BTF. `is_bpf` tells whether it is an object
    for BPF, with the types of a program rather than those of a kernel.
    """

    btf: bytes
    base: bytes | None = None
    pointer_size: int | None = None
    is_bpf: bool = False


def btf_section(path: str | os.PathLike[str]) -> bytes:
    """Return the `.BTF` section of the ELF file at `path`; raises `TargetError` if it has none."""
    return btf_sections(path).btf


def btf_sections(path: str | os.PathLike[str], *, of_kernel: bool = False) -> BtfSections:
    """Return the `.BTF` and `.BTF.base` sections of an ELF file: vmlinux, module, BPF object.

    Raises `TargetError` if the file cannot be read, is not an ELF file or has no `.BTF`, and with
    `of_kernel` if it is a BPF object.
    """
    path = Path(path)
    with open_file(path, _EXPECTED) as file:
        return _sections_of(path, _headers(path, file), of_kernel)


def _sections_of(path: Path, elf: ElfFile, of_kernel: bool) -> BtfSections:
    if of_kernel and elf.is_bpf:
        raise TargetError(
            f"{path}: is a BPF program, by its ELF machine or section .BTF.ext; its types are "
            "those that it was compiled with, not this kernel's; give the vmlinux of this kernel, "
            "or its BTF, which is /sys/kernel/btf/vmlinux where it runs"
        )
    btf = elf.section(".BTF", MAX_BTF)
    if not btf:
        raise TargetError(
            f"{path}: is an ELF file without a .BTF section; "
            "expected one built with CONFIG_DEBUG_INFO_BTF=y (or clang -target bpf -g)"
        )
    return BtfSections(btf, elf.section(".BTF.base", MAX_BTF), elf.pointer_size, elf.is_bpf)


def read_btf(path: str | os.PathLike[str], *, of_kernel: bool = False) -> BtfSections:
    """Return the BTF in `path`: a blob (as /sys/kernel/btf/vmlinux), or an ELF file with `.BTF`.

    A blob may be compressed with gzip. Raises `TargetError` if the file is none of these, and with
    `of_kernel` if it is a BPF object.
    """
    path = Path(path)
    with open_file(path, _EXPECTED) as file:
        head = read_head(path, file)
        if head[:4] == b"\x7fELF":
            return _sections_of(path, _headers(path, file), of_kernel)
        if head.startswith(BTF_MAGICS):
            return BtfSections(read_rest(path, file, MAX_BTF, _EXPECTED))
        if head.startswith(_GZIP):
            return BtfSections(_gunzipped(path, read_rest(path, file, MAX_BTF, _EXPECTED)))
    if not head:
        raise TargetError(f"{path}: is empty; {_EXPECTED}")
    foreign.refuse(path, head, _EXPECTED)
    if head.startswith((KDUMP_SIGNATURE, FLAT_SIGNATURE)):
        raise TargetError(f"{path}: is a vmcore; {_EXPECTED}")
    raise TargetError(f"{path}: starts with {head[:4]!r}; {_EXPECTED}")


def read_btf_file(path: str | os.PathLike[str], *, of_kernel: bool = False) -> bytes:
    """Return the raw BTF in `path`; see `read_btf()`."""
    return read_btf(path, of_kernel=of_kernel).btf


def read_head(path: Path, file: BinaryIO) -> bytes:
    """Return the first bytes of an open file, by which it is known; leave them to be read."""
    try:
        head = file.read(HEAD)
        file.seek(0)
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror or error}") from None
    return head


def _gunzipped(path: Path, data: bytes) -> bytes:
    import zlib

    packed = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = packed.decompress(data, MAX_BTF + 1)
    except zlib.error as error:
        raise TargetError(f"{path}: is damaged: {error}; copy the file again") from None
    if not plain.startswith(BTF_MAGICS):
        raise TargetError(
            f"{path}: is compressed with gzip, and no BTF; {_EXPECTED}; "
            f"decompress it first: gzip -dk {path}"
        )
    if len(plain) > MAX_BTF:
        raise TargetError(f"{path}: unpacks to more than {MAX_BTF} bytes; {_EXPECTED}")
    if not packed.eof:
        raise TargetError(f"{path}: is compressed with gzip, and cut short; copy the file again")
    return plain


def check_build(path: str | os.PathLike[str], info: Mapping[str, str]) -> None:
    """Raise `TargetError` if `path` has a build ID, and another than VMCOREINFO `info` has."""
    path = Path(path)
    with open_file(path, _EXPECTED_ELF) as file:
        _require_build(path, _build_id(_elf(path, file)), info)


def _require_build(path: Path, build_id: str, info: Mapping[str, str]) -> None:
    expected = info.get("BUILD-ID", "")
    if expected and build_id and expected != build_id:
        raise TargetError(
            f"{path}: has build ID {build_id}, but the kernel in the dump has {expected}; "
            "give the vmlinux of that kernel"
        )


class ElfSymbols(SortedTable):
    """The symbols of a vmlinux file, shifted to where the running kernel had them.

    `.symtab` is unpacked as columns; no object is made for each symbol.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the symbol table of `path`.

        Raises `TargetError` if that is no ELF file or has been stripped.
        """
        self.path = Path(path)
        with open_file(self.path, _EXPECTED_ELF) as file:
            elf = _elf(self.path, file)
            word = elf.pointer_size
            data = elf.section(".symtab", MAX_SYMBOLS)
            strings = elf.section(".strtab", MAX_SYMBOLS)
            self.build_id = _build_id(elf)
        if not data or not strings:
            raise TargetError(f"{self.path}: has no symbol table; expected an unstripped vmlinux")
        self._strings = strings
        self._mask = (1 << 8 * word) - 1
        self._names, self._values, infos, sections, self._sizes = _columns(
            data, word, elf.byteorder
        )
        self._globals = bytes(info >> 4 != _STB_LOCAL for info in infos)
        self._usable = bytes(
            section != _SHN_UNDEF and info & 0xF in _NAMING_TYPES
            for info, section in zip(infos, sections, strict=True)
        )
        self._first: dict[int, list[int]] | None = None
        self._sorted: list[tuple[int, int]] | None = None
        self._shift = 0
        self._link_text = self._lowest("_text", "_stext")
        self._link_end = self._lowest("_end")

    def relocate(self, info: Mapping[str, str]) -> None:
        """Apply the KASLR shift that VMCOREINFO gives by its `_stext`, or else by KERNELOFFSET.

        Raises `TargetError` if VMCOREINFO has another build ID than the file.
        """
        _require_build(self.path, self.build_id, info)
        running, linked = vmcoreinfo.symbol(info, "_stext"), self._lowest("_stext")
        if running and linked is not None:
            self._shift = running - linked
        else:
            self._shift = vmcoreinfo.kernel_offset(info)

    def __len__(self) -> int:
        return len(self._by_address)

    @property
    def image(self) -> tuple[int, int]:
        """Where the kernel's image begins and ends; nothing for a file that does not tell."""
        if self._link_text is None or self._link_end is None:
            return 0, 0
        return self._moved(self._link_text), self._moved(self._link_end)

    def _called(self, name: str) -> Iterator[tuple[int, bool]]:
        for row in self._rows(name):
            yield self._moved(self._values[row]), bool(self._globals[row])

    def _address_at(self, position: int) -> int:
        return self._by_address[position][0]

    def _name_at(self, position: int) -> tuple[str, bool, int]:
        row = self._by_address[position][1]
        return self._name(row), bool(self._globals[row]), self._sizes[row]

    def _first_above(self, address: int) -> int:
        return bisect_right(self._by_address, (address, len(self._values)))

    def _moved(self, value: int) -> int:
        # Below the kernel's text there are only absolute symbols and x86 per-CPU offsets, which
        # KASLR does not move.
        if self._link_text is not None and value < self._link_text:
            return value
        return (value + self._shift) & self._mask

    def _lowest(self, *names: str) -> int | None:
        return min((self._values[row] for name in names for row in self._rows(name)), default=None)

    def _rows(self, name: str) -> Iterator[int]:
        """Yield the number of each symbol called `name`: find the string, then who points at it."""
        if self._first is None:
            self._first = {}
            for row, at in enumerate(self._names):
                if at and self._usable[row]:
                    self._first.setdefault(at, []).append(row)
        needle = name.encode("utf-8", "surrogatepass") + b"\0"
        at = self._strings.find(needle) if name else -1
        while at >= 0:  # a string table may hold a name as the tail of a longer one
            yield from self._first.get(at, ())
            at = self._strings.find(needle, at + 1)

    def _name(self, row: int) -> str:
        start = self._names[row]
        return self._strings[start : self._strings.find(b"\0", start)].decode("utf-8", "replace")

    @property
    def _by_address(self) -> list[tuple[int, int]]:
        """The (address, row) of every symbol, sorted."""
        if self._sorted is None:
            self._sorted = sorted(
                (self._moved(value), row)
                for row, value in enumerate(self._values)
                if self._usable[row] and self._names[row]
            )
        return self._sorted


def _columns(
    data: bytes, word: int, order: ByteOrder
) -> tuple[array[int], array[int], bytes, array[int], array[int]]:
    """Split an Elf64_Sym or Elf32_Sym table into columns: st_name, _value, _info, _shndx, _size."""
    entry = 24 if word == 8 else 16
    data = data[: len(data) // entry * entry]
    # Elf64_Sym: name u32, info u8, other u8, shndx u16, value u64, size u64; Elf32_Sym has value
    # and size first.
    info_at, shndx_at, value_at, size_at = (4, 6, 8, 16) if word == 8 else (12, 14, 4, 8)
    names, values, sections = (
        array("I", data),
        array("Q" if word == 8 else "I", data),
        array("H", data),
    )
    if order != host_byteorder:
        for column in (names, values, sections):
            column.byteswap()
    return (
        names[:: entry // 4],
        values[value_at // word :: entry // word],
        data[info_at::entry],
        sections[shndx_at // 2 :: entry // 2],
        values[size_at // word :: entry // word],
    )


def _elf(path: Path, file: BinaryIO) -> ElfFile:
    """Return the headers of an ELF file; raises `TargetError` for another, and says what it is."""
    head = read_head(path, file)
    if not head.startswith(b"\x7fELF"):
        foreign.refuse(path, head, _EXPECTED_ELF)
    return _headers(path, file)


def _headers(path: Path, file: BinaryIO) -> ElfFile:
    # pyelftools takes 60 ms to load, which BTF that is in no ELF file need not cost.
    from btfdump._targets.elf_sections import ElfFile

    return ElfFile(path, file)


def _build_id(elf: ElfFile) -> str:
    for name in (".notes", ".note.gnu.build-id"):
        notes = None
        with suppress(TargetError):  # damaged notes are none
            notes = elf.section(name, MAX_NOTES)
        for owner, kind, desc in elf_notes(notes or b"", "<" if elf.byteorder == "little" else ">"):
            if owner == b"GNU\0" and kind == _NT_GNU_BUILD_ID:
                return desc.hex()
    return ""
