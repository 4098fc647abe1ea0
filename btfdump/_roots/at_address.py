"""A bare address as a root: what lies there is found out, and shown by its type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._kernel.expression import Path, is_more_than_path
from btfdump._kernel.value_at import value_at
from btfdump._places.place import PAGE, UNKNOWN, Places
from btfdump._roots import Selected
from btfdump._roots.addresses import ADDRESS, number
from btfdump._roots.task import tasks
from btfdump.errors import ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._places.place import Place

_WORDS = 32
"""The most words that are shown of what has no known type."""


def lies_at(kernel: Context, text: str) -> Iterator[Selected]:
    """Yield the object around an address, or what steps lead to from there.

    `text` begins with an `ADDRESS`. Raises `ObjectNotFoundError` if nothing is known to lie there,
    and what `Path.follow()` raises.
    """
    match = re.match(ADDRESS, text)
    assert match is not None
    rest = text[match.end() :]
    address = number(match[0])
    place = Places(kernel, lambda: tasks(kernel)).of(address)
    if place.kind == UNKNOWN:
        raise ObjectNotFoundError(
            f"{address:#x}: no kernel memory is known to be there; an address of the user's has a "
            "type: say 'TYPE' ADDRESS for memory that is to be taken for one"
        )
    value = place.value
    if value is None or place.kind == PAGE:
        words = max(1, min(_WORDS, (place.end - place.start) // kernel.layouts.pointer_size))
        first = place.start if place.start else address
        if place.kind == PAGE:  # what is on a page is not said by where the page begins
            first = address & -kernel.layouts.pointer_size
        value = value_at(kernel, kernel.type(f"unsigned long[{words}]"), first)
    if is_more_than_path(rest):
        from btfdump._roots.expressions import evaluated_from

        yield from evaluated_from(kernel, value, match[0], rest, _doubt(place))
        return
    path = Path.parse(rest, where=match[0])
    name = f"{match[0]} ({place.told}){path.text}"
    yield Selected(path.follow(value), name, doubt=_doubt(place))


def _doubt(place: Place) -> str:
    if place.stale:
        return f"what was there counts no more: {place.stale}"
    if not place.is_sure:
        return "of this type or another: the kernel has merged slab caches of objects of that size"
    return ""
