"""Arrays whose length an annotation gives: where their elements are, how many, and their bytes.

The length is what some member says, so it may be wrong: it is cut to what the slab object has room
for, and bytes that cannot be read are read around.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.holes import describe, read_around_holes
from btfdump._decode.layout import ArrayLayout
from btfdump._kernel.expression import evaluate_length, excerpt
from btfdump._kernel.pointers import destination, target_type
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._kernel.context import Context
    from btfdump._kernel.expression import Scope
    from btfdump._kernel.typed import TypedAddress


class CountedArray(NamedTuple):
    """`length` elements of type `element`, from the virtual address `address` on.

    `stated` is the expression for the length. `cut` says why there are fewer elements than it
    gives, "" if there are not.
    """

    element: types.Type
    address: int
    length: int
    stated: str
    cut: str = ""


class Piece(NamedTuple):
    """Some elements of an array, next to each other: their type, virtual address and bytes.

    Bytes that could not be read are zero. `holes` has them as [start, end) offsets, and `missing`
    says which and why, "" if there are none.
    """

    array: types.Array
    address: int
    data: bytes
    holes: list[tuple[int, int]]
    missing: str = ""

    def has(self, offset: int, size: int) -> bool:
        """Whether all of the `size` bytes from byte `offset` on could be read."""
        return not any(start < offset + size and offset < end for start, end in self.holes)


def count(value: TypedAddress, facts: MemberFacts, scopes: Sequence[Scope]) -> CountedArray:
    """Count the elements of an array, or of the one that a pointer leads to.

    `value` is the array or the pointer, and `facts` has what is stated of it. Names in the
    expression for the length are members of `scopes`. Raises `CorruptDataError` if the length
    cannot be evaluated or makes no sense, and `FaultError` if what it depends on cannot be read, or
    if the pointer is NULL (unless there are no elements: such an array was never needed) or leads
    out of the kernel's memory.
    """
    stated, context, layout = facts.length or "0", value._context_, value._layout_
    try:
        length = evaluate_length(scopes, stated)
        element, address = element_type(value, facts), value.address_
        if not isinstance(layout, ArrayLayout):
            address = destination(value, facts)[1] if length else int(value)
        elif layout.length:
            length = min(length, layout.length)
    except FaultError as error:
        raise _named(stated, error) from error
    except (BtfdumpError, LookupError) as error:
        raise CorruptDataError(about(stated, error), value.address_) from error
    address, cut = context.wrap(address), ""
    if context._bounds is not None and length:
        size = context.layouts.of(element).size
        length, cut = context._bounds.fit(address, size, length)
    return CountedArray(element, address, length, stated, cut)


def element_type(value: TypedAddress, facts: MemberFacts) -> types.Type:
    """Return the type of the elements of an array, or of the one that a pointer leads to."""
    layout = value._layout_
    if isinstance(layout, ArrayLayout):
        return layout.base.btf.type(layout.base.type_id)
    return target_type(value, facts)


def read(context: Context, array: CountedArray, first: int, length: int) -> Piece:
    """Read `length` elements, beginning with number `first`, around what cannot be read.

    Raises `FaultError` if nothing of them can be read.
    """
    type_ = context.array(array.element, length)
    size = context.layouts.of(array.element).size
    address = context.wrap(array.address + first * size)
    try:
        return Piece(type_, address, context.target.read(address, length * size), [])
    except FaultError as error:
        try:
            data, holes = read_around_holes(context.target, address, length * size, error)
        except FaultError as nothing:
            raise _named(array.stated, nothing) from nothing
        missing = describe(error, holes)
        return Piece(type_, address, data, holes, missing)


def _named(stated: str, error: FaultError) -> FaultError:
    """Return the same error, saying of which array."""
    return FaultError(error.address, 0, about(stated, error))


def about(stated: str, what: object) -> str:
    """Say something about an array with the expression `stated` for its length."""
    return f"array of {excerpt(stated)} elements: {what}"
