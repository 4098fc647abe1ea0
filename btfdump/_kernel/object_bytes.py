"""ObjectBytes: a typed address, and the bytes there, which are read on first use.

This is what a `Value` reads with; what leads from one Value to others is in value.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._decode.scalars import Category, ScalarLayout

if TYPE_CHECKING:
    from typing_extensions import Self

    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._decode.layout import Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import SlabObject
    from btfdump._walk import Key


class ObjectBytes:
    """An object of type `type_` at `address_`, a virtual address, and its bytes once it is read."""

    __slots__ = (
        "_context",
        "_data",
        "_facts",
        "_layout",
        "_number_",
        "_outer",
        "_stated",
        "address_",
        "bit_offset_",
        "bit_size_",
        "key_",
        "type_",
    )

    def __init__(
        self,
        context: Context,
        type_: types.Type,
        address: int,
        data: bytes | None = None,
        *,
        bit_offset: int = 0,
        bit_size: int = 0,
        facts: MemberFacts | None = None,
        outer: tuple[Any, str] | None = None,
        index: int = 0,
        key: Key = None,
        stated: Stated = (),
    ) -> None:
        self._context = context
        self._layout: Layout | None = None
        self._data = data
        self._facts = facts
        self._outer = outer
        self._number_ = index
        self._stated = stated
        self.type_ = type_
        self.address_ = address
        self.bit_offset_ = bit_offset
        self.bit_size_ = bit_size
        self.key_ = key

    @classmethod
    def _like_(cls, part: ObjectBytes) -> Self:
        """Return what is at the place of another value, to be read in the way of this class."""
        like = cls(
            part._context,
            part.type_,
            part.address_,
            bit_offset=part.bit_offset_,
            bit_size=part.bit_size_,
            facts=part._facts,
            outer=part._outer,
            index=part._number_,
            stated=part._stated,
        )
        like._layout = part._layout
        return like

    @property
    def _layout_(self) -> Layout:
        """The layout of the type."""
        if self._layout is None:
            self._layout = self._context.layouts.of(self.type_)
        return self._layout

    @property
    def _context_(self) -> Context:
        """The kernel that the value belongs to."""
        return self._context

    @property
    def size_(self) -> int:
        """The size of the object in bytes."""
        return self._layout_.size

    @property
    def facts_(self) -> MemberFacts | None:
        """What annotations state about the member that this value is, or None."""
        return self._facts

    @property
    def _stated_(self) -> Stated:
        """What outer structs and pointers state about its members (btfdump/_decode/scope.py)."""
        return self._stated

    @property
    def is_pointer_(self) -> bool:
        """Whether the type, without modifiers, is a pointer."""
        layout = self._layout_
        return isinstance(layout, ScalarLayout) and layout.category is Category.POINTER

    def bytes_(self) -> bytes:
        """Return the object's bytes, read once; raises `FaultError` if any cannot be read."""
        if self._data is None:
            self._data = self._fetch_()
        return self._data

    def _slab_object_(self) -> SlabObject | None:
        """Return the slab object that this begins in, or None if none is found."""
        slabs = self._context._slabs
        return slabs.find(self.address_) if slabs is not None else None

    def _fetch_(self) -> bytes:
        return self._context.target.read(self.address_, self._extent_())

    def _extent_(self) -> int:
        bits = self.bit_offset_ + self.bit_size_
        return (bits + 7) // 8 if self.bit_size_ else self.size_

    def _slice_(self, offset: int, size: int) -> bytes | None:
        """Return `size` bytes from byte `offset` if they have been read already, else None."""
        data = self._data
        if data is None or size <= 0 or offset < 0 or offset + size > len(data):
            return None
        return data[offset : offset + size]

    def _span_(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from byte `offset`, read if necessary; raises `FaultError`."""
        data = self._slice_(offset, size)
        if data is None:
            data = self._context.target.read(self._context.wrap(self.address_ + offset), size)
        return data
