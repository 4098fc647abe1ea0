"""The structs of real kernels by their shape: all that compiled code depends on, but names.

Two thirds of the structs of a kernel are made of the same things in the same places as another.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import Btf, types
from btfdump._decode.layout import ArrayLayout, Layouts, StructLayout
from btfdump.errors import BtfFormatError
from tests.support.case_files import KERNELS, read_btf

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout

    Shape: TypeAlias = tuple[object, ...]


@cache
def one_of_each_shape() -> dict[str, list[types.Composite]]:
    """Return structs and unions of KERNELS, by the kernel: the first of each shape.

    Those that are corrupt on purpose are all among them.
    """
    found: dict[str, list[types.Composite]] = {}
    known: set[Shape] = set()
    for kernel in KERNELS:
        shapes = _Shapes()
        found[kernel] = few = []
        for type_ in Btf.from_bytes(read_btf(kernel), check=False).composites():
            shape = shapes.of(type_)
            if shape not in known:
                known.add(shape)
                few.append(type_)
        assert len(few) > 1000
    return found


class _Shapes:
    """Finds the shapes of structs, each as nested tuples."""

    def __init__(self) -> None:
        self._layouts = Layouts("little", 8)
        self._known: dict[int, Shape] = {}

    def of(self, type_: types.Composite) -> Shape:
        try:
            return self._shape(self._layouts.of(type_), 0)
        except BtfFormatError:  # corrupt on purpose
            return "corrupt", type_

    def _shape(self, layout: Layout, depth: int) -> Shape:
        known = self._known.get(id(layout))
        if known is None:
            known = self._known[id(layout)] = self._made(layout, depth)
        return known

    def _made(self, layout: Layout, depth: int) -> Shape:
        if depth > 64:
            raise BtfFormatError(0, "it contains itself")
        if isinstance(layout, ArrayLayout):
            element = self._shape(layout.element, depth + 1)
            return "array", layout.length, layout.declared, layout.is_text, element
        if not isinstance(layout, StructLayout):
            return layout.category, layout.size, layout.is_signed, layout.is_whole, layout.code
        members = (
            (
                member.offset,
                member.bit_offset,
                member.bit_size,
                bool(member.name),
                self._shape(self._layouts.of_member(member, layout), depth + 1),
            )
            for member in layout.members
        )
        return layout.base.kind, layout.size, bool(layout.base.name), *members
