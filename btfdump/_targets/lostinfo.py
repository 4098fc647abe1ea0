"""Find the VMCOREINFO of a dump in the dumped memory, where no header leads to one.

QEMU writes such dumps unless it was started with `-device vmcoreinfo` and the guest uses it.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from btfdump._targets.vmcoreinfo import FIRST_LINE, MAX_SIZE, plausible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._targets.dumpfile import CoreFile, Segment

    Progress = Callable[[int], None]

# s390x: the lowcore word with the physical address of the kernel's own VMCOREINFO ELF note.
_LOWCORE_VMCOREINFO = 0xE0C  # arch/s390/include/asm/lowcore.h
_NOTE_HEADER = 24
_NOTE_PREFIX = b"VMCOREINFO\0\0"
_CHUNK = 1 << 26
_DEFAULT_LIMIT = 1 << 36
_BLOCKS_LIMIT = 1 << 34
_MAX_ABSENT = 3 << 18
"""Blocks that are not there: the hole below 4 GiB of a PC has half a million pages."""


def find_vmcoreinfo(
    core: CoreFile, progress: Progress | None = None, limit: int = _DEFAULT_LIMIT
) -> Iterator[bytes]:
    """Yield each distinct VMCOREINFO text in the memory of `core`, the likeliest first.

    `progress` is called after every 64 MiB with the number of bytes searched so far; the search
    ends after `limit` bytes.
    """
    with (
        core.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory,
    ):
        seen: set[bytes] = set()
        if core.machine == "s390x":
            raw = _lowcore(core.segments, memory)
            if plausible(raw):
                seen.add(raw)
                yield raw
        for raw in _scan(core.segments, memory, progress, limit):
            if raw not in seen and plausible(raw):
                seen.add(raw)
                yield raw


def find_vmcoreinfo_in_blocks(
    read: Callable[[int], bytes], block_size: int, block_count: int, limit: int = _BLOCKS_LIMIT
) -> Iterator[bytes]:
    """Yield each distinct VMCOREINFO text in memory that can only be read block by block.

    `read` returns the block at a physical address, or b"" for one that the dump does not hold. The
    search ends after `limit` bytes, or when so many blocks were missing that the number of all of
    them must be wrong.
    """
    seen: set[bytes] = set()
    done = absent = 0
    for address in range(0, block_size * block_count, block_size):
        if done >= limit or absent > _MAX_ABSENT:
            return
        data = read(address)
        done += len(data)
        absent += not data
        at = data.find(FIRST_LINE)
        while at >= 0:
            prefix = data[max(0, at - len(_NOTE_PREFIX)) : at]
            if (address + at) & 0xFFF == 0 or prefix == _NOTE_PREFIX:
                # One page at most: it may lie in two blocks, but only behind a note header.
                raw = (data[at:] + read(address + block_size))[:MAX_SIZE].partition(b"\0")[0]
                if raw not in seen and plausible(raw):
                    seen.add(raw)
                    yield raw
            at = data.find(FIRST_LINE, at + 1)


def _lowcore(segments: tuple[Segment, ...], memory: mmap.mmap) -> bytes:
    """Return the text of the note that an s390x lowcore points to, or b"".

    Mirrors arch/s390/kernel/setup.c (setup_vmcoreinfo).
    """

    def physical(address: int, size: int) -> bytes:
        for segment in segments:
            if segment.paddr <= address and address + size <= segment.paddr + segment.filesz:
                at = segment.offset + address - segment.paddr
                return memory[at : at + size]
        return b""

    note = int.from_bytes(physical(_LOWCORE_VMCOREINFO, 8), "big")
    header = physical(note, _NOTE_HEADER)
    if not note or header[12:22] != _NOTE_PREFIX[:10]:
        return b""
    size = min(int.from_bytes(header[4:8], "big"), MAX_SIZE)
    return physical(note + _NOTE_HEADER, size).partition(b"\0")[0]


def _scan(
    segments: tuple[Segment, ...], memory: mmap.mmap, progress: Progress | None, limit: int
) -> Iterator[bytes]:
    """Yield what looks like VMCOREINFO at the start of a page or after its note header.

    Those are vmcoreinfo_data and vmcoreinfo_note of kernel/vmcore_info.c.
    """
    done = 0
    for segment in segments:
        stop = min(segment.offset + segment.filesz, len(memory))
        for start in range(segment.offset, stop, _CHUNK):
            if done >= limit:
                return
            end = min(start + _CHUNK, stop)
            # A hit that begins in this chunk may end in the next one.
            at = memory.find(FIRST_LINE, start, min(end + len(FIRST_LINE) - 1, stop))
            while at >= 0:
                aligned = (segment.paddr + at - segment.offset) & 0xFFF == 0
                if aligned or memory[max(0, at - len(_NOTE_PREFIX)) : at] == _NOTE_PREFIX:
                    yield memory[at : min(at + MAX_SIZE, stop)].partition(b"\0")[0]
                at = memory.find(FIRST_LINE, at + 1, min(end + len(FIRST_LINE) - 1, stop))
            done += end - start
            if progress is not None:
                progress(done)
