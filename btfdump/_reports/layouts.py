"""A struct as it lies in memory: its members with offsets and sizes, and what lies between them.

The counts and their words are those of pahole (dwarves), so that one can be read like the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types as t
from btfdump._btf.expansion import is_overgrown
from btfdump.errors import BtfFormatError, TypeNotFoundError

if TYPE_CHECKING:
    from btfdump._reports.sayings import Sayings

_MAX_NESTING = 32
_BYTE = 8


@dataclass(slots=True)
class Hole:
    """So many bits between members, from a bit offset on; at the end it is padding."""

    bit_offset: int
    bits: int
    is_padding: bool = False

    @property
    def loose_bits(self) -> int:
        """The bits up to the next byte."""
        return min(self.bits, -self.bit_offset % _BYTE)

    @property
    def size(self) -> int:
        """The whole bytes after them."""
        return (self.bits - self.loose_bits) // _BYTE


@dataclass(slots=True)
class PlacedMember:
    """A member: where it is, what annotations say of it, and its own members if it is inline.

    `bit_offset` is counted from the start of the whole struct, `size` is in bytes, None where the
    type has none. `inner` is there for structs and unions that have no name.
    """

    member: t.Member
    bit_offset: int
    size: int | None
    says: tuple[str, ...]
    inner: Layout | None = None
    problem: str = ""

    @property
    def place(self) -> tuple[int, int | None]:
        """The offset in bytes; for a bit field that of its unit, and its first bit in there."""
        width = self.member.bit_size
        unit = (self.size or 1) * _BYTE
        if not width:
            return self.bit_offset // _BYTE, None
        return self.bit_offset // unit * (unit // _BYTE), self.bit_offset % unit


LayoutItem: TypeAlias = "PlacedMember | Hole"


@dataclass(slots=True)
class Layout:
    """The members of a struct or union, with the holes between them, in the order of its BTF."""

    composite: t.Composite
    items: list[LayoutItem] = field(default_factory=list)

    @property
    def holes(self) -> list[Hole]:
        """The holes, but padding."""
        return [i for i in self.items if isinstance(i, Hole) and not i.is_padding]

    @property
    def padding(self) -> Hole | None:
        """What is left at the end."""
        last = self.items[-1] if self.items else None
        return last if isinstance(last, Hole) and last.is_padding else None

    def counts(self) -> dict[str, int]:
        """Return what pahole counts: members, and the bytes and bits in them and between them."""
        members = [item for item in self.items if isinstance(item, PlacedMember)]
        holes = self.holes
        padding = self.padding
        found = {
            "size": self.composite.size,
            "members": len(members),
            "sum members": sum(m.size or 0 for m in members if not m.member.bit_size),
            "holes": sum(1 for hole in holes if hole.size),
            "sum holes": sum(hole.size for hole in holes),
            "sum bitfield members": sum(m.member.bit_size for m in members),
            "bit holes": sum(1 for hole in holes if hole.loose_bits),
            "sum bit holes": sum(hole.loose_bits for hole in holes),
            "padding": padding.size if padding is not None else 0,
            "bit_padding": padding.loose_bits if padding is not None else 0,
        }
        if isinstance(self.composite, t.Union):
            found["sum members"] = 0
        return found


def layout_of(struct: t.Composite, sayings: Sayings | None) -> Layout | str:
    """Return the layout of a struct or union, or what is wrong with the type."""
    try:
        if is_overgrown(struct, struct.size):
            return "it contains itself, or more than its bytes hold"
    except BtfFormatError as error:
        return str(error)
    return _layout(struct, 0, "", sayings, 0)


def _layout(
    struct: t.Composite, start: int, prefix: str, sayings: Sayings | None, nesting: int
) -> Layout:
    items: list[LayoutItem] = []
    end = 0
    for index, member in enumerate(struct.members):
        size, problem = _size(member)
        if not isinstance(struct, t.Union) and member.bit_offset > end:
            items.append(Hole(start + end, member.bit_offset - end))
        path = f"{prefix}{member.name}"
        says = sayings.of(struct, index, path) if sayings is not None else ()
        at = start + member.bit_offset
        found = PlacedMember(member, at, size, says, None, problem)
        nameless = _nameless(member.type)
        if nameless is not None and nesting < _MAX_NESTING and not problem:
            below = f"{path}." if member.name else prefix
            found.inner = _layout(nameless, at, below, sayings, nesting + 1)
        items.append(found)
        end = max(end, member.bit_offset + (member.bit_size or (size or 0) * _BYTE))
    left = struct.size * _BYTE - end
    if left > 0 and struct.members and not isinstance(struct, t.Union):
        items.append(Hole(start + end, left, True))
    return Layout(struct, items)


def _size(member: t.Member) -> tuple[int | None, str]:
    try:
        return member.btf.sizeof(member.type_id), ""
    except (BtfFormatError, TypeNotFoundError) as error:
        return None, str(error)


def _nameless(type_: t.Type) -> t.Composite | None:
    """Return the unnamed struct that a member is, or that the elements of its array are."""
    for _ in range(_MAX_NESTING):
        if isinstance(type_, t.Array):
            type_ = type_.element
        elif isinstance(type_, t.Const | t.Volatile | t.Restrict | t.TypeTag):
            type_ = type_.target
        else:
            break
    return type_ if isinstance(type_, t.Composite) and not type_.name else None
