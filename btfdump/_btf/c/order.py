"""What has to come before what: C wants a definition before the use, or at least a declaration.

A member that is a struct needs its definition; what leads there by a pointer needs to know that
there is such a struct. Typedefs, and enums, are always needed whole. Types refer to each other in
circles, but only over pointers to structs that have a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types as t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .names import Names
    from .packing import Packings


class Needs(NamedTuple):
    """What a definition needs: types that are defined before it, and structs that are declared."""

    defined: tuple[t.Type, ...]
    declared: tuple[t.Type, ...]


def needs_of(type_: t.Type, names: Names, packings: Packings) -> Needs:
    """Return what the definition of a struct, union, enum or typedef needs."""
    search = _Search(names, packings)
    search.run(type_)
    search.defined.pop(type_.id, None)
    search.declared.pop(type_.id, None)
    return Needs(tuple(search.defined.values()), tuple(search.declared.values()))


class _Use(NamedTuple):
    """A type where it is used.

    `by_name` says that a declaration is enough there, `is_param` that it is among parameters.
    """

    type_: t.Type
    by_name: bool = False
    is_param: bool = False


class _Search:
    """The search for what one definition needs; no recursion, as types may be nested at will."""

    def __init__(self, names: Names, packings: Packings) -> None:
        self._names = names
        self._packings = packings
        self._met: set[tuple[int, bool, bool]] = set()
        self._pending: list[_Use] = []
        self.defined: dict[int, t.Type] = {}
        self.declared: dict[int, t.Type] = {}

    def run(self, type_: t.Type) -> None:
        if isinstance(type_, t.Composite):
            self._add_members(type_)
        elif isinstance(type_, t.Typedef):
            self._add(type_.target, by_name=True)
        while self._pending:
            use = self._pending.pop()
            if use.type_.name and not isinstance(use.type_, t.TypeTag):
                self._name(use)
            else:
                self._look_into(use)

    def _add(self, type_: t.Type, *, by_name: bool, is_param: bool = False) -> None:
        key = type_.id, by_name, is_param
        if key not in self._met:
            self._met.add(key)
            self._pending.append(_Use(type_, by_name, is_param))

    def _add_members(self, composite: t.Composite) -> None:
        if not isinstance(self._packings.of(composite), str):
            for member in composite.members:
                self._add(member.type, by_name=False)

    def _name(self, use: _Use) -> None:
        """Take in a type that has a name."""
        original = self._names.original(use.type_)
        if isinstance(original, t.Composite | t.Fwd):
            (self.declared if use.by_name else self.defined)[original.id] = original
        elif isinstance(original, t.Enum | t.Typedef):
            self.defined[original.id] = original
            if isinstance(use.type_, t.Typedef) and not use.by_name:
                self._add(use.type_.target, by_name=False, is_param=use.is_param)

    def _look_into(self, use: _Use) -> None:
        """Go on from a type that is written as what it is made of."""
        type_, by_name, is_param = use
        if isinstance(type_, t.Ptr):
            self._add(type_.target, by_name=True, is_param=is_param)
        elif isinstance(type_, t.Array):
            self._add(type_.element, by_name=False, is_param=is_param)
        elif isinstance(type_, t.FuncProto):
            for inner in (type_.return_type, *(param.type for param in type_.params)):
                self._add(inner, by_name=True, is_param=True)
        elif isinstance(type_, t.Const | t.Volatile | t.Restrict | t.TypeTag):
            self._add(type_.target, by_name=by_name, is_param=is_param)
        elif isinstance(type_, t.Composite) and not is_param:
            self._add_members(type_)


def ordered(
    types: Iterable[t.Type], needs: Callable[[t.Type], Needs]
) -> Iterator[tuple[t.Type, Needs]]:
    """Yield types, and those that they need, each after what it needs; with what it needs.

    Where types need each other in a circle, which no C program makes, one of them comes too early.
    """
    met: set[int] = set()
    for first in types:
        if first.id in met:
            continue
        met.add(first.id)
        open_ = [(first, needs(first), 0)]
        while open_:
            current, wanted, number = open_.pop()
            inner = wanted.defined[number:]
            following = next(((i, one) for i, one in enumerate(inner) if one.id not in met), None)
            if following is None:
                yield current, wanted
            else:
                index, one = following
                open_.append((current, wanted, number + index + 1))
                met.add(one.id)
                open_.append((one, needs(one), 0))
