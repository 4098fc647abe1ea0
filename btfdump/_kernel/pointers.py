"""Pointers: the type, address and address space of their targets, and C strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._kernel.expression import Path
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.fields import Field
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.typed import TypedAddress

MAX_POINTERS = 8
"""The most pointers to pointers that are followed to reach a struct; C programs use two at most."""
ELSEWHERE = ("user", "percpu", "iomem", "none")
"""Address spaces whose addresses do not refer to the kernel's own memory; "none" has no address."""
MOVED = "changed while it was read: what it pointed to may be gone"
"""What is said of a pointer of live memory that `has_changed()`."""
_STRING_PIECE = 64


class Globals:
    """The global variables of the kernel that `near` belongs to, looked up like members."""

    def __init__(self, near: TypedAddress) -> None:
        self._near = near

    def member_(self, name: str) -> TypedAddress:
        """Return a variable; raises `SymbolNotFoundError` or `ExpressionError`."""
        type_, address, _ = self._near._context_.own_variable(name)
        return self._near._at_(type_, address)


def pointer_space(pointer: types.Ptr, facts: MemberFacts | None) -> str | None:
    """Return a pointer's address space, by type tag or annotation: "user", "percpu", ...

    Returns None for an ordinary kernel pointer.
    """
    for tag in pointer.btf.type_tags(pointer.type_id):
        if tag in ELSEWHERE:
            return tag
        if tag == "percpu_kptr":  # used in the values of BPF maps
            return "percpu"
    return facts.space if facts is not None else None


def space_of(layout: Layout, facts: MemberFacts | None) -> str | None:
    """Return the address space of a pointer type; None for kernel memory or any other type."""
    return pointer_space(layout.base, facts) if isinstance(layout.base, types.Ptr) else None


def target_of(
    context: Context, layout: Layout, facts: MemberFacts | None, *, is_followed: bool
) -> types.Type | None:
    """Return the type that a pointer points to, without modifiers; None if there is none.

    For one that is followed (`is_followed`), modules are asked for a struct that is only declared.
    """
    if facts is not None and facts.points_to is not None:
        return facts.points_to
    if not isinstance(layout.base, types.Ptr):
        return None
    target = context.pointee(layout.base)
    is_declared = is_followed and isinstance(target, types.Fwd)
    return context.definitions.of(target) if is_declared else target


def target_type(pointer: TypedAddress, facts: MemberFacts | None) -> types.Type:
    """Return the type of what a pointer into kernel memory leads to; no memory is read.

    It is the declared one, unless an annotation or the kernel's own version of a BPF program's
    struct replaces it.
    """
    real = target_of(pointer._context_, pointer._layout_, facts, is_followed=True)
    if isinstance(real, types.Composite):
        return real
    base = _pointer(pointer)
    target = base.btf.type(base.type_id)
    while isinstance(target, types.TypeTag):  # describes the pointer, not the object
        target = target.target
    return target


def destination(pointer: TypedAddress, facts: MemberFacts | None) -> tuple[types.Type, int]:
    """Return the type and virtual address of what a pointer into kernel memory leads to.

    The type is that of `target_type()`. Raises `FaultError` if the pointer is NULL, unreadable, or
    points into another address space, and `CorruptDataError` if an annotated target cannot be
    located.
    """
    address = int(pointer)
    target = target_type(pointer, facts)
    holder, name = pointer._outer_ or (pointer, "the pointer")
    if facts is not None and facts.points_to is not None:
        address = address_of(holder, address, facts) if address else 0
    if not address:
        raise FaultError(0, 0, f"{name} is NULL ({pointer.type_})")
    space = pointer_space(_pointer(pointer), facts)
    if space == "none":
        raise FaultError(address, 0, f"{address:#x} is no address here, by annotation")
    if space in ELSEWHERE:
        remedy = ": say of which CPU, as [0]" if space == "percpu" else ""
        told = f"{address:#x} is a __{space} pointer ({pointer.type_}){remedy}"
        raise FaultError(address, 0, told)
    return target, address


def _pointer(pointer: TypedAddress) -> types.Ptr:
    base = pointer.type_.btf.skip_modifiers(pointer.type_)
    assert isinstance(base, types.Ptr)
    return base


def struct_behind(
    context: Context, layout: Layout, facts: MemberFacts | None
) -> StructLayout | None:
    """Return the struct that a type is, or that it leads to through pointers; None if neither."""
    for _ in range(MAX_POINTERS):
        if not isinstance(layout, ScalarLayout):
            break
        target = target_of(context, layout, facts, is_followed=True)
        if target is None:
            return None
        layout, facts = context.layouts.of(target), None
    return layout if isinstance(layout, StructLayout) else None


def has_changed(context: Context, slot: int, pointer: int) -> bool:
    """Whether the pointer at virtual address `slot` is another now, or cannot be read any more."""
    try:
        data = context.target.read(slot, context.layouts.pointer_size)
    except FaultError:
        return True
    return int.from_bytes(data, context.layouts.byteorder) != pointer


def told_by(field: Field) -> str:
    """Return the source of a type, length or target that the C declaration does not give.

    Returns "" if the C declaration says everything.
    """
    facts: MemberFacts | None = field.facts
    if facts is None:
        return ""
    is_told = facts.is_typed or facts.length is not None or facts.points_to is not None
    return facts.provenance if is_told else ""


def address_of(holder: TypedAddress, address: int, facts: MemberFacts) -> int:
    """Return the virtual address of what a pointer member of `holder` leads to.

    `address` is the pointer's value. The target may be a struct that contains the address, or a
    struct somewhere in a blob at an offset that a global variable holds; the latter must point back
    to `holder`. Raises `CorruptDataError` if the target is not there or cannot be located.
    """
    context = holder._context_
    if facts.placed is None or facts.points_to is None:
        return context.wrap(address - facts.points_into)
    name, _, member = facts.placed.displacement.partition(".")
    try:
        displacement = Path.parse(f".{member}").follow(Globals(holder).member_(name))
        place = context.wrap(address + int(displacement))
        found = holder._at_(facts.points_to, place)
        back = int(Path.parse(f".{facts.placed.back}").follow(found))
    except (BtfdumpError, LookupError) as error:
        raise CorruptDataError(f"no {facts.points_to} behind {address:#x}: {error}") from error
    if back != holder.address_:
        raise CorruptDataError(
            f"no {facts.points_to} at {place:#x}: {facts.placed.back} is {back:#x}, "
            f"not {holder.address_:#x}",
            place,
        )
    return place


def read_string(context: Context, address: int, limit: int) -> bytes:
    """Read a C string of at most `limit` bytes, without its NUL.

    Raises `FaultError` if its first bytes cannot be read; a string that runs into a fault ends
    there.
    """
    text = b""
    while len(text) < limit:
        # A piece never crosses a 64-byte line, so it never reaches into the next page.
        size = min(_STRING_PIECE - address % _STRING_PIECE, limit - len(text))
        try:
            piece = context.target.read(address, size)
        except FaultError as error:
            size = error.address - address  # a buffer may end before its line does
            if 0 < size < _STRING_PIECE:
                piece = context.target.read(address, size)
                limit = len(text) + size
            elif text:
                break
            else:
                raise
        end = piece.find(b"\0")
        if end >= 0:
            return text + piece[:end]
        text += piece
        address += size
    return text
