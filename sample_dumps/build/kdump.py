"""Write kdump-compressed files, as makedumpfile does (its IMPLEMENTATION file, diskdump_mod.h)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BLOCK = 4096
COMPRESSED_ZLIB = 1
# struct disk_dump_header: signature, version, utsname (six names of 65 bytes), timestamp, status,
# block size, blocks of the sub header, blocks of both bitmaps, three counts of pages, blocks
# written, current processor, processors.
HEADER = struct.Struct("<8si390s6xqqI2i6Ii4x")
# struct kdump_sub_header: phys_base, dump level, split, start and end of a split; offset and size
# of VMCOREINFO, of the notes, of what was erased; start, end and count of pages, 64 bits wide.
SUB_HEADER = struct.Struct("<qiiQQQQQQQQQQQ")
# struct page_desc: offset, size, flags, the page's own flags.
PAGE_DESCRIPTOR = struct.Struct("<QIIQ")


@dataclass(frozen=True)
class Machine:
    """What the headers say of the machine."""

    names: tuple[str, ...]
    """sysname, nodename, release, version, machine, domainname."""
    processors: int
    physical_base: int
    notes: bytes
    vmcoreinfo: bytes


class Written(NamedTuple):
    """What a file has come to."""

    kept: int
    """Pages that can be read."""
    unique: int
    """Pages that are stored: those that are alike are stored once."""
    size: int
    """Bytes."""


def write(
    path: Path,
    machine: Machine,
    present: Iterable[int],
    kept: Iterable[int],
    page: Callable[[int], bytes],
) -> Written:
    """Write the kept page frames out of those present; pages that are alike are stored once."""
    present, kept = sorted(present), sorted(kept)
    limit = present[-1] + 1
    bitmap_blocks = -(-limit // (8 * BLOCK))
    head = _headers(machine, limit, bitmap_blocks, len(kept))
    head += _bitmap(present, bitmap_blocks) + _bitmap(kept, bitmap_blocks)
    descriptors_at = len(head)
    data_at = descriptors_at + PAGE_DESCRIPTOR.size * len(kept)
    known: dict[bytes, bytes] = {}
    with path.open("wb") as out:
        out.write(head)
        out.seek(data_at)
        order = []
        for frame in kept:
            content = page(frame)
            descriptor = known.get(content)
            if descriptor is None:
                stored, flags = _pack(content)
                descriptor = PAGE_DESCRIPTOR.pack(out.tell(), len(stored), flags, 0)
                known[content] = descriptor
                out.write(stored)
            order.append(descriptor)
        size = out.tell()
        out.seek(descriptors_at)
        out.write(b"".join(order))
    return Written(len(kept), len(known), size)


def _headers(machine: Machine, limit: int, bitmap_blocks: int, kept: int) -> bytes:
    notes_at = BLOCK + SUB_HEADER.size
    vmcoreinfo_at = notes_at + len(machine.notes)
    sub_blocks = -(-(vmcoreinfo_at + len(machine.vmcoreinfo) - BLOCK) // BLOCK)
    names = b"".join(name.encode()[:64].ljust(65, b"\0") for name in machine.names)
    header = HEADER.pack(
        *(b"KDUMP   ", 6, names, 0, 0, COMPRESSED_ZLIB, BLOCK, sub_blocks),
        *(2 * bitmap_blocks, min(limit, 0xFFFFFFFF), 0, 0, kept, 0, machine.processors),
    )
    sub_header = SUB_HEADER.pack(
        *(machine.physical_base, 31, 0, 0, 0, vmcoreinfo_at, len(machine.vmcoreinfo)),
        *(notes_at, len(machine.notes), 0, 0, 0, 0, limit),
    )
    blocks = header.ljust(BLOCK, b"\0") + sub_header + machine.notes + machine.vmcoreinfo
    return blocks.ljust(BLOCK * (1 + sub_blocks), b"\0")


def _bitmap(frames: Iterable[int], blocks: int) -> bytes:
    bits = bytearray(blocks * BLOCK)
    for frame in frames:
        bits[frame >> 3] |= 1 << (frame & 7)
    return bytes(bits)


def _pack(content: bytes) -> tuple[bytes, int]:
    packed = zlib.compress(content, 9)
    return (packed, COMPRESSED_ZLIB) if len(packed) < len(content) else (content, 0)
