"""Print an object byte for byte as the kernel's bpf_snprintf_btf() does, quirks included.

This does what kernel/bpf/btf.c does, for bytes from anywhere: right where the kernel is right,
wrong where it is wrong. A comment at each quirk names the function that causes it. Nothing else in
btfdump behaves like this; the `text` format is the one to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct as Packer
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf.expansion import is_overgrown, overgrown
from btfdump._btf.types import Int
from btfdump._btf.wire import STRUCT_FORMAT, Kind
from btfdump._render.show.shapes import shapes_of
from btfdump.errors import UnprintableTypeError, UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from btfdump._btf.types import TypeTable
    from btfdump._render.show.shapes import (
        ArrayShape,
        CompositeShape,
        EnumShape,
        IntShape,
        MemberShape,
        Shape,
        VarShape,
    )

_WINDOW = 32  # BTF_SHOW_OBJ_SAFE_SIZE
_BASE_TYPE_SIZE = 16  # BTF_SHOW_OBJ_BASE_TYPE_SIZE
_MAX_INDENT = 32
_MAX_DEPTH = 255  # the depth in struct btf_show has eight bits
_MAX_ERRNO = 4095
_U32_MAX = 0xFFFFFFFF
_U64_MAX = 0xFFFFFFFFFFFFFFFF

_FREE_STEPS, _STEPS = 65_536, 1 << 22
"""How often a value may be looked at: without a question, and if the type can be one at all.

