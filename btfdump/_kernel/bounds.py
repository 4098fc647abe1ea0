"""Bounds: how much of an object fits into the slab object that contains it.

Memory beyond the slab object belongs to its neighbours. A type that ends in an array is often
allocated without all of the array's elements (decode/short.py). If any other type does not fit,
the object at that address is of another type. Looking up the slab object costs two reads for each
page that has not been seen before, so it is done only for types that end in an array, and on
request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.short import ShortLayouts
from btfdump.errors import BtfFormatError, FaultError

if TYPE_CHECKING:
    from btfdump._decode.layout import StructLayout
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import SlabObject, Slabs
    from btfdump._kernel.value import Value


_NOT_SHOWN = ": what lies past it is not shown"


class Bounded(NamedTuple):
    """What there is of an object: of `value`, the first `room` bytes; `text` says why not more.

    If only elements of a last array are missing, `value` itself is without them, and `text` is "".
    """

    value: Value
    room: int
    text: str = ""

    @property
    def reason(self) -> str:
        """The text without what it says of the output: for those who show all, or nothing."""
        return self.text.removesuffix(_NOT_SHOWN)


class Bounds:
    """Bounds the objects of one kernel by their slab objects."""

    def __init__(self, context: Context, slabs: Slabs) -> None:
        self._slabs = slabs
        self._layouts = context.layouts
        self._short = ShortLayouts(context.layouts)

    def of(self, value: Value) -> Bounded | None:
        """Return what there is of an object whose type ends in an array; None for all of it.

        Raises `BtfFormatError` if its type is malformed.
        """
        return self.of_any(value) if self._short.tail(value._layout_) is not None else None

    def of_any(self, value: Value) -> Bounded | None:
        """Return the part of an object that its slab object contains; None if all of it does.

        The type may be any. A member or an array element is cut where the whole object ends. Raises
        `BtfFormatError` if its type is malformed.
        """
        found = whole_of(value)._slab_object_()
        return None if found is None else self.within(value, found)

    def within(self, value: Value, found: SlabObject) -> Bounded | None:
        """Return the part of an object that a slab object contains; None if all of it does.

        Raises `BtfFormatError` if its type is malformed.
        """
        if value.bit_size_:
            return None
        layout, room = value._layout_, found.end - value.address_
        if layout.size <= room:
            return None
        whole = whole_of(value)
        short = self._short.of(layout, room)
        if short is not None and (
            whole is value or self._short.of(whole._layout_, found.end - whole.address_) is not None
        ):
            return Bounded(value._shortened_(short), room)
        return Bounded(value, max(room, 0), f"{_past(value, room, found)}{_NOT_SHOWN}")

    def array(self, part: Value) -> Value:
        """Return a member that is an array, without elements that its object was allocated without.

        Raises `BtfFormatError` if the object's type is malformed.
        """
        whole = whole_of(part)
        tail = self._short.tail(whole._layout_)
        if tail is None or part.address_ + part.size_ <= whole.address_ + tail:
            return part
        found = self.of_any(part)
        return part if found is None else found.value

    def may_lack(self, element: StructLayout, path: str) -> bool:
        """Whether some of what is at a dotted path may be missing in objects of a type."""
        tail = self._short.tail(element)
        if tail is None:
            return False
        member = self._layouts.locate(element, path)
        return member.bit_offset // 8 + member.layout.size > tail

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


def overrun(value: Value) -> str:
    """Return how an object does not fit into its slab object, "" if it does.

    This is for those who show all of it nevertheless, as `bpf_snprintf_btf()` does.
    """
    bounds = value._context_._bounds
    try:
        bounded = bounds.of_any(value) if bounds is not None else None
    except BtfFormatError:  # reported when it is decoded
        return ""
    if bounded is None or not bounded.text:
        return ""
    return f"{bounded.reason}: what lies past it is printed, too"


def missing(value: Value, found: SlabObject) -> FaultError | None:
    """Return the error for reading a value that a slab object has no room for; None if it has."""
    room, needed = max(found.end - value.address_, 0), value._extent_()
    if needed <= room:
        return None
    return FaultError(value.address_ + room, needed - room, _past(value, room, found))


def whole_of(value: Value) -> Value:
    """Return the outermost object that a value is known to be a part of, or the value itself."""
    while value._outer_ is not None:
        value = value._outer_[0]
    return value


def _past(value: Value, room: int, found: SlabObject) -> str:
    if value.bit_size_:
        what = f"{value.type_}:{value.bit_size_} has {value._extent_()} bytes"
    else:
        what = f"{value.type_} has {value._layout_.size} bytes"
    return f"{what}, but {_of(found)} has {max(room, 0)} bytes from here on"


def _of(found: SlabObject) -> str:
    return f"the object of slab {found.cache.name} ({found.cache.object_size} bytes)"
