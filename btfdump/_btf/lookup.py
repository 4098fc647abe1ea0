"""Look up ids by name without reading every name for one look-up.

The first look-ups search: they find the name in the string section, then its offset among those of
the types. After many of them, a dict of all names is cheaper than further searches.
"""

from __future__ import annotations

import sys
from array import array
from binascii import crc32
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from .strings import encode
from .wire import TRAILERS, TYPE_WORDS, Kind, vlen_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .index import Index
    from .records import Records
    from .strings import Strings

Ids: TypeAlias = int | tuple[int, ...]  # a bare int, where it is one, spares the garbage collector

_WORD = 4
_MAX_KNOWN = 1 << 12  # names of enumerators whose places are remembered
SEARCHES = 40  # after as many it is time for the dict, which costs about what these did


class NameIndex:
    """The ids, among the records of one blob, by name. Remembers every answer."""

    def __init__(self, records: Records, strings: Strings) -> None:
        self._records = records
        self._strings = strings
        self._answers: dict[str, tuple[int, ...]] = {}
        self._column = b""  # the name_off of every record, in host byte order
        self._distinct: frozenset[int] | None = None  # the values in it
        self._by_name: dict[bytes, Ids] | None = None

    def ids(self, name: str) -> tuple[int, ...]:
        """Return the ids of all types called `name`, of any kind, in ascending order."""
        found = self._answers.get(name)
        if found is None:
            found = self._answers[name] = self._look_up(name)
        return found

    def _look_up(self, name: str) -> tuple[int, ...]:
        if not name or "\0" in name:
            return ()
        raw = encode(name)
        if self._records.index is not None:
            return tuple(i for i in self._records.index.candidates(raw) if self._is_called(i, raw))
        if self._by_name is None and len(self._answers) < SEARCHES:
            return self._search(raw)
        if self._by_name is None:
            self._by_name = self._index()
            self._column, self._distinct = b"", None
        found = self._by_name.get(raw, ())
        return found if isinstance(found, tuple) else (found,)

    def _is_called(self, type_id: int, name: bytes) -> bool:
        """Whether a type really is called that."""
        if type_id not in self._records:
            return False
        try:
            return self._strings.raw(self._records.words[self._records.at(type_id)]) == name
        except IndexError:  # a record that hasn't been checked may lie
            return False

    def _search(self, name: bytes) -> tuple[int, ...]:
        if self._distinct is None:
            offsets = self._records.name_offsets()
            self._column = array("I", offsets).tobytes()
            self._distinct = frozenset(offsets)
        column = self._column
        size = array("I").itemsize
        found: list[int] = []
        for offset in self._distinct.intersection(self._strings.offsets(name)):
            needle = offset.to_bytes(size, sys.byteorder)
            at = column.find(needle)
            while at >= 0:
                if at % size == 0:
                    found.append(self._records.start_id + at // size)
                at = column.find(needle, at + 1)
        return tuple(sorted(found))

    def _index(self) -> dict[bytes, Ids]:
        """Return the ids of every name."""
        by_offset: dict[int, Ids] = {}
        for type_id, offset in enumerate(self._records.name_offsets(), self._records.start_id):
            if 0 < offset < self._strings.end:  # a record that hasn't been checked may lie
                known = by_offset.get(offset)
                by_offset[offset] = type_id if known is None else _joined(known, type_id)
        by_name: dict[bytes, Ids] = {}
        for offset, ids in by_offset.items():
            name = self._strings.raw(offset)
            known = by_name.get(name)  # another offset may spell the same name
            by_name[name] = ids if known is None else _joined(known, ids)
        by_name.pop(b"", None)
        return by_name


def _joined(one: Ids, other: Ids) -> Ids:
    """Return the ids of both, in order."""
    both = (one if isinstance(one, tuple) else (one,)) + (
        other if isinstance(other, tuple) else (other,)
    )
    return tuple(sorted(both))


class EnumeratorIndex:
    """The enumerators among the records of one blob, by name.

    When the first is asked for, the names of all are listed, 17,000 of a kernel in 3 ms: to search
    the blob for one takes twice as long.
    """

    def __init__(self, records: Records, strings: Strings) -> None:
        self._records = records
        self._strings = strings
        self._known: dict[str, list[tuple[int, int]]] = {}

    def places(self, name: str) -> list[tuple[int, int]]:
        """Return (id of the enum, index) of each enumerator called `name`, by ascending id.

        Annotations ask for the same few names again and again: what was found is remembered.
        """
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[name] = self._places(name)
        return known

    def _places(self, name: str) -> list[tuple[int, int]]:
        offsets = self._strings.offsets(encode(name)) if name and "\0" not in name else []
        return sorted(self._listed(offsets)) if offsets else []

    @cached_property
    def _list(self) -> tuple[bytes, frozenset[int], list[int], list[int]]:
        """The name_off of all enumerators, these as a set, and each enum's first of them and id."""
        names = array("I")
        firsts: list[int] = []
        enums: list[int] = []
        for kind in (Kind.ENUM, Kind.ENUM64):
            size = TRAILERS[kind][1]
            for type_id in self._records.ids(kind):
                start = self._records.at(type_id) + TYPE_WORDS
                count = vlen_of(self._records.words[start - TYPE_WORDS + 1])
                firsts.append(len(names))
                enums.append(type_id)
                names += self._records.words[start : start + size * count : size]
        return names.tobytes(), frozenset(names), firsts, enums

    def _listed(self, offsets: list[int]) -> Iterator[tuple[int, int]]:
        names, distinct, firsts, enums = self._list
        for offset in distinct.intersection(offsets):
            at = _next(names, offset, 0)
            while at >= 0:
                enum = bisect_right(firsts, at) - 1
                yield enums[enum], at - firsts[enum]
                at = _next(names, offset, at + 1)


def _next(names: bytes, offset: int, start: int) -> int:
    """Return the first place from `start` on that has a name of this offset, or -1."""
    size = array("I").itemsize
    needle = offset.to_bytes(size, sys.byteorder)
    at = names.find(needle, start * size)
    while at >= 0 and at % size:
        at = names.find(needle, at + 1)
    return at // size


def make_index(records: Records, strings: Strings) -> Index:
    """Return the index of a blob, for `cache.py` to keep."""
    from .index import Index

    own = strings.data.split(b"\0")
    ends = accumulate(map(len, own), lambda end, length: end + 1 + length)
    known = {end - len(s): crc32(s) for end, s in zip(ends, own, strict=True)}
    named = []
    for type_id, offset in enumerate(records.name_offsets(), records.start_id):
        if not 0 < offset < strings.end:  # a record that hasn't been checked may lie
            continue
        checksum = known.get(offset - strings.start)
        if checksum is None:  # the tail of another string, or one of the base's
            checksum = crc32(strings.raw(offset))
        named.append(checksum << 32 | type_id)
    named.sort()
    return Index(
        array("I", records.starts),
        records.kinds,
        array("I", [both >> 32 for both in named]),
        array("I", [both & 0xFFFF_FFFF for both in named]),
    )
