"""Functions and their prototypes straight from the words of the records, no types are made.

A kernel has fifty thousand functions, and who lists them wants their names and what they take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfFormatError

from .check import check_record
from .wire import TYPE_WORDS, Kind, vlen_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .check import Checked
    from .records import Records


def functions(btf: Checked, records: Records) -> Iterator[tuple[str, int]]:
    """Yield the name of each function and the id of its prototype, by id.

    Raises `BtfFormatError` at a malformed record.
    """
    words, strings = records.words, btf.strings
    ids = list(records.ids(Kind.FUNC))
    starts = [records.at(type_id) for type_id in ids]
    offsets = [words[at] for at in starts]
    protos = [words[at + 2] for at in starts]
    if _are_good(btf, records, offsets, protos):
        yield from zip(strings.many(offsets), protos, strict=True)
        return
    for type_id, offset, proto_id in zip(ids, offsets, protos, strict=True):
        check_record(btf, records, type_id)
        yield strings[offset], proto_id


def _are_good(btf: Checked, records: Records, offsets: list[int], protos: list[int]) -> bool:
    """Whether all of the names exist, and all of the prototypes are some."""
    if max(offsets, default=0) >= btf.strings.end or max(protos, default=0) >= len(btf):
        return False
    others = set(protos).difference(records.ids(Kind.FUNC_PROTO))
    return all(btf.kind(proto_id) == Kind.FUNC_PROTO for proto_id in others)


def signature(btf: Checked, records: Records, proto_id: int) -> tuple[int, list[tuple[str, int]]]:
    """Return what a prototype takes and returns: see `Btf.signature()`."""
    words, strings = records.words, btf.strings
    at = records.at(proto_id)
    start = at + TYPE_WORDS
    end = start + 2 * vlen_of(words[at + 1])
    returned, type_ids = words[at + 2], words[start + 1 : end : 2]
    limit = len(btf)
    try:
        if returned >= limit or (type_ids and max(type_ids) >= limit):
            raise IndexError
        names = [strings[offset] for offset in words[start:end:2]]
    except IndexError:
        check_record(btf, records, proto_id)  # which says what is wrong
        raise BtfFormatError(records.byte_offset(at), f"type [{proto_id}]: malformed") from None
    return returned, list(zip(names, type_ids, strict=True))
