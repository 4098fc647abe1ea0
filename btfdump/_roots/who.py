"""Who: everything in memory that points into an object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._decode.layout import StructLayout
from btfdump._graph.summaries import Summaries, in_words
from btfdump._kernel.notes import Note
from btfdump._places.member_at import member_at, named_type
from btfdump._places.memory import PhysicalMemory
from btfdump._places.place import PAGE, STACK, UNKNOWN, Place, Places
from btfdump._places.pointers import find_pointers
from btfdump._places.stale import stale_member
from btfdump._roots import table_root
from btfdump._roots.at_address import ADDRESS, number
from btfdump._roots.selecting import select
from btfdump._roots.table import Table
from btfdump._roots.task import tasks
from btfdump.errors import BtfdumpError, ExpressionError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfdump._kernel.context import Context
    from btfdump._places.pointers import Pointer
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("holder", "type", "path", "address", "how", "stale")
_LIMIT = 256
_SCALAR = 8
"""Bytes that count as the object at an address of which nothing else is known."""


@table_root(argument="ADDRESS or ROOT")
def list_holders(kernel: Context, query: Query) -> Table:
    """Everything that points into an object: slab object, task, stack, variable, and the member."""
    if not query.patterns:
        raise ExpressionError("who: say of what, as in `who 0xffff888003c5e900` or `who 'task(1)'`")
    places = Places(kernel, lambda: tasks(kernel))
    if places.direct is None:
        raise MissingDataError(
            f"who: where all memory is mapped is not known on {kernel.target.platform.machine}",
            "it is on x86-64, arm64 (since Linux 5.19) and s390x",
        )
    wanted = [_wanted(kernel, places, text) for text in query.patterns]
    for text in query.patterns:
        query.asked[text] = True  # that nothing points to it is an answer
    return Table("who", _COLUMNS, _rows(kernel, places, wanted), _remark(wanted))


def _wanted(kernel: Context, places: Places, text: str) -> Place:
    """Return the object that a user means: what is at an address, or what a root stands for."""
    if re.fullmatch(ADDRESS, text):
        return places.of(number(text))
    found = [selected.value for selected in select(kernel, text)]
    if len(found) != 1:
        raise ExpressionError(f"who: {text} is {len(found)} objects; say which, as in task(1)")
    value = found[0].deref_() if found[0].is_pointer_ else found[0]
    size = max(value._layout_.size, 1)
    return Place("", text, value.address_, value.address_, value.address_ + size, "", value)


def _remark(wanted: list[Place]) -> str:
    told = (f"{place.start:#x} to {place.end - 1:#x}" for place in wanted)
    return f"everything that points to {', '.join(told)}"


def _rows(kernel: Context, places: Places, wanted: list[Place]) -> Iterator[Row | Note]:
    platform = kernel.target.platform
    direct = places.direct
    assert direct is not None
    summaries = Summaries(kernel, _LIMIT)
    for place in wanted:
        start, end = place.start, place.end
        if place.kind in (PAGE, UNKNOWN):
            start, end = place.address, place.address + _SCALAR
        memory = PhysicalMemory(kernel, direct)
        late: list[Row] = []  # what matters least
        try:
            found = find_pointers(
                memory.pieces(), start, end, platform.pointer_size, platform.byteorder
            )
            for pointer in found:
                row = _row(kernel, places, summaries, place, start, pointer)
                if row["stale"] or row["is_itself"]:
                    late.append(row)
                else:
                    yield row
        except BtfdumpError as error:
            yield Note(f"who: {error}")
        yield from sorted(late, key=lambda row: bool(row["is_itself"]))
        if memory.missing:
            yield Note(
                f"{memory.missing:,} of {memory.pages:,} pages are not in the dump, or cannot be "
                "read: what points from there is not known"
            )
    yield from (Note(problem) for problem in places.problems)


def _row(
    kernel: Context,
    places: Places,
    summaries: Summaries,
    wanted: Place,
    start: int,
    pointer: Pointer,
) -> Row:
    holder = places.of(pointer.at)
    told, type_ = holder.holder, None
    if holder.value is not None:
        type_ = named_type(holder.value._layout_)
        words = in_words(summaries.of(holder.value)) if holder.is_sure else ""
        if words:
            told = f"{told} {words}"
    is_itself = wanted.start <= holder.address < wanted.end
    if is_itself:
        told = f"itself, {told}"
    stale = holder.stale
    if not stale and not is_itself and holder.value is not None and holder.kind != STACK:
        stale = stale_member(holder.value, holder.path)
    return {
        "holder": told,
        "type": type_,
        "path": holder.path or None,
        "address": f"{holder.address:#x}",
        "how": _how(kernel, wanted, pointer.value, start),
        "stale": stale or None,
        "kind": holder.kind,
        "is_itself": is_itself,
        "object": f"{holder.start:#x}",
        "value": f"{pointer.value:#x}",
    }


def _how(kernel: Context, wanted: Place, value: int, start: int) -> str:
    """Return which part of the object a pointer leads to: "" for its start."""
    inside = value - start
    if not inside:
        return "start"
    if inside < _SCALAR and not start % _SCALAR:  # locks and trees keep flags there
        return f"start, low bits {inside:#x}"
    layout: Any = wanted.value._layout_ if wanted.value is not None else None
    if not isinstance(layout, StructLayout):
        return f"+{inside:#x}"
    return f".{member_at(kernel.layouts, layout, inside).text}"
