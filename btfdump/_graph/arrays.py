"""Arrays whose length C does not state, and tables with only a few occupied elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.fields import Field
from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._decode.scope import stated_by
from btfdump._graph.buckets import is_table, occupied
from btfdump._graph.limits import MAX_OBJECT
from btfdump._kernel.pointers import target_of
from btfdump._kernel.value_at import value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._graph.state import State
    from btfdump._kernel.expression import Scope
    from btfdump._kernel.value import Value


class ReadArray(NamedTuple):
    """An array of `length` elements: those that were read, and what could not be read."""

    value: Value
    length: int
    notes: list[str]


def read_counted(
    state: State, array: Value, facts: MemberFacts, scopes: Sequence[Scope]
) -> ReadArray:
    """Read an array, or the one that a pointer leads to, with the length that `facts` give.

    It is cut to a useful size. Names in the length expression are members of `scopes`. Bytes that
    cannot be read are zero in the result. Raises `CorruptDataError` if the length is not known, and
    `FaultError` if nothing can be read; both say of which array.
    """
    from btfdump._kernel.counted import count, read  # most objects have none

    counted = count(array, facts, scopes)
    context, length = state.context, counted.length
    element = context.layouts.of(counted.element)
    most = 4096 if element.size == 1 else state.limits.elements
    if is_table(context.layouts, element):
        most = length  # vacant elements are not shown
    elif isinstance(element, ScalarLayout) and element.category is Category.POINTER:
        most = 65536  # NULL pointers are not shown
    most = min(most, MAX_OBJECT // max(element.size, 1))
    piece = read(context, counted, 0, min(length, most))
    stated = stated_by(facts.of_target)
    value = value_at(context, piece.array, piece.address, piece.data, stated=stated)
    return ReadArray(value, length, [text for text in (counted.cut, piece.missing) if text])


def pointee_of(array: Value) -> types.Type | None:
    """Return the type that an array's pointers point to; None if it holds no pointers."""
    layout = array._layout_
    assert isinstance(layout, ArrayLayout)
    return target_of(array._context_, layout.element, None, is_followed=True)


def decode_counted(state: State, array: ReadArray, facts: MemberFacts) -> tuple[Field, list[str]]:
    """Decode an array as a field without a name; return it, and the notes about it."""
    value, length, notes = array
    layout = value._layout_
    assert isinstance(layout, ArrayLayout)
    known = facts.of_each
    if is_table(state.context.layouts, layout.element):
        if length > len(value):
            left = length - len(value)
            notes = [*notes, f"{left} of {length} elements were not looked at"]
        return decode_table(state, layout, value, 0).replace(facts=known), notes
    (field,) = state.decoder.fields(layout, value.bytes_(), stated=value._stated_)
    elided = max(field.elided, 0) + length - len(value)
    return field.replace(elided=elided, facts=known), notes


def decode_table(state: State, layout: ArrayLayout, owner: Value, offset: int) -> Field:
    """Decode the occupied elements of a table that is `offset` bytes into `owner`."""
    found, total = [], 0
    data = owner.bytes_()
    context, decoder = state.context, state.decoder
    address = context.wrap(owner.address_ + offset)
    for index, start in occupied(context, layout, data, offset, address):
        total += 1
        if total <= state.limits.elements:
            inner = decoder.fields(layout.element, data, at=start, stated=owner._stated_)
            found.append(Field(f"[{index}]", layout.element, start, inner))
    return Field("", layout, offset, found, elided=total - len(found))


def shifted(field: Field, offset: int) -> Field:
    """Return a field, and all fields inside it, moved by `offset` bytes."""
    value = field.value
    if isinstance(value, list) and value and isinstance(value[0], Field):
        value = [shifted(inner, offset) for inner in value if isinstance(inner, Field)]
    return field.replace(offset=field.offset + offset, value=value)
