"""The kind of a core file, decided from the file's own headers, without drgn.

Mirrors include/uapi/linux/elf.h and makedumpfile's IMPLEMENTATION file (disk_dump_header,
kdump_sub_header, makedumpfile_header).
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from btfdump._files import open_file
from btfdump._targets import vmcoreinfo
from btfdump._targets.flattened import FlatFile
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from btfdump._targets.memory import ByteOrder

CoreFormat = Literal["elf", "kdump", "flattened"]

HEAD = 4096
"""How many bytes of a file tell what it is."""
EXPECTED = "expected a vmcore: an ELF core file or a kdump-compressed file"
KDUMP_SIGNATURE = b"KDUMP   "
FLAT_SIGNATURE = b"makedumpfile\0\0\0\0"
_ELF_TYPES = {1: "relocatable object", 2: "executable", 3: "shared object or executable"}
_ELF_MACHINES = {
    3: "i386", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64",
    258: "loongarch64",
}  # fmt: skip
PT_LOAD, PT_NOTE = 1, 4
_ET_CORE = 4
_EM_X86_64 = 62
_EHDR32, _EHDR64 = 52, 64
_PN_XNUM = 0xFFFF
_NT_PRSTATUS, _NT_AUXV, _NT_FILE = 1, 6, 0x46494C45
_MAX_CPUS, _MAX_STATUS = 1 << 13, 1 << 12
"""Notes of CPUs' registers that are kept, and the bytes of the longest: what kernels may have."""
_XEN_OWNER = b"Xen\0"
# Utsname machine (and aliases) -> the name used here.
_MACHINES = {
    "x86_64": "x86_64", "aarch64": "aarch64", "s390x": "s390x", "ppc64": "ppc64",
    "ppc64le": "ppc64le", "riscv64": "riscv64", "loongarch64": "loongarch64",
    "i386": "i386", "i486": "i386", "i586": "i386", "i686": "i386",
}  # fmt: skip
_UTSNAME_AT, _UTSNAME_FIELD = 12, 65
_MIN_BLOCK, _MAX_BLOCK = 512, 1 << 20
_WIDE_VERSION = 6
_SPLIT_VERSION = 2
# makedumpfile's flags of a dump that it could not finish, for want of room.
_DUMP_DH_COMPRESSED_INCOMPLETE = 0x8
_DUMP_ELF_INCOMPLETE = 0x1
_PAGE_DESC_SIZE = 24  # page_desc: offset, size, flags, page_flags
_LAST_PAGES = 4096
MAX_NOTES = 1 << 24
"""Bytes of the largest section or segment of notes that is read."""
_MAX_HEADERS = 1 << 28
# Bytes of the longest segment: no machine has more physical addresses, and no kernel's vmalloc area
# in /proc/kcore is longer.
_MAX_SEGMENT = 1 << 56


class Segment(NamedTuple):
    """One PT_LOAD segment: addresses and sizes in bytes."""

    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


@dataclass(frozen=True, eq=False)
class CoreFile:
    """What the headers of a core file say.

    `machine` is "" if nothing says it. `truncated` means that the file ends before the data that
    its ELF headers or its last page descriptors promise; `whole_size` is the size it should have, 0
    if not even the part that tells is there. A flattened file cannot be checked in this way. For
    kdump-compressed files, flattened or not, `vmcoreinfo` is the text that the header leads to, and
    memory is `block_count` blocks of `block_size` bytes (both 0 if the header is nonsense).
    `is_incomplete` means that the program that wrote the dump says it could not write all of it.
    `cpu_statuses` are the `struct elf_prstatus` in the notes of an ELF file, one for each CPU.
    """

    path: Path
    format: CoreFormat
    byteorder: ByteOrder
    pointer_size: int
    machine: str
    segments: tuple[Segment, ...] = field(default=(), repr=False)
    truncated: bool = False
    user_process: bool = False
    vmcoreinfo: bytes = field(default=b"", repr=False)
    block_size: int = 0
    block_count: int = 0
    whole_size: int = 0
    is_incomplete: bool = False
    cpu_statuses: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def cut(self) -> str:
        """Say that a truncated file is one, and how much is there; "" of any other."""
        if not self.truncated:
            return ""
        return f"{self.path}: is truncated: it has {self.path.stat().st_size} bytes of " + (
            f"{self.whole_size}" if self.whole_size else "more than its headers"
        )

    def reader(self, segment: Segment) -> Callable[[int, int, int, bool], bytes]:
        """Return a function (address, size, offset, physical) -> bytes of `segment`, for drgn.

        The function raises OSError if the file is too short.
        """
        with self.path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

        def read(address: int, size: int, offset: int, physical: bool) -> bytes:
            at = segment.offset + offset
            piece = data[at : at + size]
            if len(piece) != size:
                raise OSError(f"short read at {address:#x}")
            return piece

        return read


