"""How kernel/bpf/btf.c sees a type when it shows an object: sizes, strides, and names.

This is not what the type actually is: `layout.py` says that. These are the kernel's own answers,
including wrong ones, for `snprintf.py` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from btfdump._btf import types
from btfdump._btf.strings import encode
from btfdump._btf.wire import Kind

if TYPE_CHECKING:
    from btfdump._btf.types import TypeTable

_MAX_ITER = 10  # BTF_SHOW_MAX_ITER
_NAME_SIZE = 80  # BTF_SHOW_NAME_SIZE, the NUL included
_MAX_RESOLVE_DEPTH = 32
_U32_MAX = 0xFFFFFFFF

_QUALIFIERS = frozenset((Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG))
_HAVE_SIZE = frozenset(  # btf_type_has_size()
    (Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.DATASEC, Kind.FLOAT, Kind.ENUM64)
)
_KEYWORDS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}


@dataclass(slots=True)
class Shape:
    """A type without its modifiers: its kind, and its size as btf_resolve_size() sees it.

    `size` is None where that function returns an error. Shapes outlive calls and so hold no `Btf`.
    """

    kind: int
    size: int | None


@dataclass(slots=True)
class IntShape(Shape):
    """An integer: `encoding` holds BTF_INT_SIGNED, _CHAR and _BOOL."""

    bits: int
    bit_offset: int
    encoding: int


@dataclass(slots=True)
class EnumShape(Shape):
    """An enumeration: the first name of each value."""

    is_signed: bool
    names: dict[int, str]


@dataclass(slots=True)
class ArrayShape(Shape):
    """An array: `stride` bytes from element to element, `encoding` as __btf_array_show() has it."""

    length: int
    element_id: int
    stride: int
    encoding: int


@dataclass(slots=True)
class VarShape(Shape):
    """A variable, and the type it is shown as."""

    target_id: int


@dataclass(slots=True)
class MemberShape:
    """A struct btf_member, its offset split into bytes and bits."""

    name: str
    type_id: int
    offset: int
    bit_offset: int
    bit_size: int
    shape: Shape | None = None


@dataclass(slots=True)
class CompositeShape(Shape):
    """A struct or union."""

    members: tuple[MemberShape, ...]


class Shapes:
    """The shapes and name prefixes of one `Btf`, each made on first use."""

    def __init__(self) -> None:
        self.by_id: dict[int, Shape] = {}
        self.prefixes: dict[tuple[str, int], tuple[str, str]] = {}

    def of(self, btf: TypeTable, type_id: int) -> Shape:
        """Return the shape of any type.

        Raises the same errors as `Btf.type()`, and `BtfFormatError` if the type is malformed.
        """
        shape = self.by_id.get(type_id)
        if shape is None:
            final_id = btf.final_id(type_id)
            shape = self.by_id.get(final_id) or _make_shape(btf, final_id)
            self.by_id[type_id] = self.by_id[final_id] = shape
        return shape

    def prefix(self, btf: TypeTable, member: str, type_id: int) -> tuple[str, str]:
        """Return the text before a value of that type, as (with names, with NONAME)."""
        key = (member, type_id)
        found = self.prefixes.get(key)
        if found is None:
            found = self.prefixes[key] = _make_prefix(btf, member, type_id)
        return found


_known: WeakKeyDictionary[TypeTable, Shapes] = WeakKeyDictionary()


def shapes_of(btf: TypeTable) -> Shapes:
    """Return the shapes of a `Btf`, kept for as long as it lives."""
    found = _known.get(btf)
    if found is None:
        found = _known[btf] = Shapes()
    return found


def _make_shape(btf: TypeTable, type_id: int) -> Shape:
    type_ = btf.type(type_id)
    kind, size = btf.kind(type_id), _resolve_size(btf, type_)
    if isinstance(type_, types.Int):
        if type_.bit_offset + type_.bits > type_.size * 8:  # btf_int_check_meta()
            raise btf.malformed(type_id, "more bits than fit into its bytes")
        return IntShape(kind, size, type_.bits, type_.bit_offset, type_.encoding)
    if isinstance(type_, types.Enum):
        names = {value: _latin1(name) for value, name in type_.names.items()}
        return EnumShape(kind, size, type_.is_signed, names)
    if isinstance(type_, types.Array):
        return _make_array(btf, type_, size)
    if isinstance(type_, types.Composite):
        return CompositeShape(kind, size, tuple(_make_member(type_, m) for m in type_.members))
    if isinstance(type_, types.Var):
        # btf_var_show(): the variable's type is shown as if its own id, without modifiers, had
        # been asked for.
        target_id = btf.final_id(type_.type_id)
        if btf.kind(target_id) == Kind.VAR:
            raise btf.malformed(type_id, "a variable of the type of a variable")
        return VarShape(kind, size, target_id)
    return Shape(kind, size)


def _make_array(btf: TypeTable, array: types.Array, size: int | None) -> ArrayShape:
    """Return the shape of an array, as __btf_array_show() treats its element type."""
    element = btf.skip_modifiers(array.type_id)
    # Only types that have a size move on to the next element: of pointers, and of arrays, the
    # first is shown again and again.
    stride = getattr(element, "size", 0) if element.kind in _HAVE_SIZE else 0
    encoding = 0
    if isinstance(element, types.Int):
        # Compilers don't mark `char`, so every integer of one byte counts as a character.
        encoding = types.Int.CHAR if element.size == 1 else element.encoding
    return ArrayShape(Kind.ARRAY, size, array.length, array.type_id, stride, encoding)


def _make_member(owner: types.Composite, member: types.Member) -> MemberShape:
    offset, bit_size = member.bit_offset, member.bit_size
    if bit_size and not owner.kind_flag:
        # The reader made a bit field of an integer narrower than its bytes. btf_int_show() decides
        # by itself, from the offset in the struct.
        offset -= owner.btf.odd_ints[owner.btf.final_id(member.type_id)][0]
        bit_size = 0
    return MemberShape(_latin1(member.name), member.type_id, offset >> 3, offset & 7, bit_size)


def _resolve_size(btf: TypeTable, type_: types.Type) -> int | None:
    """Return the size in bytes, or None if the type has none: btf_resolve_size()."""
    length = 1
    for _ in range(_MAX_RESOLVE_DEPTH):
        if isinstance(type_, types.Array):
            if type_.length * length > _U32_MAX:
                return None
            length *= type_.length
            type_ = type_.element
        elif isinstance(type_, types.Ptr):
            return _total(length, _pointer_size(btf))
        elif isinstance(type_, types.Int | types.Composite | types.Enum | types.Float):
            return _total(length, type_.size)
        elif isinstance(type_, types.Reference) and type_.kind in (*_QUALIFIERS, Kind.TYPEDEF):
            type_ = type_.target
        else:
            return None
    return None


def _total(length: int, size: int) -> int | None:
    return length * size if length * size <= _U32_MAX else None


def _pointer_size(btf: TypeTable) -> int:
    return btf.pointer_size or 8


def _make_prefix(btf: TypeTable, member: str, type_id: int) -> tuple[str, str]:
    """Return the text before a value: btf_show_name()."""
    # Qualifiers of the type itself are not skipped, so a `const int` has no name: "()".
    type_ = btf.type(type_id)
    typedef: str | None = None
    stars = brackets = 0
    for _ in range(_MAX_ITER):
        if isinstance(type_, types.Typedef):
            typedef = type_.name if typedef is None else typedef
            target_id = type_.type_id
        elif isinstance(type_, types.Array):
            brackets += 1
            target_id = type_.type_id
        elif isinstance(type_, types.Ptr):
            stars += 1
            target_id = type_.type_id
        else:
            break
        if not target_id:
            break
        type_ = _skip_qualifiers(btf, target_id)
    else:
        return "", ""  # too many steps: not even the member's name remains
    keyword = "" if typedef is not None else _KEYWORDS.get(type_.kind, "")
    name = _latin1(type_.name if typedef is None else typedef)
    opening = "[" if brackets else "{" if isinstance(type_, types.Composite) else ""
    if stars:  # anywhere on the way: an array of pointers has no "[", yet its "]"
        opening = ""
    full = (
        f"{f'.{member} = ' if member else ''}({keyword}{' ' if keyword and name else ''}{name}"
        f"{' ' if stars else ''}{'*' * stars}{'[]' * brackets}){opening}"
    )
    return full[: _NAME_SIZE - 1], opening


def _skip_qualifiers(btf: TypeTable, type_id: int) -> types.Type:
    """Strip qualifiers and type tags, but not typedefs: btf_type_skip_qualifiers()."""
    type_ = btf.type(type_id)
    seen = set()
    while type_.kind in _QUALIFIERS and isinstance(type_, types.Reference):
        if type_.id in seen:
            raise btf.malformed(type_id, "the type is made of itself")
        seen.add(type_.id)
        type_ = type_.target
    return type_


def _latin1(name: str) -> str:
    """Return a name with one character for each of its bytes."""
    return encode(name).decode("latin-1")
