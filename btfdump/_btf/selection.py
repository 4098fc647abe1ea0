"""Types of one blob selected by what is in their records: ids alone, and no type is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import Kind, vlen_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .records import Records
    from .strings import Strings


def nameless(records: Records, kinds: Iterable[Kind]) -> set[int]:
    """Return the ids of the types of these kinds that have no name."""
    words = records.words
    return {i for kind in kinds for i in records.ids(kind) if not words[records.at(i)]}


def names(records: Records, strings: Strings, kind: Kind) -> Iterator[tuple[int, str]]:
    """Yield id and name of the types of one kind that have a name, by id."""
    words, end = records.words, strings.end
    offsets = {}
    for type_id in records.ids(kind):
        offset = words[records.at(type_id)]
        if 0 < offset < end:  # a record that hasn't been checked may lie
            offsets[type_id] = offset
    return zip(offsets, strings.many(offsets.values()), strict=True)


def unnamed(records: Records, kind: Kind, vlen: int) -> Iterator[int]:
    """Yield the ids of the types of one kind that have no name and `vlen` elements."""
    for type_id in records.ids(kind):
        at = records.at(type_id)
        if not records.words[at] and vlen_of(records.words[at + 1]) == vlen:
            yield type_id


def structs_of_size(records: Records, smallest: int, largest: int) -> Iterator[int]:
    """Yield the ids of the structs that have `smallest` to `largest` bytes."""
    sizes, start = records.sizes, records.start_id
    return (i for i in records.ids(Kind.STRUCT) if smallest <= sizes[i - start] <= largest)


def decl_tag_ids(records: Records) -> dict[int, list[int]]:
    """Return the ids of the declaration tags on each type that has some: target id -> ids."""
    tags: dict[int, list[int]] = {}
    for tag_id in records.ids(Kind.DECL_TAG):
        tags.setdefault(records.words[records.at(tag_id) + 2], []).append(tag_id)
    return tags


def odd_ints(records: Records) -> dict[int, tuple[int, int]]:
    """Return the integers that are narrower than their bytes: id -> (bit offset, bits)."""
    odd = {}
    words = records.words
    for type_id in records.ids(Kind.INT):
        at = records.at(type_id)
        bits, bit_offset = words[at + 3] & 0xFF, words[at + 3] >> 16 & 0xFF
        if bits and (bit_offset or bits != words[at + 2] * 8):
            odd[type_id] = bit_offset, bits
    return odd
