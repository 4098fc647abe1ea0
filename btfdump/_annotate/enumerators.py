"""Enumerators in annotations: as the bits of flags, and as numbers in expressions.

What an enumerator is worth differs between kernel versions, so annotations name it and the BTF at
hand tells the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.postfix import with_names
from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump._btf.wire import Kind
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from btfdump._annotate.lookup import Lookup
    from btfdump._btf.types import TypeTable


_MOST_BITS = 64


def without_enumerators(
    expression: str, struct: types.Composite | None, near: TypeTable, lookup: Lookup
) -> str:
    """Return an expression with numbers in place of the enumerators in it.

    A name with a capital letter is an enumerator unless `struct` has a member of that name. Other
    names are left as they are: they may be members of an outer struct, or global variables. In
    `NAME ?: OTHER ?: NUMBER` the first name that exists counts. Raises `AnnotationError` if an
    enumerator has several values, or if none of the named ones exists.
    """

    def number(word: re.Match[str]) -> str:
        name = word["name"]
        if name is None or (name.islower() and not word["others"]):
            return word[0]
        others = [other.strip() for other in word["others"].split("?:")[1:]]
        if not others and struct is not None and find_member(struct, name) is not None:
            return word[0]
        for choice in (name, *others):
            if choice[0].isdigit():
                return choice
            value = lookup.enumerator(choice, near)
            if value is not None:
                return str(value) if value >= 0 else f"({value})"
        if others:
            raise AnnotationError(f"no enumerator {' or '.join((name, *others))} in the BTF")
        return word[0]

    return with_names(expression, number)


def bit_names(
    names: str, near: TypeTable, lookup: Lookup, *, is_bits: bool = False
) -> dict[int, str]:
    """Return mask -> name for the flags of an enum, or for the enumerators with a prefix.

    Masks are single bits, and the values of a number among them: those that lie within another one,
    as DCACHE_SYMLINK_TYPE does in DCACHE_ENTRY_TYPE, and that its bits are no flags for.
    Enumerators that are called `..._BIT` or `PG_...` are numbers of bits, as all are with
    `is_bits`; of several for one mask the first counts.
    """
    found: dict[int, str] = {}
    several: dict[int, str] = {}
    for name, value in _enumerators(names, near, lookup):
        if is_bits or name.endswith("_BIT") or name.startswith("PG_"):
            if 0 <= value < _MOST_BITS:
                found.setdefault(1 << value, _macro(name))
        elif value > 0:
            (several if value & (value - 1) else found).setdefault(value, name)
    inside = {
        value: name
        for value, name in several.items()
        if any(value != around and value & around == value for around in several)
    }
    return found | inside


def _macro(name: str) -> str:
    """Return what a flag is called whose number of bit is called `name`: SLAB_RED_ZONE."""
    name = name.removesuffix("_BIT")
    return name[1:] if name.startswith("_") and not name.startswith("__") else name


def value_names(names: str, near: TypeTable, lookup: Lookup) -> dict[int, str]:
    """Return value -> name for an enum, for the enumerators with a prefix, or for an enum's own.

    `names` may be one of its enumerators, for those that have no name themselves. Of several of one
    value the first counts.
    """
    found: dict[int, str] = {}
    for name, value in _enumerators(names, near, lookup):
        found.setdefault(value, name)
    return found


def _enumerators(names: str, near: TypeTable, lookup: Lookup) -> Iterator[tuple[str, int]]:
    """Yield (name, value) of the enumerators that an annotation means, those nearest first."""
    prefix = ""
    enums = lookup.enums(names, near)
    if not enums and names.endswith("_"):
        prefix = names
        enums = [enum for btf in lookup.around(near) for enum in _enums(btf)]
    elif not enums:
        enums = next(
            (holding for btf in lookup.around(near) if (holding := _having(btf, names))), []
        )
    for enum in enums:
        for e in enum.enumerators:
            if e.name.startswith(prefix):
                yield e.name, e.value


def _having(btf: TypeTable, name: str) -> list[types.Enum]:
    return [enum for enum, _ in btf.find_enumerators(name)]


def _enums(btf: TypeTable) -> Iterator[types.Enum]:
    for kind in (Kind.ENUM, Kind.ENUM64):
        for enum in btf.iter_types(kind):
            if isinstance(enum, types.Enum):
                yield enum
