"""Who: everything in memory that points into an object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._decode.layout import StructLayout
from btfdump._graph.summaries import Summaries, in_words
from btfdump._kernel.notes import Note
from btfdump._places.chains import MAX_OBJECTS, MAX_STEPS, Chains
from btfdump._places.member_at import member_at, named_type
from btfdump._places.memory import PhysicalMemory
from btfdump._places.place import PAGE, STACK, UNKNOWN, Place, Places
from btfdump._places.pointers import find_pointers
from btfdump._places.stale import stale_member
from btfdump._roots import table_root
from btfdump._roots.addresses import ADDRESS, mapped_places, number
from btfdump._roots.selecting import select
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfdump._kernel.context import Context
    from btfdump._places.chains import Link
    from btfdump._places.memory import Chunk
    from btfdump._places.pointers import Pointer
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("holder", "type", "path", "address", "how", "stale")
_WAYS = ("steps", "way")
_MOST_WAYS = 64
_LIMIT = 256
_SCALAR = 8
"""Bytes that count as the object at an address of which nothing else is known."""


@table_root(argument="ADDRESS or ROOT", filters=("paths",))
def list_holders(kernel: Context, query: Query) -> Table:
    """Everything that points into an object: slab object, task, stack, variable, and the member."""
    if not query.patterns:
        raise ExpressionError("who: say of what, as in `who 0xffff888003c5e900` or `who 'task(1)'`")
    places = mapped_places(kernel, "who")
    wanted = [_wanted(kernel, places, text) for text in query.patterns]
    for text in query.patterns:
        query.asked[text] = True  # that nothing points to it is an answer
    if "paths" in query.filters:
        remark = f"ways to {', '.join(place.holder for place in wanted)}, the shortest first"
        return Table("who", _WAYS, _ways(kernel, places, wanted), remark)
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
        start, end = _extent(place)
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
        yield from _missing(memory)
    yield from (Note(problem) for problem in places.problems)


def _extent(place: Place) -> tuple[int, int]:
    """Return [start, end) of what counts as the object."""
    if place.kind in (PAGE, UNKNOWN):
        return place.address, place.address + _SCALAR
    return place.start, place.end


def _missing(memory: PhysicalMemory) -> Iterator[Note]:
    if memory.missing:
        yield Note(
            f"{memory.missing:,} of {memory.pages:,} pages are not in the dump, or cannot be "
            "read: what points from there is not known"
        )


def _ways(kernel: Context, places: Places, wanted: list[Place]) -> Iterator[Row | Note]:
    """Yield the ways that lead to each object, from its root on."""
    platform = kernel.target.platform
    direct = places.direct
    assert direct is not None
    summaries = Summaries(kernel, _LIMIT)
    for place in wanted:
        memory = PhysicalMemory(kernel, direct)

        def pieces(memory: PhysicalMemory = memory) -> Iterator[Chunk]:
            memory.pages = memory.missing = 0  # counted anew by each pass
            return memory.pieces()

        chains = Chains(places.of, pieces, platform.pointer_size, platform.byteorder)
        try:
            for number, chain in enumerate(chains.to(*_extent(place))):
                if number == _MOST_WAYS:
                    yield Note(f"there are more than {_MOST_WAYS} ways: others are not looked for")
                    break
                yield _way(chain, [_told(summaries, link.holder) for link in chain], place)
        except BtfdumpError as error:
            yield Note(f"who: {error}")
        if chains.unfollowed:
            yield Note(
                f"of {chains.unfollowed:,} objects on further ways it was not looked for who holds "
                f"them: a way has at most {MAX_STEPS} steps, and a step {MAX_OBJECTS:,} objects"
            )
        yield from _missing(memory)
    yield from (Note(problem) for problem in places.problems)


def _way(chain: list[Link], told: list[str], wanted: Place) -> Row:
    steps = [
        {
            "holder": words,
            "type": named_type(holder.value._layout_) if holder.value is not None else None,
            "path": holder.path or None,
            "address": f"{pointer.at:#x}",
            "object": f"{holder.start:#x}",
        }
        for (holder, pointer), words in zip(chain, told, strict=True)
    ]
    said = [_step(words, link.holder) for words, link in zip(told, chain, strict=True)]
    return {
        "steps": len(chain),
        "from": told[0],
        "way": " -> ".join([*said, wanted.holder]),
        "links": steps,
        "to": f"{wanted.start:#x}",
    }


def _step(told: str, holder: Place) -> str:
    """Return one step in words: `slab task_struct "init" pid 1 .files`, `slab_caches.next`."""
    if not holder.path:
        return told
    is_member = not holder.path.startswith(("+", "["))
    gap = " " if " " in told else ""
    return f"{told}{gap}{'.' if is_member else ''}{holder.path}"


def _row(
    kernel: Context,
    places: Places,
    summaries: Summaries,
    wanted: Place,
    start: int,
    pointer: Pointer,
) -> Row:
    holder = places.of(pointer.at)
    told = _told(summaries, holder)
    type_ = named_type(holder.value._layout_) if holder.value is not None else None
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


def _told(summaries: Summaries, holder: Place) -> str:
    """Return what holds a pointer, with what tells it from others of its type."""
    words = ""
    if holder.value is not None and holder.is_sure:
        words = in_words(summaries.of(holder.value))
    return f"{holder.holder} {words}" if words else holder.holder


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
