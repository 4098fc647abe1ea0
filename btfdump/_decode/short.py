"""Objects that are allocated shorter than their type: layouts of what there is of them.

The kernel leaves out the elements at the end that it does not use: `kmem_cache.node[]` for nodes
that the machine does not have, `cpumask.bits[]` for its CPUs, the registers at the end of a
`task_struct` that its CPUs lack. Such a type ends in an array, perhaps some structs or unions deep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import MAX_NESTING, ArrayLayout, ScalarLayout, StructLayout

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, Layouts


def ends_in_array(layouts: Layouts, layout: Layout, nesting: int = 0) -> bool:
    """Whether a type ends in an array of several elements, so that an object may have fewer.

    Raises `BtfFormatError` if the type is malformed.
    """
    if isinstance(layout, ArrayLayout):
        return layout.length > 1
    if isinstance(layout, ScalarLayout) or nesting > MAX_NESTING:
        return False
    start = max((member.offset for member in layout.members), default=0)
    return any(
        ends_in_array(layouts, layouts.of_member(member, layout), nesting + 1)
        for member in layout.members
        if member.offset == start and not member.bit_size
    )


def shortened(layouts: Layouts, layout: Layout, room: int, nesting: int = 0) -> Layout | None:
    """Return the layout of an object that has only `room` bytes.

    It has fewer elements in the arrays at its end. Returns None if more than elements would be
    missing; raises `BtfFormatError` if the type is malformed.
    """
    if layout.size <= max(room, 0):
        return layout
    if isinstance(layout, ArrayLayout):
        return _short_array(layouts, layout, room)
    if isinstance(layout, ScalarLayout) or nesting > MAX_NESTING or room <= 0:
        return None
    found = StructLayout(layouts, layout.type, layout.base, room)
    for member, short in zip(layout.members, found.members, strict=True):
        if member.bit_size:
            if member.bit_offset + member.bit_size > room * 8:
                return None
            continue
        inner = layouts.of_member(member, layout)
        short._resolved = shortened(layouts, inner, room - member.offset, nesting + 1)
        if short._resolved is None:
            return None
    return found


def _short_array(layouts: Layouts, layout: ArrayLayout, room: int) -> Layout:
    element = layout.element
    length = max(room, 0) // element.size
    declared = layout.declared or layout.length
    base = types.ShortArray(
        element.type.btf, 0, "", element.type.id, layout.base.index_type_id, length, declared
    )
    return layouts.of(base)
