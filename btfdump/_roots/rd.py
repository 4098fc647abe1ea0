"""Words of memory, each with what it points to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import decode_text
from btfdump._kernel.expression import parse_number
from btfdump._kernel.notes import Note
from btfdump._places.place import PAGE, UNKNOWN, Places
from btfdump._roots import VERBS, table_root
from btfdump._roots.addresses import address_meant
from btfdump._roots.table import Table
from btfdump._roots.task import tasks
from btfdump.errors import ExpressionError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

MAX_WORDS = 1 << 16


@table_root(argument="ADDRESS [COUNT]", registry=VERBS)
def list_words(kernel: Context, query: Query) -> Table:
    """Words of memory from an address on: value, what it points to, text."""
    if not 1 <= len(query.patterns) <= 2:
        raise ExpressionError("rd: say from where and how many, as in `rd init_task 8`")
    text, *more = query.patterns
    count = parse_number(more[0]) if more else 1
    if not 1 <= count <= MAX_WORDS:
        raise ExpressionError(f"rd: {count} words; expected 1 to {MAX_WORDS}")
    start = address_meant(kernel, text)
    query.asked.update(dict.fromkeys(query.patterns, True))
    return Table("rd", ("address", "value", "what", "text"), _rows(kernel, start, count))


def _rows(kernel: Context, start: int, count: int) -> Iterator[Row | Note]:
    size, order = kernel.layouts.pointer_size, kernel.target.platform.byteorder
    places = Places(kernel, lambda: tasks(kernel))
    lost = 0
    for number in range(count):
        at = kernel.wrap(start + number * size)
        try:
            data = kernel.target.read(at, size)
        except FaultError as error:
            lost += 1
            if lost == 1:
                yield Note(f"rd: {error}")
            continue
        value = int.from_bytes(data, order)
        printable = bytes(one if 0x20 <= one < 0x7F else 0x2E for one in data)
        yield {
            "address": f"{at:#x}",
            "value": f"{value:#0{2 + 2 * size}x}",
            "what": _what(places, value) if value >> 16 else None,
            "text": decode_text(printable),
        }
    if lost > 1:
        yield Note(f"rd: {lost} of {count} words cannot be read")


def _what(places: Places, value: int) -> str | None:
    """Return what a word points to, None if it is no address of anything that has a name."""
    place = places.of(value)
    return None if place.kind in (PAGE, UNKNOWN) else place.told
