"""QEMU's ELF dump: where each page of the guest's memory is in the file."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096


class ElfDump:
    """An ELF vmcore of physical memory; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._data = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        elf = ELFFile(self._file)
        self.notes = b""
        """The note segment as it is."""
        self.note_descriptions: dict[str, bytes] = {}
        """The last note of each name."""
        self._segments: list[tuple[int, int, int]] = []
        for segment in elf.iter_segments():
            header = segment.header
            if header.p_type == "PT_LOAD":
                self._segments.append((header.p_paddr, header.p_filesz, header.p_offset))
            elif isinstance(segment, NoteSegment):
                self.notes = self._data[header.p_offset : header.p_offset + header.p_filesz]
                self.note_descriptions = {
                    note["n_name"]: note["n_descdata"] for note in segment.iter_notes()
                }
        self._segments.sort()

    def __enter__(self) -> ElfDump:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()
        self._file.close()

    def frames(self) -> Iterator[int]:
        """Yield the numbers of the page frames that the dump holds, in order."""
        for start, size, _ in self._segments:
            yield from range(-(-start // PAGE), (start + size) // PAGE)

    def page(self, frame: int) -> bytes:
        """Return the bytes of a page frame; raises KeyError when it is not in the dump."""
        address = frame * PAGE
        for start, size, offset in self._segments:
            if start <= address and address + PAGE <= start + size:
                at = offset + address - start
                return self._data[at : at + PAGE]
        raise KeyError(frame)
