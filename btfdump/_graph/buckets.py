"""Vacant elements of tables: of hash buckets, and of other arrays of heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.fields import is_zero
from btfdump._decode.layout import MAX_NESTING, ArrayLayout, StructLayout
from btfdump._walk import FAMILIES, Head, walker_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._decode.layout import Layout, Layouts
    from btfdump._kernel.context import Context

_LOCKS = frozenset(("spinlock", "raw_spinlock", "rwlock", "seqcount", "lockdep_map", "mutex"))
"""Structs whose content does not make a bucket worth showing: debug kernels fill them."""


def is_table(layouts: Layouts, element: Layout) -> bool:
    """Whether elements of this type may be vacant but not zero: heads, or structs with heads."""
    return isinstance(element, StructLayout) and any(
        kind for _, _, kind in _parts(layouts, element, 0, 0)
    )


def _parts(
    layouts: Layouts, layout: StructLayout, offset: int, nesting: int
) -> Iterator[tuple[int, int, str]]:
    """Yield (offset, size, head's struct or "") for the heads and locks in an element."""
    if layout.base.name in FAMILIES or layout.base.name in _LOCKS:
        yield offset, layout.size, layout.base.name if layout.base.name in FAMILIES else ""
    elif nesting <= MAX_NESTING and not isinstance(layout.base, types.Union):
        for member in layout.members:
            base = layout.base.btf.skip_modifiers(member.member.type_id)
            if isinstance(base, types.Composite):
                inner = layouts.of_member(member, layout)
                if isinstance(inner, StructLayout):
                    yield from _parts(layouts, inner, offset + member.offset, nesting + 1)


def occupied(
    context: Context, layout: ArrayLayout, data: bytes, offset: int, address: int
) -> Iterator[tuple[int, int]]:
    """Yield (index, offset into `data`) for the elements of an array that hold something.

    The array starts `offset` bytes into `data`, and at virtual address `address`. An element is
    vacant if its heads are empty and everything else in it, apart from locks, is zero.
    """
    element = layout.element
    assert isinstance(element, StructLayout)
    parts = list(_parts(context.layouts, element, 0, 0))
    size, platform = element.size, context.target.platform
    for index in range(layout.length):
        start = offset + index * size
        if is_zero(data, start, size):
            continue
        piece = bytearray(data[start : start + size])
        for at, length, kind in parts:
            walker = walker_of(kind)
            content = bytes(piece[at : at + length])
            where = context.wrap(address + index * size + at)
            if walker is None or walker.is_empty(
                Head(context.target, platform, where, data=content)
            ):
                piece[at : at + length] = bytes(length)
        if any(piece):
            yield index, start
