"""Which records refer to some types: found in the words of the records, no types are made.

Most questions about "every member of that type" concern few of the hundred thousand types of a
kernel. To make an object of each, only to see that it has nothing to do with the matter, takes
seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import REFERENCES, TYPE_WORDS, Kind, vlen_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import TypeAlias

    from .records import Records

    Ids: TypeAlias = "set[int] | frozenset[int]"

_ELEMENT = {Kind.STRUCT: (1, 3), Kind.UNION: (1, 3), Kind.FUNC_PROTO: (1, 2), Kind.DATASEC: (0, 3)}
"""By kind, which word of an element is a type id, and the words of an element."""


def users(records: Records, kind: Kind, ids: Ids) -> Iterator[int]:
    """Yield the ids of the types of one kind that refer to any of `ids` themselves, in order."""
    if not ids:
        return
    refers = _question(records, kind, ids)
    for type_id in records.ids(kind):
        if refers(records.at(type_id)):
            yield type_id


def leading_to(records: Records, kinds: Iterable[Kind], ids: Collection[int]) -> set[int]:
    """Return the ids of all types that lead to any of `ids` through types of these kinds alone.

    `kinds` are among those that refer to one other type: pointers, arrays, qualifiers, typedefs.
    What leads there is among the result, and `ids` are.
    """
    found = set(ids)
    if not found:
        return found
    words = records.words
    from_: dict[int, list[int]] = {}
    for kind in kinds:
        column = 3 if kind == Kind.ARRAY else 2
        for type_id in records.ids(kind):
            from_.setdefault(words[records.at(type_id) + column], []).append(type_id)
    pending = list(found)
    while pending:
        for type_id in from_.get(pending.pop(), ()):
            if type_id not in found:
                found.add(type_id)
                pending.append(type_id)
    return found


def _question(records: Records, kind: Kind, ids: Ids) -> Callable[[int], bool]:
    """Return what tells whether the record at a word refers to any of `ids`."""
    words = records.words
    if kind == Kind.ARRAY:
        return lambda at: words[at + 3] in ids
    if kind not in _ELEMENT:
        return lambda at: words[at + 2] in ids
    first, width = _ELEMENT[kind]
    has_type = kind in REFERENCES  # the return type of a prototype

    def refers(at: int) -> bool:
        start = at + TYPE_WORDS
        elements = words[start + first : start + width * vlen_of(words[at + 1]) : width]
        return not ids.isdisjoint(elements) or (has_type and words[at + 2] in ids)

    return refers