def sniff(path: str | os.PathLike[str]) -> CoreFile:
    """Read the headers of the core file at `path`.

    Raises `TargetError`, which says what the file is, if it is not a vmcore.
    """
    path = Path(path)
    with open_file(path, EXPECTED, devices=True) as file:
        try:
            return _sniff(path, file)
        except OSError as error:
            raise TargetError(f"{path}: cannot be read: {error.strerror or error}") from None


def is_core(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a dump by its first bytes, whatever is wrong with the rest of it.

    Raises `TargetError` if it cannot be read.
    """
    with open_file(path, EXPECTED, devices=True) as file:
        try:
            head = file.read(64)
        except OSError as error:
            raise TargetError(f"{path}: cannot be read: {error.strerror or error}") from None
    if head.startswith(b"\x7fELF") and len(head) >= 18:
        return int.from_bytes(head[16:18], "big" if head[5] == 2 else "little") == _ET_CORE
    return head.startswith((KDUMP_SIGNATURE, FLAT_SIGNATURE))


def _sniff(path: Path, file: BinaryIO) -> CoreFile:
    size = os.fstat(file.fileno()).st_size
    head = file.read(HEAD)
    if not head:
        raise TargetError(f"{path}: is empty; {EXPECTED}")
    if head.startswith(b"\x7fELF"):
        return _sniff_elf(path, file, head, size)
    if head.startswith(KDUMP_SIGNATURE):
        return _sniff_kdump(path, "kdump", file)
    if head.startswith(FLAT_SIGNATURE):
        return _sniff_kdump(path, "flattened", FlatFile(file))
    from btfdump._targets.foreign import refuse  # its table is for those who need it

    refuse(path, head, EXPECTED)
    if head.startswith((b"\x9f\xeb", b"\xeb\x9f")):
        raise TargetError(f"{path}: is a raw BTF file; {EXPECTED}; give BTF with --btf FILE")
    raise TargetError(f"{path}: starts with {head[:8]!r}; {EXPECTED}")


def _sniff_elf(path: Path, file: BinaryIO, head: bytes, size: int) -> CoreFile:
    if len(head) < 64 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise TargetError(f"{path}: has a damaged or truncated ELF header; {EXPECTED}")
    is_64, byteorder = head[4] == 2, "little" if head[5] == 1 else "big"
    order = "<" if byteorder == "little" else ">"
    e_type, e_machine = struct.unpack_from(f"{order}HH", head, 16)
    if e_type != _ET_CORE:
        kind = _ELF_TYPES.get(e_type, f"file of type {e_type}")
        raise TargetError(
            f"{path}: is an ELF {kind}, not a core; {EXPECTED}; "
            "give a vmlinux with --vmlinux FILE beside the vmcore"
        )
    machine = _ELF_MACHINES.get(e_machine, "")
    if machine == "ppc64" and byteorder == "little":
        machine = "ppc64le"
    _check_class(path, head, order, is_64)
    segments, owners, user_process, statuses = _program_headers(path, file, head, order, is_64)
    if _XEN_OWNER in owners:
        raise TargetError(
            f"{path}: is of a Xen host or guest; {EXPECTED} of Linux on the machine itself: drgn "
            "knows nothing of Xen's addresses; let kdump write one in the guest, or try crash"
        )
    end = max((part.offset + part.filesz for part in segments), default=0)
    return CoreFile(
        path=path,
        format="elf",
        byteorder="little" if order == "<" else "big",
        pointer_size=8 if is_64 else 4,
        machine=machine,
        segments=segments,
        truncated=0 < size < end,
        whole_size=end,
        user_process=user_process,
        cpu_statuses=statuses,
        is_incomplete=is_64
        and e_machine == _EM_X86_64  # others keep something else in these flags
        and bool(struct.unpack_from(f"{order}I", head, 48)[0] & _DUMP_ELF_INCOMPLETE),
    )


def _check_class(path: Path, head: bytes, order: str, is_64: bool) -> None:
    """Raise `TargetError` if the ELF header is laid out for the other class than it says.

    e_ehsize, the size of this header, lies where the class puts it.
    """
    in_32, in_64 = (struct.unpack_from(f"{order}H", head, at)[0] for at in (40, 52))
    mine, other = (in_64 == _EHDR64, in_32 == _EHDR32)[:: 1 if is_64 else -1]
    if other and not mine:
        said, laid_out = ("64-bit", "32-bit")[:: 1 if is_64 else -1]
        raise TargetError(
            f"{path}: has a damaged ELF header: by its class it is {said}, and it is laid out as "
            f"{laid_out}; {EXPECTED}; copy the dump again"
        )


def _program_headers(
    path: Path, file: BinaryIO, head: bytes, order: str, is_64: bool
) -> tuple[tuple[Segment, ...], frozenset[bytes], bool, tuple[bytes, ...]]:
    """Return the segments, who wrote the notes, if it is a process's, and registers of CPUs."""
    if is_64:
        phoff, shoff = struct.unpack_from(f"{order}QQ", head, 32)
        phentsize, phnum = struct.unpack_from(f"{order}HH", head, 54)
        entry, info_at = struct.Struct(f"{order}IIQQQQQQ"), 44
    else:
        phoff, shoff = struct.unpack_from(f"{order}II", head, 28)
        phentsize, phnum = struct.unpack_from(f"{order}HH", head, 42)
        entry, info_at = struct.Struct(f"{order}IIIIIIII"), 28
    if phnum == _PN_XNUM:  # the real count is in section header 0 (elf(5), PN_XNUM)
        raw = _read_at(file, shoff + info_at, 4)
        phnum = int.from_bytes(raw, "little" if order == "<" else "big") if raw else phnum
    if phnum and phentsize != entry.size:
        raise TargetError(
            f"{path}: has ELF program headers of {phentsize} bytes, expected {entry.size}"
        )
    wanted = phnum * entry.size
    table = _read_at(file, phoff, wanted) if wanted <= _MAX_HEADERS else b""
    if not phnum:
        raise TargetError(
            f"{path}: is an ELF core without program headers, as 'xl dump-core' writes of a Xen "
            f"guest; {EXPECTED}; let kdump write one in the guest, or try crash"
        )
    if len(table) != wanted:
        raise TargetError(
            f"{path}: is truncated in its program headers; {EXPECTED}; copy the dump again"
        )
    segments: list[Segment] = []
    owners: set[bytes] = set()
    user_process = False
    statuses: list[bytes] = []
    for fields in entry.iter_unpack(table):
        if is_64:
            p_type, _, offset, vaddr, paddr, filesz, memsz, _ = fields
        else:
            p_type, offset, vaddr, paddr, filesz, memsz, _, _ = fields
        if p_type == PT_LOAD:
            _check_extent(path, vaddr, paddr, max(filesz, memsz), 64 if is_64 else 32)
            segments.append(Segment(offset, vaddr, paddr, filesz, memsz))
        elif p_type == PT_NOTE and not user_process:
            notes = _read_at(file, offset, min(filesz, MAX_NOTES))
            user_process = _is_user_core(notes, order)
            owners.update(owner for owner, _, _ in elf_notes(notes, order))
            statuses += _cpu_statuses(notes, order)
    return tuple(segments), frozenset(owners), user_process, tuple(statuses[:_MAX_CPUS])


def _check_extent(path: Path, vaddr: int, paddr: int, size: int, bits: int) -> None:
    """Raise `TargetError` for a segment that passes the end of an address space, or is too long."""
    if size > _MAX_SEGMENT:
        raise TargetError(
            f"{path}: has a damaged ELF program header: a segment of {size:#x} bytes, more memory "
            f"than any machine has; {EXPECTED}; copy the dump again"
        )
    unknown = (1 << bits) - 1  # what p_paddr is where nobody knows it
    for name, start in (("p_vaddr", vaddr), ("p_paddr", paddr)):
        if start + size > 1 << bits and not (name == "p_paddr" and start == unknown):
            raise TargetError(
                f"{path}: has a damaged ELF program header: {name} {start:#x} and {size:#x} bytes "
                f"pass the end of {bits}-bit addresses; {EXPECTED}; copy the dump again"
            )


def _is_user_core(notes: bytes, order: str) -> bool:
    """Tell whether these are the notes of a process: fill_note_info() in fs/binfmt_elf.c."""
    return any(
        kind in (_NT_AUXV, _NT_FILE) and name == b"CORE\0"
        for name, kind, _ in elf_notes(notes, order)
    )


def _cpu_statuses(notes: bytes, order: str) -> Iterator[bytes]:
    """Yield the `struct elf_prstatus` of each CPU that has one."""
    for name, kind, descriptor in elf_notes(notes, order):
        if kind == _NT_PRSTATUS and name == b"CORE\0" and len(descriptor) <= _MAX_STATUS:
            yield descriptor


def elf_notes(notes: bytes, order: str) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (owner with its NUL, type, descriptor) of each ELF note.

    `order` is struct's "<" or ">".
    """
    at = 0
    while at + 12 <= len(notes):
        namesz, descsz, kind = struct.unpack_from(f"{order}III", notes, at)
        name_at = at + 12
        desc_at = name_at + (namesz + 3 & ~3)
        yield notes[name_at : name_at + namesz], kind, notes[desc_at : desc_at + descsz]
        at = desc_at + (descsz + 3 & ~3)


def _sniff_kdump(path: Path, kind: CoreFormat, file: BinaryIO | FlatFile) -> CoreFile:
    head = _read_at(file, 0, 512)
    if len(head) < 512:
        raise TargetError(f"{path}: its kdump header is truncated; {EXPECTED}; copy it again")
    if not head.startswith(KDUMP_SIGNATURE):
        if head.startswith(b"\x7fELF"):
            raise TargetError(
                f"{path}: is a flattened ELF vmcore; expected a plain one; "
                f"rebuild it: makedumpfile -R NEWFILE < {path}"
            )
        raise TargetError(
            f"{path}: is a flattened dump without a kdump header; {EXPECTED}; "
            f"rebuild it: makedumpfile -R NEWFILE < {path}"
        )
    byteorder: ByteOrder = "little" if int.from_bytes(head[8:12], "little") < 0x10000 else "big"
    at = _UTSNAME_AT + 4 * _UTSNAME_FIELD
    name = head[at : at + _UTSNAME_FIELD].partition(b"\0")[0].decode("ascii", "replace")
    machine = _MACHINES.get(name, "arm" if name.startswith("arm") else "")
    if machine == "ppc64" and byteorder == "little":
        machine = "ppc64le"
    raw = _kdump_vmcoreinfo(file, head, byteorder)
    if not machine:
        machine = vmcoreinfo.guess_machine(vmcoreinfo.parse(raw), byteorder)
    is_64 = machine not in ("i386", "arm")
    block_size, block_count = _kdump_blocks(file, head, byteorder) if is_64 else (0, 0)
    _refuse_piece(path, file, head, byteorder, is_64=is_64)
    least = whole_size = size = 0
    if block_count and not isinstance(file, FlatFile):
        size = os.fstat(file.fileno()).st_size
        least, whole_size = _kdump_end(file, head, byteorder)
    order = "<" if byteorder == "little" else ">"
    (status,) = struct.unpack_from(f"{order}I", head, 424 if is_64 else 412)
    return CoreFile(
        path=path,
        format=kind,
        byteorder=byteorder,
        pointer_size=8 if is_64 else 4,
        machine=machine,
        truncated=0 < size < least,
        vmcoreinfo=raw,
        block_size=block_size,
        block_count=block_count,
        whole_size=whole_size,
        is_incomplete=bool(status & _DUMP_DH_COMPRESSED_INCOMPLETE),
    )


def _refuse_piece(
    path: Path, file: BinaryIO | FlatFile, head: bytes, byteorder: ByteOrder, *, is_64: bool
) -> None:
    """Raise `TargetError` for one of the files that `makedumpfile --split` writes of a dump.

    Its sub-header begins with unsigned long phys_base, int dump_level and int split. Where it says
    which pages are in the piece depends on the version, and on 32-bit machines on how they align.
    """
    order = "<" if byteorder == "little" else ">"
    (version,) = struct.unpack_from(f"{order}i", head, 8)
    (block_size,) = struct.unpack_from(f"{order}i", head, 428 if is_64 else 416)
    if version < _SPLIT_VERSION or not _MIN_BLOCK <= block_size <= _MAX_BLOCK:
        return
    sub = _read_at(file, block_size, 104)
    if len(sub) < 104 or not struct.unpack_from(f"{order}i", sub, 12 if is_64 else 8)[0]:
        return
    pages = ""
    if is_64:
        first, end = struct.unpack_from(f"{order}QQ", sub, 80 if version >= _WIDE_VERSION else 16)
        pages = f", with pages {first:#x} to {end:#x}"
    raise TargetError(
        f"{path}: is a piece of a dump that was split{pages}; "
        f"{EXPECTED}; join the pieces: makedumpfile --reassemble PIECE1 PIECE2 ... NEWFILE"
    )


def _kdump_vmcoreinfo(file: BinaryIO | FlatFile, head: bytes, byteorder: ByteOrder) -> bytes:
    """Return the VMCOREINFO text that the sub-header points to, or b"".

    Tries the 64-bit and both 32-bit layouts.
    """
    order = "<" if byteorder == "little" else ">"
    # disk_dump_header continues behind the utsname with a timeval, whose size and alignment follow
    # the word size.
    for block_size_at, info_at, size_code in ((428, 32, "Q"), (416, 24, "I"), (416, 20, "I")):
        (block_size,) = struct.unpack_from(f"{order}i", head, block_size_at)
        if not _MIN_BLOCK <= block_size <= _MAX_BLOCK:
            continue
        sub = _read_at(file, block_size, 128)
        if len(sub) < 128:
            continue
        offset, size = struct.unpack_from(f"{order}Q{size_code}", sub, info_at)
        raw = _read_at(file, offset, size) if 0 < size <= 1 << 16 and offset < 1 << 40 else b""
        if raw.startswith(vmcoreinfo.FIRST_LINE):
            return raw
    return b""


def _kdump_blocks(file: BinaryIO | FlatFile, head: bytes, byteorder: ByteOrder) -> tuple[int, int]:
    """Return (block_size, number of blocks of memory) of a 64-bit dump; (0, 0) for nonsense."""
    order = "<" if byteorder == "little" else ">"
    (version,) = struct.unpack_from(f"{order}i", head, 8)
    block_size, sub_blocks, bitmap_blocks, count = struct.unpack_from(f"{order}iiII", head, 428)
    if not _MIN_BLOCK <= block_size <= _MAX_BLOCK or block_size & block_size - 1:
        return 0, 0
    if sub_blocks < 1 or not bitmap_blocks or bitmap_blocks % 2:  # there are two bitmaps
        return 0, 0
    sub = _read_at(file, block_size, 104)
    if version >= _WIDE_VERSION and len(sub) == 104:  # max_mapnr has 32 bits, max_mapnr_64 64
        (count,) = struct.unpack_from(f"{order}Q", sub, 96)
    is_sound = 0 < count <= bitmap_blocks // 2 * block_size * 8  # each bitmap has a bit for each
    return (block_size, count) if is_sound and count * block_size < 1 << 63 else (0, 0)


def _kdump_end(file: BinaryIO, head: bytes, byteorder: ByteOrder) -> tuple[int, int]:
    """Return (bytes that a 64-bit dump has at least, bytes that it has), 0 for what nothing tells.

    makedumpfile and QEMU write the pages in order, so the last descriptors tell where the data of
    the last page ends. If the descriptors are not all there, they do not.
    """
    order = "<" if byteorder == "little" else ">"
    block_size: int
    block_size, sub_blocks, bitmap_blocks = struct.unpack_from(f"{order}iiI", head, 428)
    half: int = (
        bitmap_blocks * block_size // 2
    )  # the first bitmap is of memory, the second of the dump
    bitmaps: int = block_size * (1 + sub_blocks)
    if sub_blocks < 1 or not 0 < half <= _MAX_HEADERS:
        return 0, 0
    bitmap = _read_at(file, bitmaps + half, half)
    if len(bitmap) < half:
        return bitmaps + 2 * half, 0
    count = int.from_bytes(bitmap, "little").bit_count()
    end = bitmaps + 2 * half + count * _PAGE_DESC_SIZE
    last = min(count, _LAST_PAGES) * _PAGE_DESC_SIZE
    table = _read_at(file, end - last, last)
    if len(table) < last:
        return end, 0
    for offset, size, _, _ in struct.iter_unpack(f"{order}QIIQ", table):
        end = max(end, offset + size)
    return end, end


def _read_at(file: BinaryIO | FlatFile, offset: int, size: int) -> bytes:
    if isinstance(file, FlatFile):
        return file.read_at(offset, size)
    if offset >= 1 << 62:
        return b""
    file.seek(offset)
    return file.read(size)
