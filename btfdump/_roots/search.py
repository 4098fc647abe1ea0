"""Where a value is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._places.member_at import named_type
from btfdump._places.memory import PhysicalMemory
from btfdump._places.pointers import find_pointers
from btfdump._roots import VERBS, table_root
from btfdump._roots.addresses import address_meant, mapped_places
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._places.place import Places
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("address", "value", "holder", "type", "path", "stale")


@table_root(argument="VALUE", registry=VERBS)
def list_places(kernel: Context, query: Query) -> Table:
    """Where a word of memory has a value: slab object, variable, stack or page, and the member."""
    if not query.patterns:
        raise ExpressionError("search: say of what value, as in `search 0xdead4ead`")
    places = mapped_places(kernel, "search")
    wanted = [address_meant(kernel, text) for text in query.patterns]
    query.asked.update(dict.fromkeys(query.patterns, True))  # that it is nowhere is an answer
    return Table("search", _COLUMNS, _rows(kernel, places, wanted))


def _rows(kernel: Context, places: Places, wanted: list[int]) -> Iterator[Row | Note]:
    platform, direct = kernel.target.platform, places.direct
    assert direct is not None
    for value in wanted:
        memory = PhysicalMemory(kernel, direct)
        try:
            for found in find_pointers(
                memory.pieces(), value, value + 1, platform.pointer_size, platform.byteorder
            ):
                place = places.of(found.at)
                yield {
                    "address": f"{place.address:#x}",
                    "value": f"{value:#x}",
                    "holder": place.holder,
                    "type": named_type(place.value._layout_) if place.value is not None else None,
                    "path": place.path or None,
                    "stale": place.stale or None,
                }
        except BtfdumpError as error:
            yield Note(f"search: {error}")
        if memory.missing:
            yield Note(
                f"{memory.missing:,} of {memory.pages:,} pages are not in the dump, or cannot be "
                "read"
            )
    yield from (Note(problem) for problem in places.problems)
