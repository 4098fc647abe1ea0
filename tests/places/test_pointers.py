"""The search for pointers finds what going through all words finds."""

from __future__ import annotations

import random

import pytest

from btfdump._places.memory import Chunk
from btfdump._places.pointers import Pointer, find_pointers

BASE = 0xFFFF_8880_0000_0000


def brute(pieces, start, end, size, byteorder):
    return [
        Pointer(piece.address + at, value)
        for piece in pieces
        for at in range(0, len(piece.data) - size + 1, size)
        if start <= (value := int.from_bytes(piece.data[at : at + size], byteorder)) < end
    ]


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("size", [8, 4])
@pytest.mark.parametrize(
    ("start", "length"),
    [(0x12340, 0x40), (0x1FFF0, 0x20), (0x20000, 0x30000), (0, 0x100), (0x10000, 0x10000)],
)
def test_as_all_words_one_by_one(byteorder, size, start, length):
    random_ = random.Random(start + size)
    base = BASE & ((1 << 8 * size) - 1)
    pieces = []
    for number in range(4):
        words = []
        for _ in range(512):
            near = base + start + random_.randrange(-64, length + 64)
            word = random_.choice([0, near, base + random_.randrange(1 << 20), 1 << 31])
            words.append((word & ((1 << 8 * size) - 1)).to_bytes(size, byteorder))
        data = b"".join(words)
        # At odd places too, where there is no pointer.
        at = random_.randrange(1, 400)
        data = data[:at] + (base + start).to_bytes(size, byteorder) + data[at + size :]
        pieces.append(Chunk(BASE + number * len(data), data))
    start, end = base + start, base + start + length
    found = list(find_pointers(pieces, start, end, size, byteorder))
    assert found == brute(pieces, start, end, size, byteorder)
    assert len(found) > 50


def test_zeros_are_not_gone_through_byte_by_byte():
    """Of an object at 0x1000, the high bytes are zeros, as most of memory is."""
    data = bytes(1 << 16) + (0x1008).to_bytes(8, "little")
    assert list(find_pointers([Chunk(0, data)], 0x1000, 0x1010, 8, "little")) == [(1 << 16, 0x1008)]
