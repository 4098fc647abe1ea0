"""Enumerators in annotations: as the bits of flags, and as numbers in expressions.

What an enumerator is worth differs between kernel versions, so annotations name it and the BTF at
hand tells the number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._annotate.members import find_member
from btfdump._btf import types
from btfdump._btf.wire import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.lookup import Lookup
    from btfdump._btf.types import TypeTable

# A name, with what it stands for if there is no such enumerator; a number, or what a member has
# before its name; these are left as they are.
_WORD = re.compile(
    r"(?:->|\.)\s*[A-Za-z_]\w*|\d\w*"
    r"|(?P<name>[A-Za-z_]\w*)(?:\s*\?:\s*(?P<default>0[xX][0-9a-fA-F]+|\d+)(?!\w))?",
    re.ASCII,
)


def without_enumerators(
    expression: str, struct: types.Composite | None, near: TypeTable, lookup: Lookup
) -> str:
    """Return an expression with numbers in place of the enumerators in it.

    A name is an enumerator unless `struct` has a member of that name; one that is neither is left
    as it is: a member of a struct further out, or a global variable. `NAME ?: NUMBER` is the
    number where there is no such enumerator. Raises `AnnotationError` if an enumerator has several
    values.
    """

    def number(word: re.Match[str]) -> str:
        name, default = word["name"], word["default"]
        if name is None:
            return word[0]
        if struct is not None and default is None and find_member(struct, name) is not None:
            return word[0]
        value = lookup.enumerator(name, near)
        if value is None:
            return word[0] if default is None else default
        return str(value) if value >= 0 else f"({value})"

    return _WORD.sub(number, expression)


def flag_names(names: str, near: TypeTable, lookup: Lookup) -> dict[int, str]:
    """Return bit -> name for the single-bit enumerators of an enum, or of those with a prefix."""
    enums = lookup.enums(names, near)
    prefix = ""
    if not enums and names.endswith("_"):
        prefix = names
        enums = [enum for btf in lookup.around(near) for enum in _enums(btf)]
    return {
        e.value: e.name
        for enum in reversed(enums)  # the nearest has the last word
        for e in enum.enumerators
        if e.name.startswith(prefix) and e.value > 0 and not e.value & (e.value - 1)
    }


def _enums(btf: TypeTable) -> Iterator[types.Enum]:
    for kind in (Kind.ENUM, Kind.ENUM64):
        for enum in btf.iter_types(kind):
            if isinstance(enum, types.Enum):
                yield enum
