"""What a `Btf` works out when it is loaded and when names are looked up; `cache.py` keeps it.

No entry is trusted to the point where it could turn one type into another: a name that was found
through the index is compared with the name in the BTF, and each record is checked as it is without
an index.
"""

from __future__ import annotations

import sys
from array import array
from binascii import crc32
from bisect import bisect_left
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


_HEAD = Struct("=8s32sII")  # magic, digest of the BTF, number of types, CRC of that and the rest
_MAGIC = b"BTFidx1" + sys.byteorder[:1].encode()
_WORD = array("I").itemsize


class Index(NamedTuple):
    """Where each record starts, its kind, and the ids of all names, by the CRC of the name."""

    starts: array[int]
    kinds: bytes
    sums: array[int]
    ids: array[int]

    def candidates(self, name: bytes) -> Iterator[int]:
        """Yield, by ascending id, all types that are called `name`, and possibly others."""
        wanted = crc32(name)
        at = bisect_left(self.sums, wanted)
        while at < len(self.sums) and self.sums[at] == wanted:
            yield self.ids[at]
            at += 1

    def to_bytes(self, digest: bytes) -> bytes:
        """Return what `from_bytes()` reads; `digest` is the SHA-256 of the BTF, 32 bytes."""
        body = b"".join(
            [self.starts.tobytes(), self.sums.tobytes(), self.ids.tobytes(), self.kinds]
        )
        count = len(self.starts)
        return _HEAD.pack(_MAGIC, digest, count, crc32(body, count)) + body

    @classmethod
    def from_bytes(cls, data: bytes, digest: bytes) -> Index | None:
        """Return the index in `data`, or None if it is damaged or belongs to another BTF."""
        if len(data) < _HEAD.size:
            return None
        magic, of_btf, count, checksum = _HEAD.unpack_from(data)
        body = memoryview(data)[_HEAD.size :]
        if (magic, of_btf, checksum) != (_MAGIC, digest, crc32(body, count)):
            return None
        names, rest = divmod(len(body) - count * (_WORD + 1), 2 * _WORD)
        if names < 0 or rest:
            return None
        columns = [array("I") for _ in range(3)]
        at = 0
        for column, length in zip(columns, (count, names, names), strict=True):
            column.frombytes(body[at : at + length * _WORD])
            at += length * _WORD
        starts, sums, ids = columns
        return cls(starts, bytes(body[at:]), sums, ids)

    def fits(self, words: int) -> bool:
        """Whether all records start inside a type section of `words` 32-bit words.

        Anything else that is wrong with an index is found when it is used.
        """
        return max(self.starts) + 3 <= words if self.starts else not words
