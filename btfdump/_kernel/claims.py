"""Claims: whether the object at an address may be of the type that somebody asks for.

A slab cache tells a little of what it holds. One that is named after a struct holds that; of others
annotations know what they hold (`filp`: struct file). What
kmalloc() returns is of the smallest cache that fits: a struct, or an array of one, of the right
size. The type that was asked for may be that struct, or a member of it at the right place.

Whatever its type, a slab object that was freed is nobody's.

A variable has as many bytes as the symbol table says, or at most those up to the next symbol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.bounds import missing, whole_of
from btfdump._kernel.value import Value
from btfdump._targets.memory import symbol_room
from btfdump._targets.symbols import is_decorated, padding_before
from btfdump.errors import BtfdumpError, BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import Expansion
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import Cache, SlabObject, Slabs

_MAX_STEPS = 1 << 12
"""The most members of one struct that are looked into."""


class _InSlab(Value):
    """An object, or a part of one, that may be larger than the slab object it begins in.

    What is past that is another object's, and reading it raises `FaultError`. Parts that lie within
    are plain values: they cost no more than those of any other object.
    """

    __slots__ = ()

    def _fetch_(self) -> bytes:
        found = self._slab_object_()
        lacks = missing(self, found) if found is not None else None
        if found is None or lacks is None:
            return super()._fetch_()
        bounds = self._context._bounds
        bounded = bounds.within(self, found) if bounds is not None else None
        if bounded is None or bounded.text:
            raise lacks
        short: bytes = bounded.value.bytes_()
        return short

    def _part(self, type_: types.Type, offset: int, size: int, **known: Any) -> Value:
        part, found = super()._part(type_, offset, size, **known), self._slab_object_()
        if found is None or offset + size <= found.end - self.address_:
            return part
        overrun = _Overrun._like_(part)
        overrun._found_ = found
        return overrun

    def _holder_(self, expansion: Expansion | None) -> Value:
        found = self._slab_object_()
        lacks = missing(self, found) if found is not None else None
        if lacks is not None and expansion is not None:  # an array has what elements there are
            raise lacks
        return super()._holder_(expansion)


class _Overrun(_InSlab):
    """A part of an object that does not lie within the object's slab object."""

    __slots__ = ("_found_",)

    _found_: SlabObject

    def _slab_object_(self) -> SlabObject | None:
        return self._found_


class Claimed(_InSlab):
    """An object whose type is what a user says: nothing else led there."""

    __slots__ = ("_found_", "_is_found_")

    _is_claimed_ = True

    def __init__(self, context: Context, type_: types.Type, address: int) -> None:
        super().__init__(context, type_, address)
        self._found_: SlabObject | None = None
        self._is_found_ = False

    def _slab_object_(self) -> SlabObject | None:
        if not self._is_found_:
            self._found_ = super()._slab_object_()
            self._is_found_ = True
        return self._found_


def doubt_about(value: Value) -> str:
    """Return `doubt()` about the claim that led to a value, or to what it is a member of, if any.

    Returns "" for what was reached in another way.
    """
    whole = whole_of(value)
    return doubt(whole) if whole._is_claimed_ else ""


def doubt(value: Value) -> str:
    """Return why what a user asked for is hardly what is there; "" if it may be.

    Who says that there is a pointer to a struct says that there is a struct behind it, too.
    """
    said = _doubt_in_place(value)
    if said or value.bit_size_ or not value.is_pointer_:
        return said
    try:
        target = value.deref_()
        layout = target._layout_
    except BtfdumpError:  # NULL, or what cannot be followed
        return ""
    said = _doubt_in_place(target) if isinstance(layout, StructLayout) else ""
    return f"what it points to is {said}" if said else ""


def _doubt_in_place(value: Value) -> str:
    """Return why there can hardly be an object of this type, or any at all, at this address."""
    return misfit(value) or _freed(value)


def _freed(value: Value) -> str:
    """Return that the slab object at an address is free, "" if it is not, or not known to be."""
    freelists = value._context_._freelists
    state = freelists.state(value.address_) if freelists is not None else None
    if state is None or not state.is_free:
        return ""
    return f"no longer in use: slab {state.found.cache.name} has it {state.reason}"


def misfit(value: Value) -> str:
    """Return why there can hardly be an object of this type at this address.

    btfdump/_kernel/bounds.py deals with objects that do not fit into their slab object, except for
    types that are sometimes allocated shorter than they are declared: those are judged here.
    """
    context = value._context_
    slabs, layout = context._slabs, value._layout_
    if not layout.size or value.bit_size_ or not value.address_:  # what was computed lies nowhere
        return ""
    found = slabs.find(value.address_) if slabs is not None else None
    if found is None:
        return _against_symbol(context, value.address_, layout)
    if slabs is None or not isinstance(layout, StructLayout) or not layout.base.name:
        return ""
    cache, inside = found.cache, value.address_ - found.start
    try:
        if value.address_ + layout.size > found.end and not (
            cache.is_exact and _may_be_short(value)
        ):
            return ""
        if cache.is_exact:
            return _against_name(context, cache, inside, layout)
        if cache.is_kmalloc:
            return _against_size(context, slabs, cache, inside, layout)
    except BtfFormatError:  # a struct that cannot be read might be the right one
        return ""
    return ""


def _may_be_short(value: Value) -> bool:
    bounds = value._context_._bounds
    bounded = bounds.of(value) if bounds is not None else None
    return bounded is not None and not bounded.text


