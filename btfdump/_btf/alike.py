"""Whether types of one name are one type: copies that were not merged when the BTF was made.

pahole merges equal types (`btf__dedup()` in tools/lib/bpf/btf.c) unless anything that they lead to,
over any number of pointers, differs. So a module's BTF has copies of structs that are laid out the
same. Two types are alike here if the same bytes mean the same in both: sizes, members, their
offsets and types are equal all the way down. What a pointer leads to is compared by its name, and
by its size and where its members lie; only what has no name is looked into further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from . import types as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Pair: TypeAlias = tuple[t.Type, t.Type]

MAX_STEPS = 1 << 17
"""Types and members compared for one question: task_struct takes some 3,000."""
MAX_DIFFERENT = 16
"""Of more different types of one name than this, the others are not told apart any more."""


def distinct(found: Iterable[t.Type]) -> list[t.Type]:
    """Return the types that differ from each other; the first stands for those that are like it.

    Raises `BtfFormatError` if a record turns out to be malformed.
    """
    different: list[t.Type] = []
    for type_, like in likenesses(found):
        if like is type_ and len(different) < MAX_DIFFERENT:
            different.append(type_)
    return different


def likenesses(found: Iterable[t.Type]) -> Iterator[tuple[t.Type, t.Type]]:
    """Yield each type with the first one that is like it, itself if none is.

    Of more different types than `MAX_DIFFERENT`, the others count as different from all. Raises
    `BtfFormatError` if a record turns out to be malformed.
    """
    different: list[t.Type] = []
    comparison = _Comparison()
    for type_ in found:
        like = next((known for known in different if comparison.are_alike(type_, known)), type_)
        if like is type_ and len(different) < MAX_DIFFERENT:
            different.append(type_)
        yield type_, like


class _Comparison:
    """Comparisons that share what they have found, and a limit for their work.

    Where the work would exceed it, types count as different: that is said, and never wrong.
    """

    def __init__(self) -> None:
        self._equal: set[Pair] = set()
        self._steps = 0

    def are_alike(self, one: t.Type, other: t.Type) -> bool:
        """Whether both are laid out the same; no recursion, as types may be nested at will."""
        assumed: set[Pair] = set()  # a pair that leads to itself is equal if the rest is
        waiting: list[Pair] = [(one, other)]
        while waiting:
            pair = waiting.pop()
            if pair[0] is pair[1] or pair in self._equal or pair in assumed:
                continue
            assumed.add(pair)
            self._steps += 1
            inner = self._compare(*pair) if self._steps <= MAX_STEPS else None
            if inner is None:
                return False
            waiting += inner
        self._equal |= assumed
        return True

    def _compare(self, one: t.Type, other: t.Type) -> list[Pair] | None:
        """Return the pairs that must be alike if these two are to be; None if they are not."""
        one, other = one.btf.skip_modifiers(one), other.btf.skip_modifiers(other)
        if one is other:
            return []
        if type(one) is not type(other) or one.name != other.name:
            return None
        if isinstance(one, t.Ptr) and isinstance(other, t.Ptr):
            return _pointees(one, other)
        if isinstance(one, t.Array) and isinstance(other, t.Array):
            return [(one.element, other.element)] if one.length == other.length else None
        if isinstance(one, t.Composite) and isinstance(other, t.Composite):
            return self._members(one, other)
        return [] if _shape(one) == _shape(other) else None

    def _members(self, one: t.Composite, other: t.Composite) -> list[Pair] | None:
        self._steps += len(one.members)
        if one.size != other.size or list(map(_place, one.members)) != list(
            map(_place, other.members)
        ):
            return None
        return [
            (here.type, there.type) for here, there in zip(one.members, other.members, strict=True)
        ]


def _pointees(one: t.Ptr, other: t.Ptr) -> list[Pair] | None:
    """Compare what two pointers lead to: by name, if it has one."""
    if one.btf.type_tags(one.type_id) != other.btf.type_tags(other.type_id):
        return None
    here, there = one.btf.skip_modifiers(one.type_id), other.btf.skip_modifiers(other.type_id)
    if here.name and here.name == there.name:
        if isinstance(here, t.Composite) and isinstance(there, t.Composite):
            return [] if here is there or _outline(here) == _outline(there) else None
        # A struct may be known as a forward declaration only.
        return [] if _keyword(here) == _keyword(there) else None
    return [(here, there)]


def _outline(struct: t.Composite) -> object:
    return struct.keyword, struct.size, [_place(member) for member in struct.members]


def _keyword(type_: t.Type) -> object:
    return type_.keyword if isinstance(type_, t.Composite | t.Fwd) else type_.kind


def _place(member: t.Member) -> tuple[str, int, int]:
    return member.name, member.bit_offset, member.bit_size


def _shape(type_: t.Type) -> object:
    """Return what tells two types of one name and kind apart that contain no others."""
    if isinstance(type_, t.Int):
        return type_.size, type_.bits, type_.bit_offset, type_.encoding
    if isinstance(type_, t.Enum):
        return type_.size, type_.is_signed, type_.enumerators
    if isinstance(type_, t.Fwd):
        return type_.is_union
    if isinstance(type_, t.FuncProto):
        return len(type_.params)
    return getattr(type_, "size", None)
