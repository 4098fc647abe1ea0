"""What a `Btf` works out when it is loaded and when names are looked up; `cache.py` keeps it.

An index tells where records start and which names there are, and what it does not tell cannot be
missed: so a file is sealed with a key of the user's, and one that has not been written by btfdump
for this very user counts as damaged. Beside that, a name that was found through the index is
compared with the name in the BTF, and each record is checked as it is without an index.
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


_HEAD = Struct("=8s32sI32s")  # magic, digest of the BTF, number of types, seal of that and the rest
_MAGIC = b"BTFidx2" + sys.byteorder[:1].encode()
_WORD = array("I").itemsize
KEY = 32
"""Bytes of a key."""


def _seal(key: bytes, digest: bytes, count: int, body: bytes | memoryview) -> bytes:
    """Return a code that nobody can make without the key: a hash of a hash, both with the key."""
    from hashlib import sha256  # here, where it is needed: not every start is with an index

    inner = sha256(key + digest + count.to_bytes(4, "little"))
    inner.update(body)
    return sha256(key + inner.digest()).digest()


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

    def to_bytes(self, digest: bytes, key: bytes) -> bytes:
        """Return what `from_bytes()` reads; `digest` is the SHA-256 of the BTF, 32 bytes."""
        body = b"".join(
            [self.starts.tobytes(), self.sums.tobytes(), self.ids.tobytes(), self.kinds]
        )
        count = len(self.starts)
        return _HEAD.pack(_MAGIC, digest, count, _seal(key, digest, count, body)) + body

    @classmethod
    def from_bytes(cls, data: bytes, digest: bytes, key: bytes) -> Index | None:
        """Return the index in `data`, or None if it is not sealed with `key`, or of another BTF."""
        if len(data) < _HEAD.size:
            return None
        magic, of_btf, count, seal = _HEAD.unpack_from(data)
        body = memoryview(data)[_HEAD.size :]
        if (magic, of_btf) != (_MAGIC, digest):
            return None
        if seal != _seal(key, digest, count, body):
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
