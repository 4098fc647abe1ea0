"""Pointers to, and arrays of, the types of a BTF that has no such types itself."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from . import types as t
from .reader import Btf
from .wire import HEADER_MIN, MAGIC, STRUCT_FORMAT, VERSION, Kind, make_info

if TYPE_CHECKING:
    from collections.abc import Sequence


def derive(of: t.Type, stars: int, lengths: Sequence[int] = ()) -> t.Type:
    """Return `of **[2][3]`: so many pointers in a row to `of`, and arrays of that.

    `lengths` are numbers of elements, the outermost array's first. Types refer to types by id, so
    where one derived type needs another, both are in a small BTF split from that of `of`.
    """
    if not stars and not lengths:
        return of
    if stars + len(lengths) == 1:
        if stars:
            return t.Ptr(of.btf, 0, "", of.id)
        return t.Array(of.btf, 0, "", of.id, 0, lengths[0])
    base = of.btf
    assert isinstance(base, Btf)
    words: list[int] = []
    inner = of.id
    following = len(base)
    for _ in range(stars):
        words += [0, make_info(Kind.PTR), inner]
        inner, following = following, following + 1
    for length in reversed(lengths):
        words += [0, make_info(Kind.ARRAY), 0, inner, 0, length]
        inner, following = following, following + 1
    size = 4 * len(words)
    data = struct.pack(
        f"{STRUCT_FORMAT[base.byteorder]}HBBIIIII{len(words)}I",
        *(MAGIC, VERSION, 0, HEADER_MIN, 0, size, size, 0),
        *words,
    )
    return Btf.from_bytes(data, base=base, name=base.name).type(inner)
