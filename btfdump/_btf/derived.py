"""Pointers to, arrays of, and functions of the types of a BTF that has no such types itself."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from . import types as t
from .reader import Btf
from .wire import HEADER_MIN, MAGIC, STRUCT_FORMAT, VERSION, Kind, make_info

if TYPE_CHECKING:
    from collections.abc import Sequence


class Derivation:
    """Types in the making that are derived from those of `base`, and from each other.

    Types refer to types by id, so where one derived type needs another, both are in a small BTF
    split from the base. Ids that the methods take are those of the base, or were returned by them.
    """

    def __init__(self, base: Btf) -> None:
        self._base = base
        self._words: list[int] = []
        self._next = len(base)

    def pointer(self, to: int) -> int:
        """Return the id of a pointer to a type."""
        return self._add(0, make_info(Kind.PTR), to)

    def array(self, of: int, length: int) -> int:
        """Return the id of an array of `length` elements of a type."""
        return self._add(0, make_info(Kind.ARRAY), 0, of, 0, length)

    def function(self, returns: int, params: Sequence[int]) -> int:
        """Return the id of a function; void as the last of its parameters stands for `...`."""
        words = [word for param in params for word in (0, param)]
        return self._add(0, make_info(Kind.FUNC_PROTO, len(params)), returns, *words)

    def _add(self, *words: int) -> int:
        self._words += words
        self._next += 1
        return self._next - 1

    def type(self, type_id: int) -> t.Type:
        """Return the type with an id; nothing is added after that."""
        base = self._base
        if type_id < len(base):
            return base.type(type_id)
        size = 4 * len(self._words)
        data = struct.pack(
            f"{STRUCT_FORMAT[base.byteorder]}HBBIIIII{len(self._words)}I",
            *(MAGIC, VERSION, 0, HEADER_MIN, 0, size, size, 0),
            *self._words,
        )
        return Btf.from_bytes(data, base=base, name=base.name).type(type_id)


def derive(of: t.Type, stars: int, lengths: Sequence[int] = ()) -> t.Type:
    """Return `of **[2][3]`: so many pointers in a row to `of`, and arrays of that.

    `lengths` are numbers of elements, the outermost array's first.
    """
    if not stars and not lengths:
        return of
    if stars + len(lengths) == 1:
        if stars:
            return t.Ptr(of.btf, 0, "", of.id)
        return t.Array(of.btf, 0, "", of.id, 0, lengths[0])
    assert isinstance(of.btf, Btf)
    derivation = Derivation(of.btf)
    inner = of.id
    for _ in range(stars):
        inner = derivation.pointer(inner)
    for length in reversed(lengths):
        inner = derivation.array(inner, length)
    return derivation.type(inner)
