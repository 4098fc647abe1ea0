"""Every link of a list, whatever it is a list of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._places.member_at import named_type
from btfdump._places.place import Places
from btfdump._roots import VERBS, table_root
from btfdump._roots.addresses import address_meant
from btfdump._roots.table import Table
from btfdump._roots.task import tasks
from btfdump._walk import Entry, Head, walker_of
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("number", "address", "holder", "type", "path")


@table_root(argument="HEAD", registry=VERBS)
def list_links(kernel: Context, query: Query) -> Table:
    """Every link of a struct list_head, an address or an expression, and what it is a member of."""
    if len(query.patterns) != 1:
        raise ExpressionError("list: say the head of one, as in `list init_task.tasks`")
    head = address_meant(kernel, query.patterns[0])
    query.asked[query.patterns[0]] = True
    return Table("list", _COLUMNS, _rows(kernel, head))


def _rows(kernel: Context, address: int) -> Iterator[Row | Note]:
    places = Places(kernel, lambda: tasks(kernel))
    walker = walker_of("list_head")
    assert walker is not None
    target = kernel.target
    head = Head(target, target.platform, address, 0, 0, None, kernel, target.is_live)
    for number, item in enumerate(walker.items(head)):
        if not isinstance(item, Entry):
            yield Note(getattr(item, "message", "no link"), getattr(item, "address", address))
            continue
        place = places.of(item.address)
        yield {
            "number": number,
            "address": f"{item.address:#x}",
            "holder": place.holder,
            "type": named_type(place.value._layout_) if place.value is not None else None,
            "path": place.path or None,
        }
