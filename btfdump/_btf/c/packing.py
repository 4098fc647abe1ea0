"""Padding and attributes: what makes a compiler put the members of a type where the BTF has them.

The rules are those of the psABIs of x86-64, s390x and BPF, and of GCC and clang for them: a member
lies at the next multiple of its alignment; a bit field where the one before it ends, unless it
would cross a boundary of its type; an unnamed bit field takes its bits and aligns nothing. Where
these rules alone do not lead to a member's offset, unnamed bit fields fill the gap, and where a
member lies at less than its alignment, the struct is packed. libbpf does the same
(`btf_dump_emit_bit_padding()` in tools/lib/bpf/btf_dump.c); BTF does not tell alignments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types as t
from btfdump._btf.expansion import is_overgrown
from btfdump.errors import BtfFormatError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.types import TypeTable

MAX_NESTING = 32
"""Structs and unions within each other that are spelled out: they, or the members, lack a name."""
_BYTE = 8
_MAX_BITS = 1024  # of a gap that bit fields fill; an array of bytes fills larger ones
_WIDE = 16


class Gap(NamedTuple):
    """A gap of `bits` bits: filled by a bit field of a C type, or by so many bytes."""

    type_: str
    bits: int


class Packing(NamedTuple):
    """How a struct or union is written.

    `gaps` are those before each member, and after the last. `align` is what a compiler makes of it
    all, in bytes; `force` is an alignment that the type needs to have its size, 0 for none.
    """

    is_packed: bool
    align: int
    force: int
    gaps: tuple[tuple[Gap, ...], ...]


class Packings:
    """The packings of the types of a BTF, each found once."""

    def __init__(self, btf: TypeTable) -> None:
        self._btf = btf
        self._pointer_size = btf.pointer_size or 8
        self._known: dict[int, Packing | str] = {}

    def of(self, type_: t.Composite) -> Packing | str:
        """Return the packing of a struct or union, or why C cannot say it."""
        known = self._known.get(type_.id)
        if known is None:
            self._known[type_.id] = "it contains itself"  # for whoever asks meanwhile
            known = self._known[type_.id] = self._find(type_)
        return known

    def align_of(self, type_id: int) -> int:
        """Return the alignment in bytes that a compiler gives to a type as it is written."""
        type_ = self._btf.skip_modifiers(type_id)
        for _ in range(MAX_NESTING):
            if not isinstance(type_, t.Array):
                break
            type_ = self._btf.skip_modifiers(type_.type_id)
        if isinstance(type_, t.Composite):
            packing = self.of(type_)
            return 1 if isinstance(packing, str) else packing.align
        if isinstance(type_, t.Ptr):
            return self._pointer_size
        size = getattr(type_, "size", 1)
        if size == _WIDE and self._pointer_size == _BYTE:
            return _WIDE
        return min(size & -size or 1, self._pointer_size)

    def _find(self, type_: t.Composite) -> Packing | str:
        try:
            if is_overgrown(type_, type_.size):
                return "it contains itself, or more than its bytes hold"
            if _nesting(type_) > MAX_NESTING:
                return f"structs without names are nested in it more than {MAX_NESTING} deep"
            for member in type_.members:
                self._btf.sizeof(member.type_id)
        except (BtfFormatError, TypeNotFoundError) as error:
            return f"a member of it has no size: {error}"
        lay = self._lay_union if isinstance(type_, t.Union) else self._lay_struct
        return (
            lay(type_, is_packed=False)
            or lay(type_, is_packed=True)
            or "it has members that C cannot put where they are"
        )

    def _lay_union(self, type_: t.Composite, *, is_packed: bool) -> Packing | None:
        if any(m.bit_offset or (m.bit_size and not self._is_bit_field(m)) for m in type_.members):
            return None
        aligns = [1 if is_packed else self.align_of(m.type_id) for m in type_.members]
        align = max(aligns, default=1)
        needed = max(((m.bit_size + 7) // 8 or self._sizeof(m) for m in type_.members), default=0)
        no_gaps: tuple[tuple[Gap, ...], ...] = ((),) * (len(type_.members) + 1)
        if _up(needed, align) == type_.size:
            return Packing(is_packed, align, 0, no_gaps)
        # A union cannot be padded by bit fields, of which it takes the largest alone.
        force = align
        while force < type_.size and _up(needed, force) < type_.size:
            force *= 2
        if needed and _up(needed, force) == type_.size:
            return Packing(is_packed, force, force, no_gaps)
        if type_.size > needed and type_.size % align == 0:
            gap = Gap("", type_.size * _BYTE)
            return Packing(is_packed, align, 0, (*no_gaps[:-1], (gap,)))
        return None

    def _lay_struct(self, type_: t.Composite, *, is_packed: bool) -> Packing | None:
        at, align = 0, 1
        gaps: list[tuple[Gap, ...]] = []
        for member in type_.members:
            own = 1 if is_packed else self.align_of(member.type_id)
            bits = self._sizeof(member) * _BYTE
            offset, width = member.bit_offset, member.bit_size
            if width:
                if offset < at or not self._is_bit_field(member):
                    return None
                natural = _bit_field_at(at, bits, width, own, is_packed)
                if _bit_field_at(offset, bits, width, own, is_packed) != offset:
                    return None
                fill = offset != natural
            else:
                natural = _up(at, own * _BYTE)
                if offset < at or offset % (own * _BYTE):
                    return None
                # Where 16 bytes are aligned to 8, as on s390x, this is true as well.
                fill = offset != natural or natural - at >= 8 * _BYTE
            gaps.append(tuple(self._fill(at, offset)) if fill else ())
            at = offset + (width or bits)
            align = max(align, own)
        end = type_.size * _BYTE
        natural = _up(at, align * _BYTE)
        if end < natural or type_.size % align:
            return None
        fill = end != natural or natural - at >= 8 * _BYTE
        gaps.append(tuple(self._fill(at, end)) if fill else ())
        return Packing(is_packed, align, 0, tuple(gaps))

    def _sizeof(self, member: t.Member) -> int:
        return member.btf.sizeof(member.type_id)

    def _is_bit_field(self, member: t.Member) -> bool:
        """Whether C has bit fields of the type and width that a member has."""
        base = member.btf.skip_modifiers(member.type_id)
        return isinstance(base, t.Int | t.Enum) and member.bit_size <= base.size * _BYTE

    def _fill(self, at: int, end: int) -> Iterator[Gap]:
        """Yield what fills the bits from `at` to `end`."""
        kinds = [("char", 8), ("short", 16), ("int", 32), ("long", self._pointer_size * _BYTE)]
        while at < end:
            if end - at > _MAX_BITS and at % _BYTE == 0 and end % _BYTE == 0:
                yield Gap("", end - at)
                return
            best = Gap("char", 0)
            for name, size in kinds:
                bits = min(end - at, size - at % size)
                if bits > best.bits:
                    best = Gap(name, bits)
            yield best
            at += best.bits


def _bit_field_at(at: int, bits: int, width: int, align: int, is_packed: bool) -> int:
    """Return where a bit field comes to lie after what ends at bit `at`."""
    if is_packed or at // bits == (at + width - 1) // bits:
        return at
    return _up(at, align * _BYTE)


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _nesting(type_: t.Composite) -> int:
    """Return how deep structs and unions are nested in a type that are spelled out; ends early."""
    level: dict[int, t.Composite] = {type_.id: type_}
    for depth in range(MAX_NESTING + 1):
        inner: dict[int, t.Composite] = {}
        for composite in level.values():
            for member in composite.members:
                found = composite.btf.skip_modifiers(member.type_id)
                while isinstance(found, t.Array):
                    found = composite.btf.skip_modifiers(found.type_id)
                if isinstance(found, t.Composite) and not (found.name and member.name):
                    inner[found.id] = found
        if not inner:
            return depth
        level = inner
    return MAX_NESTING + 1
