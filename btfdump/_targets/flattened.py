"""Flattened dumps: what makedumpfile writes where it cannot seek, pieces of a file in any order.

Mirrors makedumpfile's IMPLEMENTATION file (makedumpfile_header, makedumpfile_data_header).
"""

from __future__ import annotations

import os
import struct
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_HEADER_SIZE = 4096
_MAX_RECORDS = 1 << 20


class FlatFile:
    """Random access to a flattened dump.

    It is a big-endian stream of records: offset (s64), size (s64), bytes.
    """

    def __init__(self, file: BinaryIO, max_records: int = 20000) -> None:
        self._file = file
        # (offset in the real file, size, offset in this file)
        self._records = [
            (start, length, at)
            for start, length, at in islice(_records_of(file), max_records)
            if length > 0
        ]

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes at `offset` of the file that `makedumpfile -R` would write.

        Holes read as zeros.
        """
        out = bytearray(size)
        for start, length, at in self._records:
            low, high = max(start, offset), min(start + length, offset + size)
            if low < high:
                self._file.seek(at + low - start)
                piece = self._file.read(high - low)
                out[low - offset : low - offset + len(piece)] = piece
        return bytes(out)


def is_cut(file: BinaryIO) -> bool:
    """Whether a flattened dump ends before its last record, as far as that can be told quickly."""
    return any(not length for _, length, _ in islice(_records_of(file), _MAX_RECORDS))


def _records_of(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield (offset in the real file, size, where its bytes are) of a flattened dump's records.

    The last one has size -1, the mark of the end, or 0 where the file ends without one.
    """
    at = _HEADER_SIZE
    size = file.seek(0, os.SEEK_END)
    while True:
        file.seek(at)
        header = file.read(16)
        start, length = struct.unpack(">qq", header) if len(header) == 16 else (0, 0)
        at += 16
        if start < 0 or length <= 0:  # the mark is (-1, -1)
            yield start, -1 if length else 0, at
            return
        yield start, length, at
        at += length
        if at > size:
            yield 0, 0, size
            return
