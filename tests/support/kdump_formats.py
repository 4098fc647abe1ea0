"""The same kdump-compressed dump in other formats of makedumpfile's: zstd, and flattened.

What lies where is in makedumpfile's IMPLEMENTATION file, diskdump_mod.h and makedumpfile.h.
"""

from __future__ import annotations

import struct
import zlib
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from sample_dumps.build.kdump import (
    BLOCK,
    COMPRESSED_ZLIB,
    HEADER,
    PAGE_DESCRIPTOR,
    SUB_HEADER,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPRESSED_ZSTD = 0x20
# struct makedumpfile_header: signature, type, version; and struct makedumpfile_data_header, before
# each record: offset in the dump and size. Both are big-endian whatever the dump is.
FLAT_HEADER = struct.Struct(">16sqq")
FLAT_HEADER_SIZE = 4096
FLAT_RECORD = struct.Struct(">qq")
FLAT_END = FLAT_RECORD.pack(-1, -1)
# How much makedumpfile gathers of descriptors and of pages before it writes them.
DESCRIPTORS_AT_ONCE = 251
PAGES_AT_ONCE = 1 << 16
STATUS_AT = 424


class Layout(NamedTuple):
    """Where a dump's parts lie."""

    bitmaps: int
    descriptors: int
    pages: int


def layout(dump: bytes) -> Layout:
    """Find the parts by the header; the second bitmap tells how many pages there are."""
    block, sub_blocks, bitmap_blocks = HEADER.unpack_from(dump)[6:9]
    bitmaps = block * (1 + sub_blocks)
    descriptors = bitmaps + block * bitmap_blocks
    second = dump[(bitmaps + descriptors) // 2 : descriptors]
    count = int.from_bytes(second, "little").bit_count()
    return Layout(bitmaps, descriptors, descriptors + PAGE_DESCRIPTOR.size * count)


def write_zstd(source: Path, path: Path) -> None:
    """Compress the pages of a dump with zstd instead of zlib; pages stored once stay so."""
    dump = source.read_bytes()
    parts = layout(dump)
    head = bytearray(dump[: parts.descriptors])
    (status,) = struct.unpack_from("<I", head, STATUS_AT)
    struct.pack_into("<I", head, STATUS_AT, status & ~COMPRESSED_ZLIB | COMPRESSED_ZSTD)
    compressor = zstandard.ZstdCompressor()
    descriptors = bytearray()
    pages = bytearray()
    stored: dict[int, tuple[int, int, int]] = {}
    for old in PAGE_DESCRIPTOR.iter_unpack(dump[parts.descriptors : parts.pages]):
        at, size, flags, page_flags = old
        if at not in stored:
            data = dump[at : at + size]
            content = zlib.decompress(data) if flags & COMPRESSED_ZLIB else data
            packed = compressor.compress(content)
            flags = COMPRESSED_ZSTD if len(packed) < len(content) else 0
            data = packed if flags else content
            stored[at] = (parts.pages + len(pages), len(data), flags)
            pages += data
        descriptors += PAGE_DESCRIPTOR.pack(*stored[at], page_flags)
    path.write_bytes(head + descriptors + pages)


def write_flattened(source: Path, path: Path) -> None:
    """Write a dump as makedumpfile -F does into a pipe: as records, not in the order of offsets."""
    dump = source.read_bytes()
    with path.open("wb") as out:
        signature = FLAT_HEADER.pack(b"makedumpfile", 1, 1)
        out.write(signature.ljust(FLAT_HEADER_SIZE, b"\0"))
        for at, data in records(dump):
            out.write(FLAT_RECORD.pack(at, len(data)) + data)
        out.write(FLAT_END)


def records(dump: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a dump into what makedumpfile writes at once, in its order.

    The padding behind the headers is never written; descriptors and pages take turns.
    """
    parts = layout(dump)
    behind_sub_header = BLOCK + SUB_HEADER.size
    yield 0, dump[: HEADER.size]
    yield behind_sub_header, dump[behind_sub_header : parts.bitmaps].rstrip(b"\0")
    yield BLOCK, dump[BLOCK:behind_sub_header]
    middle = (parts.bitmaps + parts.descriptors) // 2
    yield parts.bitmaps, dump[parts.bitmaps : middle]
    yield middle, dump[middle : parts.descriptors]
    pages = pieces(parts.pages, len(dump), PAGES_AT_ONCE)
    descriptors = pieces(parts.descriptors, parts.pages, DESCRIPTORS_AT_ONCE * PAGE_DESCRIPTOR.size)
    for descriptor, page in zip_longest(descriptors, pages, fillvalue=slice(0)):
        for piece in (page, descriptor):
            if dump[piece]:
                yield piece.start, dump[piece]


def pieces(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range of offsets into slices of at most this size."""
    for at in range(start, stop, size):
        yield slice(at, min(at + size, stop))
