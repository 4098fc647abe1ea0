"""Type -> Layout: what lies at which offset of an object, ready to decode.

A `Layout` is built once per type and parses no more BTF than is needed: the members of a struct
know their offsets and extents at once, but get layouts of their own only when asked. That keeps the
first `task_struct`, whose definition reaches a third of the kernel's types, at a few milliseconds.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from btfdump._btf import types
from btfdump._btf.members import MAX_NESTING as MAX_NESTING
from btfdump._btf.members import is_nameless, spread
from btfdump._btf.sections import as_struct
from btfdump._decode.paths import split_path
from btfdump._decode.scalars import Category, ScalarLayout, Scalars
from btfdump.errors import MemberNotFoundError, UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from btfdump._meaning import Meaning
    from btfdump._targets.memory import ByteOrder
    from btfdump.errors import BtfFormatError

MAX_INLINE = 4
"""Structs of up to this many scalars are shown on one line of text."""


class ArrayLayout:
    """`length` elements of `element`, `element.size` bytes apart.

    `declared` is the length in the declaration where an object has fewer elements, else 0.
    """

    __slots__ = ("base", "declared", "element", "is_text", "length", "meaning", "size", "type")

    def __init__(
        self, type_: types.Type, base: types.Array, element: Layout, is_text: bool
    ) -> None:
        self.type = type_
        self.base = base
        self.element = element
        self.length = base.length
        self.declared = base.declared if isinstance(base, types.ShortArray) else 0
        self.size: int = base.length * element.size
        self.is_text = is_text
        self.meaning: Meaning | None = None

    def shown(self, most: int) -> int:
        """Return how many elements are looked at if `most` are wanted.

        None, if they have no size: any number of them fits into no bytes at all.
        """
        return min(self.length, most) if self.element.size else 0


class Nameless(str):
    """The name of a member that has none: "". `place` tells it from others in its struct.

    That is `@BITS`, where it lies, and `:WIDTH` behind it if it is a bit field.
    """

    __slots__ = ("place",)
    place: str

    def __new__(cls, member: types.Member) -> Self:
        """Return the name of a member, given without its name."""
        name = super().__new__(cls)
        width = f":{member.bit_size}" if member.bit_size else ""
        name.place = f"@{member.bit_offset}{width}"
        return name


class MemberLayout:
    """A member of a struct, at byte `offset`; `bit_size` is 0 unless it is a bit field.

    `bit_offset` counts from the struct's first bit: the least significant bit of byte 0 on
    little-endian, the most significant on big-endian. `extent` is the number of bytes that may
    belong to the member, known without looking at its type. `name` is `Nameless` for an anonymous
    struct or union, and for an unnamed bit field.
    """

    __slots__ = (
        "_layouts",
        "_resolved",
        "bit_offset",
        "bit_size",
        "extent",
        "member",
        "name",
        "offset",
    )

    def __init__(self, layouts: Layouts, member: types.Member, extent: int) -> None:
        self._layouts = layouts
        self._resolved: Layout | None = None
        self.member = member
        self.bit_offset = member.bit_offset
        self.bit_size = member.bit_size
        self.offset = member.bit_offset // 8
        self.extent = extent
        name = member.name or Nameless(member)
        # Elements of arrays go by "[3]", which no member in C can.
        self.name = f"\\x5b{name[1:]}" if name.startswith("[") else name


class StructLayout:
    """A struct or union of `size` bytes and its members, in declaration order."""

    __slots__ = (
        "_by_name",
        "_found",
        "_is_small",
        "_layouts",
        "_members",
        "base",
        "meaning",
        "size",
        "type",
    )

    def __init__(
        self, layouts: Layouts, type_: types.Type, base: types.Composite, size: int
    ) -> None:
        self._layouts = layouts
        self._members: tuple[MemberLayout, ...] | None = None
        self._by_name: dict[str, tuple[MemberPath, ...]] = {}
        self._found: dict[str, FoundMember] = {}
        self._is_small: bool | None = None
        self.type = type_
        self.base = base
        self.size = size
        self.meaning: Meaning | None = None

    @property
    def members(self) -> tuple[MemberLayout, ...]:
        """The members; each extends to the next member's start, or to the end of the struct."""
        if self._members is None:
            starts = sorted({m.bit_offset // 8 for m in self.base.members} | {self.size})
            following = dict(pairwise(starts))
            self._members = tuple(
                MemberLayout(
                    self._layouts,
                    m,
                    max(0, following.get(m.bit_offset // 8, self.size) - m.bit_offset // 8),
                )
                for m in self.base.members
            )
        return self._members

    @property
    def is_small(self) -> bool:
        """Whether the struct has few enough scalars to be shown on one line of text.

        This depends on the type alone, so that a struct looks the same everywhere.
        """
        if self._is_small is None:
            self._is_small = self._layouts.leaves(self, 0) <= MAX_INLINE
        return self._is_small


Layout: TypeAlias = "ScalarLayout | ArrayLayout | StructLayout"
StandIn: TypeAlias = "Callable[[types.Composite], types.Composite | None]"
MeaningOf: TypeAlias = "Callable[[types.Type], Meaning | None]"
MemberPath: TypeAlias = "tuple[StructLayout, int, int]"
"""(struct that declares the member, index of the member, bit offset of that struct)"""


class FoundMember(NamedTuple):
    """A member of a struct, or of an anonymous or inner struct of it.

    `owner` is the struct that declares it, as member `number`, counted from 0. It starts
    `bit_offset` bits after the start of the struct that was searched; `bit_size` is its width in
    bits if it is a bit field, else 0.
    """

    owner: StructLayout
    number: int
    layout: Layout
    bit_offset: int
    bit_size: int

    @property
    def type(self) -> types.Type:
        """The type that the member is declared with, or a shorter array (decode/short.py)."""
        return self.layout.type


class Layouts:
    """All layouts of one kernel, by type. `pointer_size` is in bytes.

    `stand_in` returns the actual struct for one that is opaque in BTF, such as `struct bpf_timer`,
    or None. `meaning_of` returns what all values of a type mean, or None: each layout has it.
    """

    def __init__(
        self,
        byteorder: ByteOrder,
        pointer_size: int,
        stand_in: StandIn = lambda opaque: None,
        meaning_of: MeaningOf = lambda type_: None,
    ) -> None:
        self.byteorder: ByteOrder = byteorder
        self._stand_in = stand_in
        self._meaning_of = meaning_of
        self.pointer_size = pointer_size
        self._cache: dict[types.Type, Layout] = {}
        self._declarers: dict[tuple[Layout, str, int], tuple[tuple[StructLayout, int], ...]] = {}
        self._leaves: dict[tuple[StructLayout, int], int] = {}
        # Generated functions, by what they were generated for; see decode/compiled.
        self.compiled: dict[object, Any] = {}
        self._scalars = Scalars(byteorder, pointer_size)
        self.bits = self._scalars.bits

    def of(self, type_: types.Type) -> Layout:
        """Return the layout of `type_`; raises `BtfFormatError` if the type is malformed."""
        found = self._cache.get(type_)
        if found is None:
            found = self._cache[type_] = self._build(type_, 0)
        return found

    def of_member(self, member: MemberLayout, owner: StructLayout) -> Layout:
        """Return the layout of a member of `owner`; raises `BtfFormatError` if it does not fit."""
        resolved = member._resolved
        if resolved is None:
            resolved = self.of(owner.base.btf.type(member.member.type_id))
            _check_member(member, resolved, owner)
            member._resolved = resolved
        return resolved

    def _build(self, type_: types.Type, nesting: int) -> Layout:
        layout = self._laid_out(type_, nesting)
        layout.meaning = self._meaning_of(type_)
        return layout

    def _laid_out(self, type_: types.Type, nesting: int) -> Layout:
        base = type_.btf.skip_modifiers(type_)
        if isinstance(base, types.Composite):
            stand_in = self._stand_in(base) if _is_opaque(base) else None
            return StructLayout(self, type_, stand_in or base, base.size)
        if isinstance(base, types.Datasec):
            return StructLayout(self, type_, as_struct(base), base.size)
        if isinstance(base, types.Array):
            if nesting > MAX_NESTING:
                raise UnusableBtfError(
                    0, f"type [{type_.id}]: arrays nest deeper than {MAX_NESTING}"
                )
            element_type = base.btf.type(base.type_id)
            element = self._cache.get(element_type) or self._build(element_type, nesting + 1)
            self._cache[element_type] = element
            is_text = (
                isinstance(element, ScalarLayout)
                and element.category is Category.CHAR
                and element.size == 1
            )
            return ArrayLayout(type_, base, element, is_text)
        return self._scalars.of(type_, base)

    def leaves(self, layout: StructLayout, nesting: int) -> int:
        """Count a struct's scalars, stopping soon after MAX_INLINE; a char array counts as one."""
        count = self._leaves.get((layout, nesting))
        if count is None:
            count = self._leaves[layout, nesting] = self._count_leaves(layout, nesting)
        return count

    def _count_leaves(self, layout: StructLayout, nesting: int) -> int:
        count = 0
        for member in layout.members:
            inner = self.of_member(member, layout)
            if isinstance(inner, ScalarLayout):
                count += 1
            elif isinstance(inner, ArrayLayout):
                is_plain = isinstance(inner.element, ScalarLayout)
                count += 1 if inner.is_text else inner.length if is_plain else MAX_INLINE + 1
            elif nesting >= MAX_INLINE or isinstance(inner.base, types.Union):
                return MAX_INLINE + 1
            else:
                count += self.leaves(inner, nesting + 1)
            if count > MAX_INLINE:
                break
        return count

    def find_member(self, layout: StructLayout, name: str) -> MemberPath:
        """Find `name` in a struct or, as in C, in its anonymous members.

        Raises `MemberNotFoundError`.
        """
        found = layout._by_name.get(name)
        if found is None:
            found = layout._by_name[name] = self._search(layout, name)
        if not found or not name:  # without a name there are only anonymous ones
            raise MemberNotFoundError(f"{layout.type} has no member {name!r}")
        return found[0]

    def member(self, layout: StructLayout, name: str) -> FoundMember:
        """Find a member and return its position and layout; raises `MemberNotFoundError`."""
        found = layout._found.get(name)
        if found is None:
            owner, number, start = self.find_member(layout, name)
            member = owner.members[number]
            inner = self.of_member(member, owner)
            found = FoundMember(owner, number, inner, start + member.bit_offset, member.bit_size)
            layout._found[name] = found
        return found

    def locate(self, layout: StructLayout, path: str) -> FoundMember:
        """Find the member at a dotted path through structs; raises `MemberNotFoundError`."""
        first, *rest = split_path(path)
        found = self.member(layout, first)
        for name in rest:
            if not isinstance(found.layout, StructLayout):
                raise MemberNotFoundError(f"{layout.type} has no member {path!r}")
            start = found.bit_offset
            found = self.member(found.layout, name)
            found = found._replace(bit_offset=start + found.bit_offset)
        return found

    def member_names(self, layout: StructLayout) -> list[str]:
        """Return the names that `find_member()` finds, including those in anonymous members."""
        names: dict[str, None] = {}
        for current, _ in spread(layout, self._anonymous):
            names.update((member.name, None) for member in current.base.members if member.name)
        return list(names)

    def declarers(
        self, layout: Layout, name: str, offset: int
    ) -> tuple[tuple[StructLayout, int], ...]:
        """Return the structs around the member `name` at `offset`, the innermost first.

        That is the outermost struct that declares such a member; each comes with its own offset.
        Offsets are in bytes from the start of `layout`, the last of them if it is a struct itself.
        Returns none if there is no such member, as for an element of an array.
        """
        key = layout, name, offset
        if key not in self._declarers:
            self._declarers[key] = self._find_declarers(layout, name, offset)
        return self._declarers[key]

    def _find_declarers(
        self, layout: Layout, name: str, offset: int
    ) -> tuple[tuple[StructLayout, int], ...]:
        """Search the structs that overlap the offset, the outer ones first.

        A struct that ends at the offset is one of them: a flexible array may lie there. So there
        may be several next to each other, and in a union anyway.
        """
        # Each struct with the one around it, by the way on which it was met first.
        around: dict[tuple[StructLayout, int], tuple[StructLayout, int] | None]
        around = dict.fromkeys(_structs_at(layout, 0, offset))
        level = list(around)
        for _ in range(MAX_NESTING):
            inside: list[tuple[StructLayout, int]] = []
            for place in level:
                struct, start = place
                for member in struct.members:
                    at = start + member.offset
                    if member.name == name and at == offset:
                        return _chain(around, place)
                    if at <= offset <= at + member.extent:
                        inner = self.of_member(member, struct)
                        met = [p for p in _structs_at(inner, at, offset) if p not in around]
                        around |= dict.fromkeys(met, place)
                        inside += met
            level = inside
        return ()

    def _search(self, layout: StructLayout, name: str) -> tuple[MemberPath, ...]:
        for current, base in spread(layout, self._anonymous):
            for index, declared in enumerate(current.base.members):
                if declared.name == name:
                    return ((current, index, base),)
        return ()

    def _anonymous(self, layout: StructLayout) -> Iterator[tuple[StructLayout, int]]:
        """Yield the anonymous structs and unions of a struct, each with its bit offset there."""
        for member in layout.members:
            if is_nameless(member.member):
                inner = self.of_member(member, layout)
                if isinstance(inner, StructLayout):
                    yield inner, member.bit_offset


def _check_member(member: MemberLayout, layout: Layout, owner: StructLayout) -> None:
    """Reject what btf_struct_check_member() (kernel/bpf/btf.c) and its kin reject."""
    if member.bit_offset + (member.bit_size or layout.size * 8) > owner.size * 8:
        raise _malformed(owner, member, "ends beyond the struct")
    if member.bit_size and not (
        isinstance(layout, ScalarLayout)
        and layout.category in (Category.INT, Category.BOOL, Category.CHAR, Category.ENUM)
    ):
        raise _malformed(owner, member, "is a bit field of no integer")
    if member.bit_size > layout.size * 8:  # btf_int_check_kflag_member()
        bits = f"{member.bit_size} bits, more than its type has"
        raise _malformed(owner, member, f"is a bit field of {bits}")


def _malformed(owner: StructLayout, member: MemberLayout, what: str) -> BtfFormatError:
    base = owner.base
    return base.btf.malformed(base.id, f"{owner.type} member {member.name} {what}")


def _is_opaque(struct: types.Composite) -> bool:
    """Whether a struct hides its members: in `__opaque` or, formerly, in unnamed bit fields."""
    return struct.size > 0 and all(m.name.strip("_") == "opaque" for m in struct.members)


def _chain(
    around: dict[tuple[StructLayout, int], tuple[StructLayout, int] | None],
    place: tuple[StructLayout, int],
) -> tuple[tuple[StructLayout, int], ...]:
    """Return a struct and those around it, the outermost last."""
    found = [place]
    while (outer := around[found[-1]]) is not None:
        found.append(outer)
    return tuple(found)


def _structs_at(layout: Layout, start: int, offset: int) -> Iterator[tuple[StructLayout, int]]:
    """Yield (struct, its start) if `layout`, or elements of it, reach up to `offset`."""
    pending = [(layout, start)]
    for _ in range(MAX_NESTING):
        inner: list[tuple[Layout, int]] = []
        for one, at in pending:
            if not at <= offset <= at + one.size:
                continue
            if isinstance(one, StructLayout):
                yield one, at
            elif isinstance(one, ArrayLayout) and one.element.size:
                last = min((offset - at) // one.element.size, one.length - 1)
                inner += [
                    (one.element, at + index * one.element.size)
                    for index in range(max(last - 1, 0), last + 1)
                ]
        pending = inner
