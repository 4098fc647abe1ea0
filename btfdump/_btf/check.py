"""Check records: names and ids must exist, and a function must have a prototype.

Mirrors `btf_validate_type()` in tools/lib/bpf/btf.c, and asks for more in one place: a return type
must exist as well. The kernel's `btf_check_all_metas()` is far stricter, but BTF that it refuses
can still be printed, and such BTF does occur in files. Faults that involve several types, such as a
typedef of itself, are found when somebody follows the types.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

from btfdump.errors import BtfFormatError

from .wire import REFERENCES, TRAILERS, TYPE_WORDS, Kind, kind_of, vlen_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from .records import Records
    from .strings import Strings

    class Checked(Protocol):
        """The BTF whose records are checked."""

        @property
        def strings(self) -> Strings:
            """Its string section."""

        def __len__(self) -> int:
            """Return the number of ids."""

        def kind(self, type_id: int, /) -> int:
            """Return the kind number of a type."""


# By kind, which words of a record, and of each of its elements, are type ids and name offsets.
_FIXED_IDS: dict[int, tuple[int, ...]] = {
    **dict.fromkeys(REFERENCES, (2,)),
    Kind.ARRAY: (3, 4),
}
_ELEMENT_ID: dict[int, int] = {Kind.STRUCT: 1, Kind.UNION: 1, Kind.FUNC_PROTO: 1, Kind.DATASEC: 0}
_FORGIVEN = 16
_ELEMENT_NAME = frozenset(  # always word 0
    (Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FUNC_PROTO)
)


def check_record(btf: Checked, records: Records, type_id: int) -> None:
    """Check one record of this blob; raises `BtfFormatError` for the first bad word in it."""
    words = records.words
    at = records.at(type_id)
    kind = kind_of(words[at + 1])
    for where in _name_words(words, at, kind):
        if words[where] >= btf.strings.end:
            raise _error(records, where, type_id, f"no string has offset {words[where]:#x}")
    for where in _id_words(words, at, kind):
        if words[where] >= len(btf):
            raise _error(records, where, type_id, f"refers to [{words[where]}], which isn't there")
    if kind == Kind.FUNC and btf.kind(words[at + 2]) != Kind.FUNC_PROTO:
        raise _error(records, at + 2, type_id, f"function of [{words[at + 2]}], not a prototype")


def check_all(btf: Checked, records: Records) -> None:
    """Check every record of this blob; raises the `BtfFormatError` of the first bad one.

    Whole columns go through `max()`; records are looked at one by one only if a column is bad.
    """
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for info, at in zip(records.infos, records.starts, strict=True):
        groups[info].append(at)
    words = records.words
    if (
        max(records.name_offsets(), default=0) < btf.strings.end
        and all(_group_is_good(btf, words, info, starts) for info, starts in groups.items())
        and all(_prototypes_are_good(btf, words, info, starts) for info, starts in groups.items())
    ):
        return
    for type_id in range(records.start_id, records.end_id):
        check_record(btf, records, type_id)


def names_fit(offsets: Sequence[int], strings: Strings) -> bool:
    """Whether almost all of these offsets are those of whole strings, not of parts of some.

    Nothing that writes BTF lets one string be the tail of another; a few are forgiven.
    """
    distinct = {offset for offset in offsets if 0 < offset < strings.end}
    strays = sum(not strings.is_start(offset) for offset in distinct)
    return strays * _FORGIVEN <= len(distinct)


def _group_is_good(btf: Checked, words: array[int], info: int, starts: Sequence[int]) -> bool:
    """Whether all names and ids exist in the records at `starts`, which share an info word."""
    kind = kind_of(info)
    for column in _FIXED_IDS.get(kind, ()):
        if max(words[at + column] for at in starts) >= len(btf):
            return False
    vlen = vlen_of(info)
    if not vlen or not (kind in _ELEMENT_NAME or kind in _ELEMENT_ID):
        return True
    width = TRAILERS[kind][1]
    size = vlen * width
    tables = [at + TYPE_WORDS for at in starts]
    good = True
    if kind in _ELEMENT_NAME:
        names = chain.from_iterable(words[at : at + size : width] for at in tables)
        good = max(names) < btf.strings.end
    if good and kind in _ELEMENT_ID:
        column = _ELEMENT_ID[kind]
        ids = chain.from_iterable(words[at + column : at + size : width] for at in tables)
        good = max(ids) < len(btf)
    return good


def _prototypes_are_good(btf: Checked, words: array[int], info: int, starts: Sequence[int]) -> bool:
    """Whether the records at `starts`, if functions, have prototypes; known to have valid ids."""
    if kind_of(info) != Kind.FUNC:
        return True
    return all(btf.kind(words[at + 2]) == Kind.FUNC_PROTO for at in starts)


def _name_words(words: array[int], at: int, kind: int) -> Iterator[int]:
    """Yield the index of each word of the record at `at` that is a string offset."""
    yield at
    if kind in _ELEMENT_NAME:
        width = TRAILERS[kind][1]
        start = at + TYPE_WORDS
        yield from range(start, start + vlen_of(words[at + 1]) * width, width)


def _id_words(words: array[int], at: int, kind: int) -> Iterator[int]:
    """Yield the index of each word of the record at `at` that is a type id."""
    for column in _FIXED_IDS.get(kind, ()):
        yield at + column
    if kind in _ELEMENT_ID:
        width = TRAILERS[kind][1]
        start = at + TYPE_WORDS
        stop = start + vlen_of(words[at + 1]) * width
        yield from range(start + _ELEMENT_ID[kind], stop, width)


def _error(records: Records, where: int, type_id: int, reason: str) -> BtfFormatError:
    return BtfFormatError(records.byte_offset(where), f"type [{type_id}]: {reason}")
