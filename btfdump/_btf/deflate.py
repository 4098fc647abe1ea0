"""Turn type objects into BTF records: the reverse of `inflate.py`.

A record is a list of words: `struct btf_type`, then its trailer, as in include/uapi/linux/btf.h.
Ids are copied. Names go through the function `intern`, which returns the offset of a name in the
string section.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from . import types as t
from .wire import STRUCT_FORMAT, U32_MAX, Kind, make_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Intern: TypeAlias = Callable[[str], int]
    Record: TypeAlias = list[int]
    MemberSpec: TypeAlias = tuple[str, int, int] | tuple[str, int, int, int]


def deflate(type_: t.Type, intern: Intern) -> Record:
    """Return the record of a parsed type; raises `ValueError` for void, which has none."""
    if isinstance(type_, t.Reference):
        return _reference(type_, intern)
    if isinstance(type_, t.Composite):
        return composite_record(
            type_.kind, type_.name, type_.size, _raw_members(type_), type_.kind_flag, intern
        )
    if isinstance(type_, t.Enum):
        values = [(e.name, e.value) for e in type_.enumerators]
        return enum_record(type_.kind, type_.name, values, type_.size, type_.is_signed, intern)
    if isinstance(type_, t.FuncProto):
        params = [word for p in type_.params for word in (intern(p.name), p.type_id)]
        info = make_info(Kind.FUNC_PROTO, len(type_.params))
        return [intern(type_.name), info, type_.type_id, *params]
    if isinstance(type_, t.Datasec):
        rows = [word for v in type_.variables for word in (v.type_id, v.offset, v.size)]
        return [
            intern(type_.name),
            make_info(Kind.DATASEC, len(type_.variables)),
            type_.size,
            *rows,
        ]
    if isinstance(type_, t.Unknown):
        info = make_info(type_.kind_number, type_.vlen, type_.kind_flag)
        order = STRUCT_FORMAT[type_.btf.byteorder]
        trailer = struct.unpack(f"{order}{len(type_.trailer) // 4}I", type_.trailer)
        return [intern(type_.name), info, type_.size_or_type, *trailer]
    return _plain(type_, intern)


def _plain(type_: t.Type, intern: Intern) -> Record:
    """Return the record of a type without edges or elements, or of an array."""
    start = [intern(type_.name), make_info(type_.kind)]
    if isinstance(type_, t.Int):
        return [*start, type_.size, int_word(type_.bits, type_.bit_offset, type_.encoding)]
    if isinstance(type_, t.Float):
        return [*start, type_.size]
    if isinstance(type_, t.Array):
        return [*start, 0, type_.type_id, type_.index_type_id, type_.length]
    if isinstance(type_, t.Fwd):
        return [start[0], make_info(Kind.FWD, 0, type_.is_union), 0]
    raise ValueError(f"{type_!r} can't be added: every BTF has void as type 0")


def _reference(type_: t.Reference, intern: Intern) -> Record:
    kind_flag, vlen, trailer = False, 0, []
    if isinstance(type_, (t.TypeTag, t.DeclTag)):
        kind_flag = type_.is_attribute
    if isinstance(type_, t.DeclTag):
        trailer = [type_.component_index & U32_MAX]
    elif isinstance(type_, t.Var):
        trailer = [type_.linkage]
    elif isinstance(type_, t.Func):
        vlen = type_.linkage
    return [intern(type_.name), make_info(type_.kind, vlen, kind_flag), type_.type_id, *trailer]


def _raw_members(type_: t.Composite) -> Iterable[MemberSpec]:
    """Yield members as the record has them.

    Without kind_flag, the integer type alone makes a bit field, and adds its own bit offset.
    """
    btf = type_.btf
    for m in type_.members:
        if type_.kind_flag or not m.bit_size:
            yield m.name, m.type_id, m.bit_offset, m.bit_size
        else:
            in_int, _ = btf.odd_ints[btf.final_id(m.type_id)]
            yield m.name, m.type_id, m.bit_offset - in_int


def int_word(bits: int, bit_offset: int, encoding: int) -> int:
    """Return the word that follows `BTF_KIND_INT`: 4 bits of encoding, 8 of offset, 8 of width."""
    if not (0 <= bits < 256 and 0 <= bit_offset < 256 and 0 <= encoding < 16):
        raise ValueError(f"an integer of {bits} bits at {bit_offset}, encoding {encoding:#x}")
    return encoding << 24 | bit_offset << 16 | bits


def composite_record(
    kind: Kind,
    name: str,
    size: int,
    members: Iterable[MemberSpec],
    kind_flag: bool,
    intern: Intern,
) -> Record:
    """Return the record of a struct or union; a bit field among the members sets kind_flag."""
    rows = [(*m, 0)[:4] for m in members]
    kind_flag = kind_flag or any(bit_size for *_, bit_size in rows)
    record = [intern(name), make_info(kind, len(rows), kind_flag), size]
    for member, type_id, bit_offset, bit_size in rows:
        if kind_flag and not (0 <= bit_offset <= 0xFFFFFF and 0 <= bit_size <= 0xFF):
            raise ValueError(
                f"{member}: with bit fields about, bit_offset {bit_offset} must fit into 24 bits,"
                f" bit_size {bit_size} into 8"
            )
        record += intern(member), type_id, bit_size << 24 | bit_offset
    return record


def enum_record(
    kind: Kind,
    name: str,
    values: Iterable[tuple[str, int]],
    size: int,
    signed: bool | None,
    intern: Intern,
) -> Record:
    """Return the record of an enumeration.

    It is signed if `signed` (kind_flag) says so, or by default if one of its values is negative.
    """
    rows = list(values)
    if signed is None:
        signed = any(value < 0 for _, value in rows)
    bits = 32 if kind == Kind.ENUM else 64
    low, high = (-1 << bits - 1, 1 << bits - 1) if signed else (0, 1 << bits)
    record = [intern(name), make_info(kind, len(rows), signed), size]
    for enumerator, value in rows:
        if not low <= value < high:
            raise ValueError(
                f"{enumerator} = {value} is beyond {bits} bits, {'' if signed else 'un'}signed"
            )
        record += intern(enumerator), value & U32_MAX
        if bits == 64:
            record.append(value >> 32 & U32_MAX)
    return record
