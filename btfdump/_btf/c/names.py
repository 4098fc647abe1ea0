"""What each type is called in one header: in C a name means one thing, in BTF it may mean several.

Types that differ get a flavor, `foo___2`, as libbpf gives it to them: for CO-RE they still are
called `foo`. Copies that are laid out alike are one type. Structs, unions and enums share the names
of tags; typedefs and enumerators share the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types as t
from btfdump._btf.alike import likenesses

from .words import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAGS = (t.Composite, t.Fwd, t.Enum)


class Names:
    """The names of the types in a header, by id; `of()` of a copy is that of its original."""

    def __init__(self, types: Iterable[t.Type]) -> None:
        self._originals: dict[int, t.Type] = {}
        self._names: dict[int, str] = {}
        self._tags: dict[str, int] = {}
        self._others: dict[str, int] = {}
        groups: dict[tuple[bool, str], list[t.Type]] = {}
        for type_ in types:
            if type_.name and isinstance(type_, (*_TAGS, t.Typedef)):
                key = isinstance(type_, t.Typedef), type_.name
                groups.setdefault(key, []).append(type_)
        for found in groups.values():
            if len(found) > 1:
                self._merge(found)
            for type_ in found:
                if type_.id not in self._originals:
                    taken = self._others if isinstance(type_, t.Typedef) else self._tags
                    self._names[type_.id] = _take(taken, type_.name)

    def original(self, type_: t.Type) -> t.Type:
        """Return the type that one is a copy or a forward declaration of; itself if of none."""
        return self._originals.get(type_.id, type_)

    def of(self, type_: t.Type) -> str:
        """Return the name of a type that has one."""
        return self._names[self.original(type_).id]

    def enumerator(self, name: str) -> str:
        """Return a name for one more enumerator, which nothing else has."""
        return _take(self._others, name)

    def _merge(self, found: list[t.Type]) -> None:
        """Make copies, and forward declarations, into what they are copies of."""
        whole = [type_ for type_ in found if not _is_incomplete(type_)]
        for type_, like in likenesses(whole) if len(whole) > 1 else ():
            if like is not type_:
                self._originals[type_.id] = like
        for type_ in found:
            if _is_incomplete(type_):
                word = _keyword(type_)
                meant = [other for other in whole if _keyword(other) == word]
                meant += [o for o in found if _is_incomplete(o) and _keyword(o) == word]
                if meant[0] is not type_:
                    self._originals[type_.id] = self.original(meant[0])


def _is_incomplete(type_: t.Type) -> bool:
    return isinstance(type_, t.Fwd) or (isinstance(type_, t.Enum) and not type_.enumerators)


def _keyword(type_: t.Type) -> str:
    return type_.keyword if isinstance(type_, t.Composite | t.Fwd) else "enum"


def _take(taken: dict[str, int], name: str) -> str:
    """Return a name that is not taken yet, and take it."""
    plain = identifier(name)
    number = taken.get(plain, 0) + 1
    taken[plain] = number
    if number == 1:
        return plain
    while f"{plain}___{number}" in taken:
        number += 1
    taken[plain] = number
    taken[f"{plain}___{number}"] = 1
    return f"{plain}___{number}"
