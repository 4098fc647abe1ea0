"""Turn BTF records into type objects.

There is one function for each kind; the layouts are those of include/uapi/linux/btf.h. They trust
the record, because `check.py` has looked at it before.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, TypeAlias

from btfdump.errors import BtfFormatError

from . import types as t
from .wire import TYPE_WORDS, Kind, kind_of, vlen_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable

    from .types import TypeTable

    Inflater: TypeAlias = Callable[[TypeTable, int, str, array[int], int], t.Type]


def inflate(btf: TypeTable, type_id: int, words: array[int], at: int) -> t.Type:
    """Make the object of type `type_id` from the record that starts at `words[at]`."""
    name = btf.string(words[at])
    make = INFLATERS.get(kind_of(words[at + 1]), _unknown)
    return make(btf, type_id, name, words, at)


def _elements(words: array[int], at: int, width: int) -> list[array[int]]:
    """Return the columns of the element table of a record; an element is `width` words."""
    start = at + TYPE_WORDS
    stop = start + vlen_of(words[at + 1]) * width
    return [words[start + column : stop : width] for column in range(width)]


def _int(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    data = words[at + 3]
    return t.Int(
        btf, type_id, name, words[at + 2], data & 0xFF, data >> 16 & 0xFF, data >> 24 & 0xF
    )


def _float(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.Float(btf, type_id, name, words[at + 2])


def _reference(cls: type[t.Reference]) -> Inflater:
    def make(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
        return cls(btf, type_id, name, words[at + 2])

    return make


def _type_tag(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.TypeTag(btf, type_id, name, words[at + 2], bool(words[at + 1] >> 31))


def _decl_tag(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    component = _signed(words[at + 3], 32)
    return t.DeclTag(btf, type_id, name, words[at + 2], component, bool(words[at + 1] >> 31))


def _func(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.Func(btf, type_id, name, words[at + 2], vlen_of(words[at + 1]))


def _var(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.Var(btf, type_id, name, words[at + 2], words[at + 3])


def _array(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.Array(btf, type_id, name, words[at + 3], words[at + 4], words[at + 5])


def _fwd(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    return t.Fwd(btf, type_id, name, bool(words[at + 1] >> 31))


def _composite(cls: type[t.Composite]) -> Inflater:
    """Return the inflater of structs or unions.

    Without kind_flag, a bit field is a member of an odd integer type; `btf_int_bits_show()` in
    kernel/bpf/btf.c adds up its offsets.
    """

    def make(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
        names, type_ids, offsets = _elements(words, at, 3)
        kind_flag = bool(words[at + 1] >> 31)
        sizes: Iterable[int] = repeat(0)
        starts: Iterable[int] = offsets
        if kind_flag:
            sizes = [offset >> 24 for offset in offsets]
            starts = [offset & 0xFFFFFF for offset in offsets]
        elif btf.odd_ints:
            ints = [_odd_int(btf, i) for i in type_ids]
            sizes = [bits for _, bits in ints]
            starts = [offset + extra for offset, (extra, _) in zip(offsets, ints, strict=True)]
        strings = map(btf.string, names)
        members = tuple(map(t.Member, repeat(btf), strings, type_ids, starts, sizes))
        return cls(btf, type_id, name, words[at + 2], members, kind_flag)

    return make


def _odd_int(btf: TypeTable, type_id: int) -> tuple[int, int]:
    """Return bit offset and bits of an odd integer, or zeros."""
    try:
        return btf.odd_ints.get(btf.final_id(type_id), (0, 0))
    except BtfFormatError:  # a loop; of no concern until somebody follows it
        return 0, 0


def _enum(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    names, values = _elements(words, at, 2)
    signed = bool(words[at + 1] >> 31)
    numbers = [_signed(v, 32) for v in values] if signed else values
    entries = tuple(map(t.Enumerator, map(btf.string, names), numbers))
    return t.Enum(btf, type_id, name, words[at + 2], signed, entries)


def _enum64(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    names, lows, highs = _elements(words, at, 3)
    signed = bool(words[at + 1] >> 31)
    numbers = [high << 32 | low for low, high in zip(lows, highs, strict=True)]
    if signed:
        numbers = [_signed(v, 64) for v in numbers]
    entries = tuple(map(t.Enumerator, map(btf.string, names), numbers))
    return t.Enum64(btf, type_id, name, words[at + 2], signed, entries)


def _func_proto(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    names, type_ids = _elements(words, at, 2)
    params = tuple(map(t.Param, repeat(btf), map(btf.string, names), type_ids))
    return t.FuncProto(btf, type_id, name, words[at + 2], params)


def _datasec(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    variables = tuple(map(t.SecVar, repeat(btf), *_elements(words, at, 3)))
    return t.Datasec(btf, type_id, name, words[at + 2], variables)


def _unknown(btf: TypeTable, type_id: int, name: str, words: array[int], at: int) -> t.Type:
    info = words[at + 1]
    once, each = btf.layout[kind_of(info)]
    vlen = vlen_of(info)
    trailer = btf.record_bytes(at + TYPE_WORDS, once + each * vlen)
    kind_flag = bool(info >> 31)
    return t.Unknown(btf, type_id, name, kind_of(info), vlen, kind_flag, words[at + 2], trailer)


def _signed(value: int, bits: int) -> int:
    """Read an unsigned `value` as two's complement of `bits` bits."""
    return value - (value >> bits - 1 << bits)


INFLATERS: dict[int, Inflater] = {
    Kind.INT: _int,
    Kind.PTR: _reference(t.Ptr),
    Kind.ARRAY: _array,
    Kind.STRUCT: _composite(t.Struct),
    Kind.UNION: _composite(t.Union),
    Kind.ENUM: _enum,
    Kind.FWD: _fwd,
    Kind.TYPEDEF: _reference(t.Typedef),
    Kind.VOLATILE: _reference(t.Volatile),
    Kind.CONST: _reference(t.Const),
    Kind.RESTRICT: _reference(t.Restrict),
    Kind.FUNC: _func,
    Kind.FUNC_PROTO: _func_proto,
    Kind.VAR: _var,
    Kind.DATASEC: _datasec,
    Kind.FLOAT: _float,
    Kind.DECL_TAG: _decl_tag,
    Kind.TYPE_TAG: _type_tag,
    Kind.ENUM64: _enum64,
}
"""By kind; a kind that is missing here is `Unknown`."""