Kernel types stay far below. An array of bytes that are not zero takes two for each: a map's value
may have 2 MiB of them, which take seconds.
"""

_INTEGERS = {
    byteorder: {
        (bits, signed): Packer(mark + (code if signed else code.upper())).unpack_from
        for bits, code in ((8, "b"), (16, "h"), (32, "i"), (64, "q"))
        for signed in (0, Int.SIGNED)
    }
    for byteorder, mark in STRUCT_FORMAT.items()
}
"""How integers that fill their bytes are read: byte order -> (bits, BTF_INT_SIGNED) -> reader."""

_Parts: TypeAlias = "Generator[_Parts]"
"""A walk over the parts of a struct or array; it yields the walk of each part that has parts."""


def snprintf_btf(
    btf: TypeTable,
    type_id: int,
    data: bytes | bytearray | memoryview,
    *,
    compact: bool = False,
    noname: bool = False,
    ptr_raw: bool = False,
    zero: bool = False,
    size: int | None = None,
    hash_pointer: Callable[[int], int] | None = None,
) -> bytes:
    """Return what bpf_snprintf_btf() prints for the object of type `type_id` in `data`.

    `compact`, `noname`, `ptr_raw` and `zero` are its flags BTF_F_COMPACT, BTF_F_NONAME,
    BTF_F_PTR_RAW and BTF_F_ZERO. `size` is the size of its buffer in bytes: at most `size` - 1
    bytes are returned, while the helper itself returns the length that it would have needed.
    Without `ptr_raw`, a pointer is printed as the 32 bits that `hash_pointer` makes of it, or as it
    is if there is no `hash_pointer` (as in a kernel booted with no_hash_pointers). The text is to
    be decoded as latin-1.

    An enumeration of less than 4 bytes (8 for an ENUM64) is printed together with its neighbours,
    as the kernel does. Where the kernel would print bytes of its own stack instead of neighbours,
    they are 0 here.

    Raises `TypeNotFoundError` if the helper would return -ENOENT (no such id),
    `UnprintableTypeError` if it would return -EINVAL (id 0, a section, a type without a size),
    `ValueError` if `data` is shorter than the type or `size` is negative, and `BtfFormatError` for
    BTF that no kernel would have loaded.
    """
    if size is not None and size < 0:
        raise ValueError(f"size is {size}, a buffer has 0 bytes or more")
    text = Show(btf, data, Flags(compact, noname, ptr_raw, zero), hash_pointer).run(type_id)
    return text if size is None else text[: max(size - 1, 0)]


@dataclass(frozen=True)
class Flags:
    """BTF_F_COMPACT, BTF_F_NONAME, BTF_F_PTR_RAW and BTF_F_ZERO."""

    compact: bool = False
    noname: bool = False
    ptr_raw: bool = False
    zero: bool = False


class Show:
    """One call of bpf_snprintf_btf(): its flags, its `struct btf_show`, and the text so far.

    A struct or array within another is walked twice unless zeros are shown: first in silence, to
    see whether anything in it would be shown. Then `depth_check` is not 0, so that nothing is
    printed (btf_show()), and `depth_to_show` becomes the depth of the deepest value that would be.
    The silent walk leaves traces in the other fields. `is_defined` turns False where the kernel
    would have printed bytes of its own stack.
    """

    def __init__(
        self,
        btf: TypeTable,
        data: bytes | bytearray | memoryview,
        flags: Flags,
        hash_pointer: Callable[[int], int] | None = None,
    ) -> None:
        self.btf = btf
        self.shapes = shapes_of(btf)
        self.data = bytes(data)
        self.flags = flags
        self.hash_pointer = None if flags.ptr_raw else hash_pointer
        self.newline = "" if flags.compact else "\n"
        self.text: list[str] = []
        self.steps = _FREE_STEPS
        self.is_checked = False
        # struct btf_show.state
        self.depth = 0
        self.depth_to_show = 0
        self.depth_check = 0
        self.array_member = False
        self.array_terminated = False
        self.array_encoding = 0
        self.kind: int | None = None  # of state.type
        self.type_id = 0
        self.member: MemberShape | None = None
        self.problem: Exception | None = None  # state.status
        self.whole_id = 0
        # struct btf_show.obj: `safe` holds the bytes of the object from offset `window` on
        self.object_size = 0
        self.window = -_WINDOW
        self.safe = bytearray(_WINDOW)
        self.is_defined = True
        self.byteorder = btf.byteorder
        self.integers = _INTEGERS[btf.byteorder]

    def run(self, type_id: int) -> bytes:
        """Show the object: btf_type_show(). The walks are kept on a stack of our own."""
        if type_id == 0:
            raise UnprintableTypeError("type [0] is void: it cannot be printed")
        self.whole_id = type_id
        stack = [self._show(self.shapes.of(self.btf, type_id), type_id, 0, 0)]
        while stack:
            part = next(stack[-1], None) if stack[-1] is not None else None
            if part is None:
                stack.pop()
            else:
                stack.append(part)
        if self.problem is not None:
            raise self.problem
        return "".join(self.text).encode("latin-1")

    def _show(self, shape: Shape, type_id: int, at: int, bit_offset: int) -> _Parts | None:
        """Show a scalar now, or return the walk that shows a struct or array."""
        self.steps -= 1
        if self.steps < 0:
            self._grant_steps()
        handler = _HANDLERS.get(shape.kind)
        if handler is not None:
            return handler(self, shape, type_id, at, bit_offset)
        # btf_df_show(): anything else, such as a float, has no name, no delimiter and no newline,
        # and does not count as something that is shown.
        if not self.depth_check:
            self.text.append(f"<unsupported kind:{shape.kind}>")
        return None

    # Text

    def _indent(self) -> str:
        return "" if self.flags.compact else " " * min(self.depth, _MAX_INDENT)

    def _delimiter(self) -> str:
        """Return what follows a value: btf_show_delim()."""
        if not self.depth:
            return ""
        # The type is forgotten after each member, so this is the end of a union without any.
        return "|" if self.flags.compact and self.kind == Kind.UNION else ","

    def _name(self) -> str:
        """Return the text before a value: btf_show_name()."""
        # Set while an array's element is shown, whatever is inside of it: there, nothing has a
        # name or an opening bracket until an inner array has shown an element of its own.
        if self.array_member:
            return ""
        member = self.member
        if member is None:
            return self.shapes.prefix(self.btf, "", self.type_id)[self.flags.noname]
        return self.shapes.prefix(self.btf, member.name, member.type_id)[self.flags.noname]

    def _value(self, text: str, value: object, is_zero: bool) -> None:
        """Show a value, formatted by `text`: btf_show_type_value()."""
        depth = self.depth
        if is_zero and depth and not self.flags.zero:
            return
        if not self.depth_check:
            self.text.append(
                f"{self._indent()}{self._name()}{text % value}{self._delimiter()}{self.newline}"
            )
        self.depth_to_show = max(depth, self.depth_to_show)

    # Memory

    def _start_type(self, shape: Shape, type_id: int, at: int) -> int | None:
        """Return the offset in `safe` of the bytes of the object at offset `at`.

        btf_show_start_type() and btf_show_obj_safe(): a copy of up to 32 bytes is made if the bytes
        wanted are not in the last one. Returns None if the type has no size.
        """
        self.kind, self.type_id = shape.kind, type_id
        if shape.size is None:
            self.problem = UnprintableTypeError(
                f"type [{type_id}] cannot be printed: btf_resolve_size() finds no size for it"
            )
            return None
        if not self.depth:
            self._start_object(shape.size)
        else:
            start = at - self.window
            if start >= 0 and start + min(shape.size, _BASE_TYPE_SIZE) < _WINDOW:
                return start
        left = min(self.object_size - at, _WINDOW)
        if left < 0:
            raise self.btf.malformed(type_id, "lies behind the end of what it is part of")
        self.safe[:left] = self.data[at : at + left]  # the bytes after it keep their old contents
        self.window = at
        self.problem = None  # a successful copy clears an earlier error
        return 0

    def _start_object(self, size: int) -> None:
        if len(self.data) < size:
            raise ValueError(f"data has {len(self.data)} bytes, the object needs {size}")
        self.object_size = size

    def _grant_steps(self) -> None:
        """Let the walk of a large object go on, once; raises `UnusableBtfError` if it is too large.

        If the limit does not allow for the whole object, nothing of it is printed.
        """
        whole = self.btf.type(self.whole_id)
        if is_overgrown(whole, self.object_size):
            raise overgrown(whole)
        if self.is_checked:
            raise UnusableBtfError(0, f"{whole} has too many values to be printed: over {_STEPS}")
        self.is_checked = True
        self.steps = _STEPS - _FREE_STEPS

    def _end_type(self) -> None:
        """btf_show_end_type()."""
        self.kind, self.type_id = None, 0

    def _unsigned(self, start: int, size: int) -> int:
        """Return the unsigned number of `size` bytes at `start` in `safe`, or beyond its end."""
        if start + size > _WINDOW:
            self.is_defined = False
        found = bytes(self.safe[start : start + size])
        return int.from_bytes(found.ljust(size, b"\0"), self.byteorder)

    # Kinds

    def _int(self, shape: IntShape, type_id: int, at: int, bit_offset: int) -> None:
        """btf_int_show()."""
        start = self._start_type(shape, type_id, at)
        if start is None:
            return
        bits = shape.bits
        is_signed = shape.encoding & Int.SIGNED
        if bit_offset or shape.bit_offset or (bits, is_signed) not in self.integers:
            if bits == 128 and not (bit_offset or shape.bit_offset):
                self._int128(self._unsigned(start, 16))
            else:  # btf_int_bits_show()
                skipped, bit_offset = divmod(bit_offset + shape.bit_offset, 8)
                self._bits(start + skipped, bit_offset, bits)
        else:
            value = self.integers[bits, is_signed](self.safe, start)[0]
            if bits != 8 or self.array_encoding != Int.CHAR or not self._char(value):
                self._value("%d", value, not value)
        self._end_type()

    def _char(self, value: int) -> bool:
        """Show a character of an array, or its end; False if it is to be shown as a number."""
        value &= 0xFF
        if self.array_terminated:
            return True
        if not value:
            self.array_terminated = True
        elif 0x20 <= value <= 0x7E or value >= 0xA0:  # isprint() of lib/ctype.c: latin-1
            self._value("'%c'", value, False)
        else:
            return False
        return True

    def _bits(self, start: int, bit_offset: int, bits: int) -> None:
        """Show a bit field as hex, whatever its type: btf_bitfield_show()."""
        copied = bit_offset + bits
        if copied > 128:
            raise self.btf.malformed(
                self.whole_id, f"a bit field in it ends {copied} bits after its first byte"
            )
        size = (copied + 7) // 8
        raw = self._unsigned(start, size)
        if self.byteorder == "big":
            raw <<= 128 - 8 * size
            left = bit_offset
        else:
            left = 128 - copied
        self._int128(_shift(raw, left, 128 - bits))

    def _int128(self, value: int) -> None:
        """btf_int128_print(): hex, and a high half that is not 0 is printed as such."""
        self._value("%#x", value, not value)

    def _enum(self, shape: EnumShape, type_id: int, at: int, bit_offset: int) -> None:
        """btf_enum_show() and btf_enum64_show()."""
        start = self._start_type(shape, type_id, at)
        if start is None:
            return
        # Four bytes, or eight, are read whatever the size of the enumeration.
        bits = 64 if shape.kind == Kind.ENUM64 else 32
        value = self._unsigned(start, bits // 8)
        if shape.is_signed and value >> (bits - 1):
            value -= 1 << bits
        name = shape.names.get(value)
        if name is None:
            self._value("%d", value, not value)
        else:  # a name is never zero
            self._value("%s", name, False)
        self._end_type()

    def _ptr(self, shape: Shape, type_id: int, at: int, bit_offset: int) -> None:
        """btf_ptr_show()."""
        start = self._start_type(shape, type_id, at)
        if start is None:
            return
        size = shape.size or 0
        value = self._unsigned(start, size)
        shown = value
        # ptr_to_id() in lib/vsprintf.c: NULL and error pointers are not hashed.
        if self.hash_pointer and value and value < (1 << 8 * size) - _MAX_ERRNO:
            shown = self.hash_pointer(value) & _U32_MAX
        self._value(f"0x%0{2 * size}x", shown, not value)
        self._end_type()

    def _var(self, shape: VarShape, type_id: int, at: int, bit_offset: int) -> _Parts | None:
        target = self.shapes.of(self.btf, shape.target_id)
        return self._show(target, shape.target_id, at, bit_offset)

    def _datasec(self, shape: Shape, type_id: int, at: int, bit_offset: int) -> None:
        """btf_datasec_show(): a section has no size for btf_resolve_size()."""
        self._start_type(shape, type_id, at)

    # Structs and arrays

    def _struct(self, shape: CompositeShape, type_id: int, at: int, bit_offset: int) -> _Parts:
        return self._if_not_zero(lambda: self._members(shape, type_id, at))

    def _array(self, shape: ArrayShape, type_id: int, at: int, bit_offset: int) -> _Parts:
        return self._if_not_zero(lambda: self._elements(shape, type_id, at, bit_offset))

    def _if_not_zero(self, walk: Callable[[], _Parts]) -> _Parts:
        """Walk a struct or array if anything in it is to be shown: btf_{struct,array}_show()."""
        if self.depth and not self.flags.zero:
            member = self.member
            if not self.depth_check:
                self.depth_check = self.depth + 1
                self.depth_to_show = 0
            yield from walk()
            self.member = member
            if self.depth_check != self.depth + 1:  # the silent walk of something further out
                return
            self.depth_check = 0
            if self.depth_to_show <= self.depth:
                return
        yield from walk()

    def _start_aggregate(self, shape: Shape, type_id: int, at: int) -> bool:
        """btf_show_start_aggr_type(); returns False if there is nothing to walk."""
        if self._start_type(shape, type_id, at) is None:
            return False
        # The bracket is part of the name, and missing where that is.
        if not self.depth_check:
            self.text.append(f"{self._indent()}{self._name()}{self.newline}")
        if self.depth == _MAX_DEPTH:
            raise UnusableBtfError(0, f"type [{type_id}] is nested more than {_MAX_DEPTH} deep")
        self.depth += 1
        return True

    def _end_aggregate(self, bracket: str) -> None:
        """btf_show_end_aggr_type()."""
        self.depth -= 1
        if not self.depth_check:
            self.text.append(f"{self._indent()}{bracket}{self._delimiter()}{self.newline}")
        self._end_type()

    def _members(self, shape: CompositeShape, type_id: int, at: int) -> _Parts:
        """__btf_struct_show()."""
        if not self._start_aggregate(shape, type_id, at):
            return
        for member in shape.members:
            self.member = member
            inner = member.shape
            if inner is None:
                inner = member.shape = self.shapes.of(self.btf, member.type_id)
            if member.bit_size:
                start = self._start_type(inner, member.type_id, at + member.offset)
                if start is not None:
                    self._bits(start, member.bit_offset, member.bit_size)
                self._end_type()
            else:
                walk = self._show(inner, member.type_id, at + member.offset, member.bit_offset)
                if walk is not None:
                    yield walk
            self.member = None
        self._end_aggregate("}")

    def _elements(self, shape: ArrayShape, type_id: int, at: int, bit_offset: int) -> _Parts:
        """__btf_array_show()."""
        self.array_encoding = shape.encoding
        self.array_terminated = False
        if not self._start_aggregate(shape, type_id, at):
            return
        element = self.shapes.of(self.btf, shape.element_id)
        for _ in range(shape.length):
            self.array_member = True
            self.member = None
            walk = self._show(element, shape.element_id, at, bit_offset)
            if walk is not None:
                yield walk
            at += shape.stride
            # One flag for all arrays around: the end of an inner element ends the outer one, too.
            self.array_member = False
            self.member = None
            if self.array_terminated:
                break
        self.array_encoding = 0
        self.array_terminated = False
        self._end_aggregate("]")


_HANDLERS: dict[int, Callable[..., _Parts | None]] = {
    Kind.INT: Show._int,
    Kind.PTR: Show._ptr,
    Kind.ARRAY: Show._array,
    Kind.STRUCT: Show._struct,
    Kind.UNION: Show._struct,
    Kind.ENUM: Show._enum,
    Kind.ENUM64: Show._enum,
    Kind.VAR: Show._var,
    Kind.DATASEC: Show._datasec,
}
"""btf_kind_operations.show, by kind; the others have btf_df_show()."""


def _shift(value: int, left: int, right: int) -> int:
    """Shift 128 bits to the left, then to the right, as btf_int128_shift() does by halves.

    The kernel shifts one half by 64 minus the distance: by 64 if that is 0, which a 64-bit CPU
    treats as a shift by 0, so that one half is OR-ed into the other.
    """
    high, low = value >> 64, value & _U64_MAX
    if left >= 64:
        high, low = low << (left - 64 & 63) & _U64_MAX, 0
    else:
        high = (high << left | low >> (64 - left & 63)) & _U64_MAX
        low = low << left & _U64_MAX
    if right >= 64:
        high, low = 0, high >> (right - 64 & 63)
    else:
        high, low = high >> right, (low >> right | high << (64 - right & 63)) & _U64_MAX
    return high << 64 | low
