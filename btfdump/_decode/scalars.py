"""Scalars: integers, bit fields, pointers, floats, and bytes that BTF only names."""

from __future__ import annotations

from enum import Enum, auto
from struct import Struct as Packer
from struct import unpack_from
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._btf import types

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._meaning import Meaning
    from btfdump._targets.memory import ByteOrder

    Raw: TypeAlias = int | float | bytes

_MAX_ENUM = 8  # bytes, as btf_enum_check_meta() in kernel/bpf/btf.c has it


class Category(Enum):
    """What a scalar means to a reader."""

    INT = auto()
    BOOL = auto()
    CHAR = auto()
    ENUM = auto()
    POINTER = auto()
    FLOAT = auto()
    OPAQUE = auto()
    """Bytes that BTF names but does not describe: void, a forward declaration, an unknown kind."""


class ScalarLayout:
    """A value decoded as a unit: `decode(data, offset)` -> int, float or bytes.

    `size` is in bytes. `code` is its struct.unpack() format, byte order and letter, or "" if it has
    none. `meaning` is what all values of its type mean, if anything is known of them.
    """

    __slots__ = (
        "base",
        "category",
        "code",
        "decode",
        "is_signed",
        "is_whole",
        "meaning",
        "size",
        "type",
    )

    def __init__(
        self,
        type_: types.Type,
        base: types.Type,
        category: Category,
        size: int,
        decode: Callable[[bytes, int], Raw],
        is_signed: bool,
        code: str = "",
    ) -> None:
        self.type = type_
        self.base = base
        self.category = category
        self.size = size
        self.decode = decode
        self.is_signed = is_signed
        self.code = code
        self.meaning: Meaning | None = None
        # Whether the value fills its 1, 2, 4 or 8 bytes, rather than being a narrower integer.
        self.is_whole = size in (1, 2, 4, 8) and (
            not isinstance(base, types.Int) or (base.bits == size * 8 and not base.bit_offset)
        )

    def decode_many(self, data: bytes, offset: int, count: int) -> list[Any]:
        """Decode `count` adjacent values from byte offset `offset`: elements of an array."""
        if self.code:
            return list(unpack_from(f"{self.code[0]}{count}{self.code[1]}", data, offset))
        decode, size = self.decode, self.size
        return [decode(data, offset + i * size) for i in range(count)]


class Scalars:
    """Makes the layouts of the scalars of one kernel. `pointer_size` is in bytes."""

    def __init__(self, byteorder: ByteOrder, pointer_size: int) -> None:
        self.byteorder = byteorder
        self.pointer_size = pointer_size
        mark = "<" if byteorder == "little" else ">"
        self._integers = {
            (size, signed): Packer(mark + (code if signed else code.upper()))
            for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
            for signed in (False, True)
        }
        self._floats = {size: Packer(mark + code) for size, code in ((2, "e"), (4, "f"), (8, "d"))}

    def of(self, type_: types.Type, base: types.Type) -> ScalarLayout:
        """Return the layout of a scalar, of which `base` is the type without its modifiers."""
        size, signed, category = 0, False, Category.OPAQUE
        if isinstance(base, types.Int):
            size, signed = base.size, base.is_signed
            category = Category.INT
            if base.is_bool:
                category = Category.BOOL
            elif base.is_char or base.name == "char":
                category = Category.CHAR
            if base.bits != base.size * 8 or base.bit_offset:
                return ScalarLayout(
                    type_,
                    base,
                    category,
                    size,
                    self.bits(base.bit_offset, base.bits, signed),
                    signed,
                )
        elif isinstance(base, types.Ptr):
            size, category = self.pointer_size, Category.POINTER
            if size == 4:  # pointers in the values of BPF maps still have 8 bytes
                size = base.btf.pointer_size or size
        elif isinstance(base, types.Enum | types.Enum64):
            size, signed, category = base.size, base.is_signed, Category.ENUM
            if size > _MAX_ENUM:
                reason = f"{base} has {size} bytes, an enum has {_MAX_ENUM} at most"
                raise base.btf.malformed(base.id, reason)
        elif isinstance(base, types.Float):
            size, category = base.size, Category.FLOAT
            packer = self._floats.get(size)
            if packer is None:
                return ScalarLayout(type_, base, category, size, _bytes_reader(size), True)
            return ScalarLayout(type_, base, category, size, _first(packer), True)
        if category is Category.OPAQUE:
            return ScalarLayout(type_, base, category, 0, _bytes_reader(0), False)
        packer = self._integers.get((size, signed))
        code = packer.format if packer is not None else ""
        return ScalarLayout(type_, base, category, size, self.integer(size, signed), signed, code)

    def integer(self, size: int, signed: bool) -> Callable[[bytes, int], int]:
        """Return a function (bytes, offset) -> int that reads a whole integer of `size` bytes."""
        packer = self._integers.get((size, signed))
        if packer is not None:
            return _first(packer)
        byteorder = self.byteorder

        def read(data: bytes, offset: int) -> int:
            return int.from_bytes(data[offset : offset + size], byteorder, signed=signed)

        return read

    def bits(self, bit_offset: int, bit_size: int, signed: bool) -> Callable[[bytes, int], int]:
        """Return a function (bytes, offset) -> int that reads a bit field of `bit_size` bits.

        It starts `bit_offset` bits after the byte offset. Bits count from the least significant on
        little-endian and from the most significant on big-endian, as compilers lay out bit fields.
        """
        first, last = bit_offset // 8, (bit_offset + bit_size + 7) // 8
        byteorder = self.byteorder
        if byteorder == "little":
            shift = bit_offset - first * 8
        else:
            shift = last * 8 - (bit_offset + bit_size)
        mask = (1 << bit_size) - 1
        sign = 1 << (bit_size - 1) if signed and bit_size else 0

        def read(data: bytes, offset: int) -> int:
            word = int.from_bytes(data[offset + first : offset + last], byteorder)
            value = (word >> shift) & mask
            return value - (mask + 1) if value & sign else value

        return read


def _first(packer: Packer) -> Callable[[bytes, int], int]:
    unpack_from = packer.unpack_from

    def read(data: bytes, offset: int) -> int:
        value: int = unpack_from(data, offset)[0]
        return value

    return read


def _bytes_reader(size: int) -> Callable[[bytes, int], bytes]:
    def read(data: bytes, offset: int) -> bytes:
        return data[offset : offset + size]

    return read
