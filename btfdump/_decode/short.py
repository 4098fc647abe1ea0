"""Objects that are allocated shorter than their type: layouts of what there is of them.

The kernel leaves out the elements at the end that it does not use: `kmem_cache.node[]` for nodes
that the machine does not have, `cpumask.bits[]` for its CPUs, the registers at the end of a
`task_struct` that its CPUs lack. Such a type ends in an array, perhaps some structs or unions deep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import MAX_NESTING, ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, Layouts


_MOST_MEMBERS = 1 << 16
"""Members gone through for one kernel: a few thousand, unless types lie in others everywhere."""


class ShortLayouts:
    """The layouts of short objects of one kernel.

    Whatever was found for a type is kept, so that a union of unions of unions costs no more than
    the types that it is made of.
    """

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._tails: dict[Layout, int | None] = {}
        self._short: dict[tuple[Layout, int], Layout | None] = {}
        self._left = _MOST_MEMBERS

    def tail(self, layout: Layout, nesting: int = 0) -> int | None:
        """Return the offset in bytes from which on an object may lack elements, None for nowhere.

        That is where the array of several elements begins that the type ends in. Raises
        `BtfFormatError` if the type is malformed.
        """
        if isinstance(layout, ArrayLayout):
            return 0 if layout.length > 1 else None
        if isinstance(layout, ScalarLayout) or nesting > MAX_NESTING:
            return None
        if layout not in self._tails:
            self._tails[layout] = None  # for a malformed type, which contains itself
            self._tails[layout] = self._tail_of_struct(layout, nesting)
        return self._tails[layout]

    def _tail_of_struct(self, layout: StructLayout, nesting: int) -> int | None:
        start = max((member.offset for member in layout.members), default=0)
        tails = (
            self.tail(self._layouts.of_member(member, layout), nesting + 1)
            for member in layout.members
            if member.offset == start and not member.bit_size
        )
        return min((start + tail for tail in tails if tail is not None), default=None)

    def of(self, layout: Layout, room: int, nesting: int = 0) -> Layout | None:
        """Return the layout of an object that has only `room` bytes.

        It has fewer elements in the arrays at its end. Returns None if more than elements would be
        missing; raises `BtfFormatError` if the type is malformed.
        """
        if layout.size <= max(room, 0):
            return layout
        if isinstance(layout, ArrayLayout):
            return self._short_array(layout, room)
        if isinstance(layout, ScalarLayout) or nesting > MAX_NESTING or room <= 0:
            return None
        key = layout, room
        if key not in self._short:
            self._short[key] = None
            self._short[key] = self._short_struct(layout, room, nesting)
        return self._short[key]

    def _short_struct(self, layout: StructLayout, room: int, nesting: int) -> StructLayout | None:
        self._left -= len(layout.members)
        if self._left < 0:
            return None
        found = StructLayout(self._layouts, layout.type, layout.base, room)
        found.meaning = layout.meaning
        for member, short in zip(layout.members, found.members, strict=True):
            if member.bit_size:
                if member.bit_offset + member.bit_size > room * 8:
                    return None
                continue
            inner = self._layouts.of_member(member, layout)
            short._resolved = self.of(inner, room - member.offset, nesting + 1)
            if short._resolved is None:
                return None
        return found

    def _short_array(self, layout: ArrayLayout, room: int) -> Layout:
        element = layout.element
        length = max(room, 0) // element.size
        declared = layout.declared or layout.length
        base = types.ShortArray(
            element.type.btf, 0, "", element.type.id, layout.base.index_type_id, length, declared
        )
        return self._layouts.of(base)
