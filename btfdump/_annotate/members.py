"""Members of structs by path, as annotations name them: where they are and of which type."""

from __future__ import annotations

from typing import NamedTuple

from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump._decode.paths import split_path
from btfdump._walk import FAMILIES
from btfdump.errors import BtfFormatError

CHAIN = "chain"
"""The container that a pointer to a struct may be: its target, and what that one leads to."""

_CAST = {"llist_node": "list_head"}
"""Links as which the kernel takes another: while it waits in a cache, an object is on no list."""


def head_type(type_: types.Type) -> str | None:
    """Name the container type that `type_` is, or that the elements of an array `type_` are."""
    name = struct_name(type_)
    return name if name in FAMILIES else None


def struct_name(type_: types.Type) -> str | None:
    """Name the struct that `type_` is, or that the elements of an array `type_` are."""
    try:
        base = _element(type_)
    except BtfFormatError:
        return None
    return base.name if isinstance(base, types.Composite) else None


def container_type(type_: types.Type) -> str | None:
    """Name the container type that `type_` is, that its elements are, or that it points to.

    A pointer to any other struct, or to void, may be the beginning of a chain.
    """
    try:
        pointer = _element(type_)
        if not isinstance(pointer, types.Ptr):
            return head_type(type_)
        target = pointer.btf.type(pointer.type_id)
        base = _element(target)
    except BtfFormatError:
        return None
    found = head_type(target)
    return found or (CHAIN if isinstance(base, types.Composite | types.Void) else None)


def target_struct(type_: types.Type) -> types.Composite | None:
    """Return the struct that a type is, that its elements are, or that it points to."""
    try:
        base = _element(type_)
        if isinstance(base, types.Ptr):
            base = _element(base.btf.type(base.type_id))
    except BtfFormatError:
        return None
    return base if isinstance(base, types.Composite) else None


def may_lead_to(type_: types.Type, struct: str) -> bool:
    """Whether a pointer, or an array of them, leads to a struct of that name, or to void."""
    try:
        pointer = _element(type_)
        if not isinstance(pointer, types.Ptr):
            return False
        target = _element(pointer.btf.type(pointer.type_id))
    except BtfFormatError:
        return False
    return isinstance(target, types.Void) or target.name == struct


def _element(type_: types.Type) -> types.Type:
    """Strip modifiers and arrays."""
    base = type_.btf.skip_modifiers(type_)
    for _ in range(8):
        if not isinstance(base, types.Array):
            break
        base = base.btf.skip_modifiers(base.type_id)
    return base


class Resolved(NamedTuple):
    """What a dotted path leads to: `type`, `offset` bytes into the object that it is in.

    `stride` is the size of the elements of the array that the last `[]` of the path names, 0 if
    there is none. `pieces` are the parts of the path, cut wherever it leaves an object through a
    pointer.
    """

    type: types.Type
    offset: int
    stride: int
    pieces: list[str]


def resolve(struct: types.Composite, path: str, *, is_within: bool = True) -> Resolved | None:
    """Follow a dotted path of members from a struct; None if there is no such member.

    It stays within the struct, and an array on the way is written `name[]`; or else, with
    `is_within` false, it passes through arrays and pointers as they come.
    """
    current: types.Type = struct
    pieces: list[list[str]] = [[]]
    offset = stride = 0
    for step in split_path(path):
        name = step.removesuffix("[]") if is_within else step
        if not is_within:
            current = _element(current)
            if isinstance(current, types.Ptr) and pieces[-1]:
                current, offset = _element(current.btf.type(current.type_id)), 0
                pieces.append([])
        found = find_member(current, name)
        if found is None:
            return None
        current = found.type
        offset += found.offset
        pieces[-1].append(step)
        if name != step:
            base = current.btf.skip_modifiers(current)
            if not isinstance(base, types.Array):
                return None
            current = base.btf.type(base.type_id)
            stride = base.btf.sizeof(current)
    return Resolved(current, offset, stride, [".".join(piece) for piece in pieces])


def owner_of(struct: types.Composite, path: str) -> tuple[str, str] | None:
    """Return the innermost struct of a name that a member path leads into, and the rest of it.

    The path may lead through pointers. None if there is no such member.
    """
    owner, rest = struct.name, ""
    current: types.Composite | None = struct
    for name in split_path(path):
        if current is None:
            return None
        if rest and current.name:
            owner, rest = current.name, ""
        found = find_member(current, name)
        if found is None:
            return None
        current = target_struct(found.type)
        rest = f"{rest}.{name}" if rest else name
    return owner, rest


def link_offset(struct: types.Composite, node: str, link: str | None) -> tuple[int, int] | str:
    """Return (offset in bytes, stride) of the link, or a text that says what is wrong with it.

    If entries are pointers (`link` is None) it is the member that they point to, of any type.
    """
    resolved = resolve(struct, node)
    if resolved is None:
        return f"{struct} has no member {node}"
    type_, offset, stride, _ = resolved
    if link is None:
        return offset, stride
    base = type_.btf.skip_modifiers(type_)
    if not isinstance(base, types.Composite) or base.name not in (link, _CAST.get(link)):
        return f"{struct} member {node} is {type_}, expected struct {link}"
    return offset, stride


def next_offset(struct: types.Composite, node: str) -> tuple[int, int] | str:
    """Return (offset in bytes, 0) of a chain's pointer to the next, or what is wrong with it."""
    resolved = resolve(struct, node)
    if resolved is None:
        return f"{struct} has no member {node}"
    base = resolved.type.btf.skip_modifiers(resolved.type)
    target = base.btf.skip_modifiers(base.type_id) if isinstance(base, types.Ptr) else None
    if target is not struct and not isinstance(target, types.Void):
        return f"{struct} member {node} is {resolved.type}, expected {struct} *"
    return resolved.offset, 0


def links_of(struct: types.Composite, link: str | None) -> list[tuple[str, int]]:
    """Name every member that could be the link, with its offset, for a tag that names no link."""
    if link is None:
        return [("", 0)]
    found = []
    for member in struct.members:
        base = struct.btf.skip_modifiers(member.type_id)
        if isinstance(base, types.Composite) and base.name == link and member.name:
            found.append((member.name, member.offset))
    return found
