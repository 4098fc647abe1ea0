"""How much a type amounts to when all that it contains is spelled out.

A few kilobytes of BTF can describe a union of two unions of two unions, forty deep, which has a
million million members. Each type is counted once here, so that such a type is known for what it is
before anything is done with its members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from btfdump.errors import UnusableBtfError

from . import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .types import TypeTable

ENDLESS = 1 << 64
"""What a type amounts to that contains itself, or more than can be counted."""

_FREE, _PER_BYTE = 4096, 16

_known: WeakKeyDictionary[TypeTable, dict[int, int]] = WeakKeyDictionary()


def expansion(type_: t.Type) -> int:
    """Return the number of members and elements of a type, and of all that it contains; 1 at least.

    Raises `BtfFormatError` if a type in it is malformed.
    """
    base = type_.btf.skip_modifiers(type_)
    if isinstance(base, t.Array) and not base.id:  # made by a caller, as u8[6] is
        return min(ENDLESS, _sum_of_array(base, expansion(base.element)))
    pending = [base]
    open_: set[t.Type] = set()
    while pending:
        current = pending[-1]
        if _count(current) is not None:
            pending.pop()
        elif current in open_:  # all that it contains has been counted, unless that is itself
            pending.pop()
            open_.discard(current)
            _keep(current, min(ENDLESS, _sum(current)))
        else:
            open_.add(current)
            for inner in _compounds(current):
                if inner in open_:
                    _keep(inner, ENDLESS)
                elif _count(inner) is None:
                    pending.append(inner)
    return _count(base) or 1


def is_overgrown(type_: t.Type, size: int) -> bool:
    """Whether a type of `size` bytes contains far more than as many bytes can hold.

    Unions count a byte several times: about eight times in the worst of the kernel's types, and in
    small ones more often. Raises `BtfFormatError` as `expansion()` does.
    """
    return expansion(type_) > _FREE + _PER_BYTE * size


def overgrown(type_: t.Type) -> UnusableBtfError:
    """Return the error for a type that contains more than its bytes can hold."""
    return UnusableBtfError(0, f"{type_} contains itself, or more than its bytes hold")


def _sum(type_: t.Type) -> int:
    if isinstance(type_, t.Array):
        element = type_.btf.skip_modifiers(type_.type_id)
        return _sum_of_array(type_, _count(element) or 1)
    return 1 + len(_type_ids(type_)) + sum((_count(inner) or 1) - 1 for inner in _compounds(type_))


def _sum_of_array(array: t.Array, element: int) -> int:
    return 1 + array.length * element


def _compounds(type_: t.Type) -> Iterator[t.Type]:
    """Yield the structs, unions and arrays that a type is made of, without their modifiers."""
    for type_id in _type_ids(type_):
        inner = type_.btf.skip_modifiers(type_id)
        if isinstance(inner, t.Composite | t.Array | t.Datasec):
            yield inner


def _type_ids(type_: t.Type) -> list[int]:
    if isinstance(type_, t.Composite):
        return [member.type_id for member in type_.members]
    if isinstance(type_, t.Array):
        return [type_.type_id]
    if isinstance(type_, t.Datasec):
        variables = [part.type for part in type_.variables]
        return [var.type_id for var in variables if isinstance(var, t.Var)]
    return []


def _count(type_: t.Type) -> int | None:
    """Return what is known of a type; one that contains nothing counts as 1."""
    if not isinstance(type_, t.Composite | t.Array | t.Datasec):
        return 1
    return _known.get(type_.btf, {}).get(type_.id)


def _keep(type_: t.Type, count: int) -> None:
    _known.setdefault(type_.btf, {})[type_.id] = count
