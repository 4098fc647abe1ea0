"""Bounds: how much of an object the slab object has room for that it lies in.

What lies past that is its neighbours' memory. Types that end in an array are often allocated
without all of its elements (decode/short.py); any other type that does not fit is not what is
there. To look up the slab object costs two reads for a page of memory that is new, so it is only
done for types that end in an array, and where somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.short import ends_in_array, shortened

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import SlabObject, Slabs
    from btfdump._kernel.value import Value


class Bounded(NamedTuple):
    """What there is of an object: of `value`, the first `room` bytes; `text` says why not more.

    If only elements of a last array are missing, `value` itself is without them, and `text` is "".
    """

    value: Value
    room: int
    text: str = ""


class Bounds:
    """Bounds the objects of one kernel by their slab objects."""

    def __init__(self, context: Context, slabs: Slabs) -> None:
        self._context = context
        self._slabs = slabs
        self._is_open: dict[Layout, bool] = {}
        self._short: dict[tuple[Layout, int], Layout | None] = {}

    def of(self, value: Value) -> Bounded | None:
        """Return what there is of an object whose type ends in an array; None for all of it.

        Raises `BtfFormatError` if its type is malformed.
        """
        layout = value._layout_
        is_open = self._is_open.get(layout)
        if is_open is None:
            is_open = self._is_open[layout] = ends_in_array(self._context.layouts, layout)
        return self.of_any(value) if is_open else None

    def of_any(self, value: Value) -> Bounded | None:
        """Return what there is of an object of whatever type; None for all of it.

        Raises `BtfFormatError` if its type is malformed.
        """
        found = self._slabs.find(value.address_)
        if found is None or value.bit_size_:
            return None
        layout, room = value._layout_, found.end - value.address_
        if layout.size <= room:
            return None
        key = layout, room
        if key not in self._short:
            self._short[key] = shortened(self._context.layouts, layout, room)
        short = self._short[key]
        if short is not None:
            return Bounded(value._shortened_(short), room)
        return Bounded(value, max(room, 0), _past(value, room, found))

    def fit(self, address: int, size: int, length: int) -> tuple[int, str]:
        """Return how many of `length` elements at a virtual address there are, and why not more.

        An element has `size` bytes. The text is "" if all are there.
        """
        found = self._slabs.find(address)
        if found is None or size <= 0 or length * size <= found.end - address:
            return length, ""
        room = max(0, found.end - address)
        return room // size, (
            f"{length} elements of {size} bytes do not fit: {_of(found)} has room for "
            f"{room // size}, the rest is not shown"
        )


def _past(value: Value, room: int, found: SlabObject) -> str:
    has = f"has {max(room, 0)} bytes from here on"
    return (
        f"{value.type_} has {value._layout_.size} bytes, but {_of(found)} {has}: what lies past "
        "it is not shown"
    )


def _of(found: SlabObject) -> str:
    return f"the object of slab {found.cache.name} ({found.cache.object_size} bytes)"
