"""Members by name, in a struct and in the anonymous structs inside it, as C finds them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from btfdump._btf import types

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    S = TypeVar("S", bound=Hashable)

MAX_NESTING = 64
"""Structs and arrays nested deeper than this are corrupt BTF (the kernel allows 32 levels)."""


class FoundMember:
    """A member: number `number`, from 0, of `struct`, which declares it.

    `bit_offset` is where it starts, in bits from the start of the struct that was searched.
    """

    __slots__ = ("bit_offset", "number", "struct")

    def __init__(self, struct: types.Composite, number: int, bit_offset: int) -> None:
        self.struct = struct
        self.number = number
        self.bit_offset = bit_offset

    @property
    def member(self) -> types.Member:
        """The declaration of the member."""
        return self.struct.members[self.number]

    @property
    def type(self) -> types.Type:
        """The type that the member is declared with."""
        return self.member.type

    @property
    def offset(self) -> int:
        """The offset in bytes; for a bit field that starts inside a byte, that byte's."""
        return self.bit_offset >> 3


def find_member(type_: types.Type, name: str) -> FoundMember | None:
    """Find a member of a struct or union, modifiers stripped; None if it has none of that name."""
    base = type_.btf.skip_modifiers(type_)
    if not isinstance(base, types.Composite):
        return None
    for struct, start in spread(base, anonymous):
        for number, member in enumerate(struct.members):
            if member.name == name:
                return FoundMember(struct, number, start + member.bit_offset)
    return None


def anonymous(struct: types.Composite) -> Iterator[tuple[types.Composite, int]]:
    """Yield the anonymous structs and unions of a struct, each with its bit offset there."""
    for member in struct.members:
        if is_nameless(member):
            inner = struct.btf.skip_modifiers(member.type_id)
            if isinstance(inner, types.Composite):
                yield inner, member.bit_offset


def is_nameless(member: types.Member) -> bool:
    """Whether a member may be an anonymous struct, rather than the padding of bit fields."""
    return not member.name and not member.bit_size


def spread(whole: S, inside: Callable[[S], Iterable[tuple[S, int]]]) -> Iterator[tuple[S, int]]:
    """Yield a struct and those that `inside()` finds in it, the outer ones first.

    Each comes once, where it is met first (what else it is in has no other names), with its bit
    offset from the start of the whole.
    """
    pending = deque([(whole, 0, 0)])
    met: set[S] = set()
    while pending:
        current, start, nesting = pending.popleft()
        if current in met:
            continue
        met.add(current)
        yield current, start
        if nesting < MAX_NESTING:
            pending += [(inner, start + at, nesting + 1) for inner, at in inside(current)]
