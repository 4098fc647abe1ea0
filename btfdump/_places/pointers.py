"""Every word of memory that points into an object, wherever it is: one pass over all memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._places.memory import Chunk
    from btfdump._targets.memory import ByteOrder

_LOW = 2
"""The least significant bytes of an address, which the search leaves out of its pattern."""


class Pointer(NamedTuple):
    """A word at virtual address `at` that has `value`, an address."""

    at: int
    value: int


def find_pointers(
    pieces: Iterable[Chunk], start: int, end: int, size: int, byteorder: ByteOrder
) -> Iterator[Pointer]:
    """Yield each aligned word of `size` bytes with a value in [start, end), by address.

    What addresses next to each other have in common are their high bytes: those are searched for,
    64 KiB of the object at a time.
    """
    spans = [
        (max(start, base), min(end, base + (1 << 8 * _LOW)))
        for base in range(start >> 8 * _LOW << 8 * _LOW, end, 1 << 8 * _LOW)
    ]
    for piece in pieces:
        found = [
            pointer
            for low, high in spans
            for pointer in _in_piece(piece, low, high, size, byteorder)
        ]
        yield from sorted(found) if len(spans) > 1 else found


def _in_piece(
    piece: Chunk, low: int, high: int, size: int, byteorder: ByteOrder
) -> Iterator[Pointer]:
    word = low.to_bytes(size, byteorder)
    pattern = word[_LOW:] if byteorder == "little" else word[:-_LOW]
    before = _LOW if byteorder == "little" else 0
    data, find = piece.data, piece.data.find
    at = find(pattern)
    while at >= 0:
        start = at - before
        inside = start % size
        if not inside:
            value = int.from_bytes(data[start : start + size], byteorder)
            if low <= value < high and start >= 0:
                yield Pointer(piece.address + start, value)
        # Nothing before the next word can be one: a pattern of zeros is everywhere.
        at = find(pattern, at + 1 if not inside else start + size - inside + before)
