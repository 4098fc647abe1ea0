"""Values that are in no memory: what a cast, `&` or arithmetic makes, as rvalues of C are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._annotate.facts import MemberFacts
from btfdump._btf import types
from btfdump._btf.derived import derive
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.pointers import destination, space_of
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump.errors import ExpressionError, TypeNotFoundError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context

_WIDEST = 64
_SIGNED = ("long", "long long", "s64", "int")
_UNSIGNED = ("unsigned long", "unsigned long long", "u64", "unsigned int")


class Computed(Value):
    """A scalar that was computed: its bytes are given, and its address is 0."""

    __slots__ = ()

    def __init__(
        self, context: Context, type_: types.Type, number: int, facts: MemberFacts | None = None
    ) -> None:
        size = context.layouts.of(type_).size
        masked = number & ((1 << size * 8) - 1)
        data = masked.to_bytes(size, context.target.platform.byteorder)
        super().__init__(context, type_, 0, data, facts=facts)


class AddressOf(Computed):
    """The address of an object, `&x`: a pointer that leads back to it, with all that is known."""

    __slots__ = ("_object",)

    def __init__(self, value: Value) -> None:
        type_ = value.type_
        if value.bit_size_:
            raise ExpressionError(f"{type_}:{value.bit_size_} is a bit field: it has no address")
        if isinstance(value, Computed):
            raise ExpressionError(f"a computed {type_} is in no memory: it has no address")
        if not type_.id and isinstance(type_, types.Array):  # made up: no pointer leads to it
            type_ = type_.btf.type(type_.type_id)
        super().__init__(value._context_, derive(type_, 1), value.address_)
        self._object = value

    def _pointee(self, index: int) -> Value:
        if not index:
            return self._object
        value = self._object
        address = value._context_.wrap(value.address_ + index * value.size_)
        return value._at_(value.type_, address)


class Cast(Computed):
    """A pointer whose type is what a user says: what it leads to is doubted as `Claimed` is."""

    __slots__ = ()

    _is_claimed_ = True

    def _pointee(self, index: int) -> Value:
        from btfdump._kernel.claims import Claimed

        context = self._context_
        here: Value = self
        target, address = destination(here, self.facts_)
        size = context.layouts.of(target).size if index else 0
        return Claimed(context, target, context.wrap(address + index * size))


def number_value(context: Context, number: int) -> Value:
    """Return a number as C has it: `long`, or `unsigned long` for what only that can hold.

    Raises `TypeNotFoundError` if the BTF has no such type, and `ExpressionError` for a number of
    more than 64 bits.
    """
    if not -(1 << _WIDEST - 1) <= number < 1 << _WIDEST:
        raise ExpressionError(f"{number:#x} has more than 64 bits")
    word = context.layouts.pointer_size * 8
    is_signed = number < 1 << (word if number < 1 << word else _WIDEST) - 1
    for name in _SIGNED if is_signed else _UNSIGNED:
        try:
            found = context.own_type(name)
        except TypeNotFoundError:
            continue
        size = context.layouts.of(found).size * 8
        if -(1 << size - is_signed) <= number < 1 << size - is_signed:
            return Computed(context, found, number)
    raise TypeNotFoundError(f"the BTF has no integer type that holds {number}")


def moved(pointer: Value, elements: int) -> Value:
    """Return a pointer that leads `elements` elements further, as `pointer + elements` in C."""
    context = pointer._context_
    address = int(pointer) + elements * pointed_size(pointer)
    return Cast(context, pointer.type_, context.wrap(address), pointer.facts_)


def pointed_size(pointer: Value) -> int:
    """Return the size of what a pointer points to; 1 for void, as GCC has it."""
    return max(pointer._context_.layouts.of(_pointee_of(pointer.type_)).size, 1)


def cast(value: Value | int, type_: types.Type, context: Context) -> Value:
    """Return a number, a pointer or a scalar as one of another type.

    What annotations say of a pointer holds for another pointer to the same: all of it; to anything
    else, that its address is the user's or a CPU's, and that it is stale. Raises `ExpressionError`
    for what C does not cast.
    """
    layout = context.layouts.of(type_)
    if not isinstance(layout, ScalarLayout) or layout.category is Category.FLOAT:
        raise ExpressionError(
            f"({type_}): a cast is to a pointer or an integer; say *({type_} *)&... for the same "
            "memory as another type"
        )
    facts = None if isinstance(value, int) else _facts(value, type_, context)
    number = value if isinstance(value, int) else _number(value)
    if layout.category is Category.BOOL:
        number = int(bool(number))
    if layout.category is not Category.POINTER:
        return Computed(context, type_, number)
    if isinstance(value, Value) and facts is not None and facts is value.facts_:
        return _Same(context, type_, number, facts, value)
    return Cast(context, type_, context.wrap(number), facts)


class _Same(Computed):
    """A pointer that was cast to its own type: it leads where it led before."""

    __slots__ = ("_pointer",)

    def __init__(
        self, context: Context, type_: types.Type, number: int, facts: MemberFacts, pointer: Value
    ) -> None:
        super().__init__(context, type_, number, facts)
        self._pointer = pointer

    def _pointee(self, index: int) -> Value:
        return self._pointer._pointee(index)


def _number(value: Value) -> int:
    layout = value._layout_
    if isinstance(layout, ArrayLayout) and not isinstance(value, Computed):
        return value.address_
    if not isinstance(layout, ScalarLayout):
        raise ExpressionError(f"{value.type_} is no number: say &... for its address")
    return integer(value)


def integer(value: Value) -> int:
    """Return a scalar as a number; raises `ExpressionError` if it is none, and `FaultError`."""
    found = value.value_()
    if not isinstance(found, int):
        raise ExpressionError(f"{value.type_} is no integer")
    return int(found)


def _facts(value: Value, type_: types.Type, context: Context) -> MemberFacts | None:
    """Return what of the facts about a pointer holds once it is cast to another type."""
    if not value.is_pointer_:
        return None
    layout, facts = context.layouts.of(type_), value.facts_
    if not isinstance(layout, ScalarLayout) or layout.category is not Category.POINTER:
        return None
    before, after = _pointee_of(value.type_), _pointee_of(type_)
    if before is after and facts is not None:
        return facts
    space = space_of(value._layout_, facts)
    is_stale = facts is not None and facts.is_stale
    target = context.layouts.of(after)
    is_string = facts is not None and facts.is_string and target.size == 1
    if space is None and not is_stale and not is_string:
        return None
    provenance = facts.provenance if facts is not None else ""
    return replace(
        MemberFacts(), space=space, is_stale=is_stale, is_string=is_string, provenance=provenance
    )


def _pointee_of(type_: types.Type) -> types.Type:
    pointer = type_.btf.skip_modifiers(type_)
    assert isinstance(pointer, types.Ptr)
    return pointer.btf.skip_modifiers(pointer.type_id)


def container_of(member: Value, type_name: str, path: str) -> Value:
    """Return a pointer to the struct that `member`, or what it points to, is at `path` of.

    Mirrors container_of() (include/linux/container_of.h), which refuses a member of another type as
    well. Raises what `Context.type()` raises, `MemberNotFoundError` and `ExpressionError`.
    """
    context = member._context_
    struct = context.type(type_name)
    place = value_at(context, struct, 0)
    for name in path.split("."):
        if place.is_pointer_:
            raise ExpressionError(f"container_of(): {path} leads through a pointer")
        place = place.member_(name)
    if place.bit_size_:
        raise ExpressionError(f"container_of(): {path} is a bit field")
    is_pointer = member.is_pointer_
    found = context.layouts.of(_pointee_of(member.type_)) if is_pointer else member._layout_
    if isinstance(found, StructLayout):
        there = place._layout_
        if not isinstance(there, StructLayout) or there.base.name != found.base.name:
            raise ExpressionError(f"container_of(): {path} is a {place.type_}, not a {found.type}")
    address = integer(member) if is_pointer else member.address_
    return Cast(context, derive(struct, 1), context.wrap(address - place.address_))