def _against_name(context: Context, cache: Cache, inside: int, wanted: StructLayout) -> str:
    """Compare with the struct that the cache is named after, or is known to hold, if any."""
    owners = named_after(context, cache)
    if not owners or any(_holds(context, owner, inside, wanted) for owner in owners):
        return ""
    if any(inside >= owner.size for owner in owners):
        return ""  # nothing describes what follows: a struct fpu behind a task_struct (x86, 6.16)
    return (
        f"hardly {_one(wanted)}: slab {cache.name} holds objects of {owners[0].type}, which has "
        f"none at offset {inside}"
    )


def named_after(context: Context, cache: Cache) -> list[StructLayout]:
    """Return the structs that a slab cache may hold, by its name and by what annotations know.

    Caches that were merged have the name of the first: only that of an exact one tells. Raises
    `BtfFormatError` for a struct that cannot be read.
    """
    stem = cache.name.removesuffix("_cache")
    known = [
        name for overlay in context.annotations.sources() for name in overlay.slab_cache(cache.name)
    ]
    names = dict.fromkeys((*known, cache.name, stem, f"{stem}_struct"))
    found = [
        context.layouts.of(struct)
        for name in names
        for struct in context.btf.find_all("struct", name)
    ]
    return [layout for layout in found if isinstance(layout, StructLayout)]


def _against_size(
    context: Context, slabs: Slabs, cache: Cache, inside: int, wanted: StructLayout
) -> str:
    """Compare with what kmalloc() takes this cache for."""
    least, most = slabs.smallest(cache), cache.object_size
    # BPF's allocator keeps a link in front of each object (kernel/bpf/memalloc.c, LLIST_NODE_SZ).
    if inside == context.layouts.pointer_size and least <= wanted.size + inside <= most:
        return ""
    for layout in (wanted, *_structs(context, wanted.size, most)):
        # One object, an array of them, or one with any number of elements at its end.
        is_right_size = most // layout.size * layout.size >= least
        at = inside % layout.size if is_right_size else inside
        if (is_right_size or _is_flexible(context, layout)) and _holds(context, layout, at, wanted):
            return ""
    return (
        f"hardly {_one(wanted)}: slab {cache.name} holds objects of {least} to {most} bytes, and "
        f"no struct of that size has one at offset {inside}; by itself it has {wanted.size} bytes"
    )


def _against_symbol(context: Context, address: int, wanted: Layout) -> str:
    """Compare with the room that the symbol at or before an address has, if there is any."""
    try:
        named = context.target.symbolize(address)
        if named is None or context.is_template(address):
            return ""
        name, _, inside = named.rpartition("+0x") if "+0x" in named else (named, "", "0")
        offset = int(inside, 16)
        room, is_size = symbol_room(context.target, address - offset)
    except BtfdumpError:  # there is no table of symbols
        return ""
    size = offset + wanted.size
    if not room or is_decorated(name):
        return ""
    if size > room:
        has = f"has {room} bytes" if is_size else f"has at most {room} bytes, to the next symbol"
    else:
        known = 0 if is_size else _known_size(context, name, address - offset, room)
        if not known or size <= known:
            return ""
        has = f"has {known} bytes"
    at = f" at offset {offset}" if offset else ""
    is_pointer = isinstance(wanted, ScalarLayout) and wanted.category is Category.POINTER
    what = _one(wanted) if isinstance(wanted, StructLayout) else f"of type {wanted.type}"
    that = "a pointer" if is_pointer else "that"
    return f"hardly {what}: {that} has {wanted.size} bytes{at}, but {name} {has}"


def _known_size(context: Context, name: str, address: int, room: int) -> int:
    """Return the size of a variable by its type, if what lies behind it is padding; else 0."""
    try:
        type_, start, _ = context.variable(name)
        size = context.layouts.of(type_).size
    except BtfdumpError:
        return 0
    is_tight = start == address and 0 <= room - size < padding_before(address + room)
    return size if is_tight else 0


def _structs(context: Context, smallest: int, largest: int) -> Iterator[StructLayout]:
    for btf in context.btfs():
        for struct in btf.structs_of_size(max(smallest, 1), largest):
            layout = context.layouts.of(struct)
            if isinstance(layout, StructLayout):
                yield layout


def _holds(context: Context, outer: Layout, offset: int, wanted: StructLayout) -> bool:
    """Whether a struct is, or has at a byte offset, one of the name of `wanted`."""
    pending: list[tuple[Layout, int]] = [(outer, offset)]
    for _ in range(_MAX_STEPS):
        if not pending:
            return False
        layout, at = pending.pop()
        if isinstance(layout, ArrayLayout):
            if layout.element.size and (at < layout.size or not layout.length):
                pending.append((layout.element, at % layout.element.size))
        elif isinstance(layout, StructLayout):
            if at == 0 and layout.base.name == wanted.base.name and layout.size == wanted.size:
                return True
            for member in layout.members:
                if not member.bit_size and member.offset <= at:
                    inner = context.layouts.of_member(member, layout)
                    if at < member.offset + inner.size or _is_empty_array(inner):
                        pending.append((inner, at - member.offset))
    return True  # too much to tell


def _is_flexible(context: Context, layout: StructLayout) -> bool:
    """Whether a struct ends in an array of as many elements as are allocated with it."""
    current: Layout = layout
    for _ in range(_MAX_STEPS):
        if isinstance(current, ArrayLayout):
            return not current.length
        if not isinstance(current, StructLayout) or not current.members:
            return False
        if isinstance(current.base, types.Union):
            inner = [context.layouts.of_member(m, current) for m in current.members]
            return any(map(_is_empty_array, inner))
        current = context.layouts.of_member(current.members[-1], current)
    return True


def _is_empty_array(layout: Layout) -> bool:
    return isinstance(layout, ArrayLayout) and not layout.length


def _one(layout: StructLayout) -> str:
    return f"a {layout.type}"
