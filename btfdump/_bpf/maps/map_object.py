"""MapObject: a `struct bpf_map`, its kind and types, and where things are in its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps.elements import PREFIX, Element
from btfdump._btf import types
from btfdump._decode.scalars import ScalarLayout
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import offset_of, value_at
from btfdump.errors import (
    CorruptDataError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.map_types import MapType
    from btfdump._kernel.context import Context

MAX_VALUE = 1 << 24
"""Bytes of the largest key or value that is believed."""
_PIECE = 1 << 16
"""Bytes that are read of an array at once."""


class MapObject(Value):
    """A BPF map: the `struct bpf_map` at `address_`; `MapValue` also knows its elements.

    Members read as in C: `map.value_size`.
    """

    __slots__ = ("_kind", "_types")

    def __init__(self, context: Context, address: int, data: bytes | None = None) -> None:
        super().__init__(context, context.own_type("struct bpf_map"), address, data)
        self._types: MapType | None = None
        self._kind: str | None = None

    @property
    def kind_(self) -> str:
        """The type of the map without its prefix: `HASH`, `LPM_TRIE`; without a name, its number.

        Raises `FaultError`.
        """
        if self._kind is None:
            map_type = self.map_type
            name = map_type.enumerator_()
            self._kind = name.removeprefix(PREFIX) if name else str(int(map_type))
        return self._kind

    @property
    def name_(self) -> str:
        """The map's name, or its id if it has no name; raises `FaultError`."""
        return self.types_.name

    @property
    def types_(self) -> MapType:
        """The types of its keys and values; raises `FaultError`."""
        if self._types is None:
            assert self._context._map_types is not None
            found: MapType = self._context._map_types.of(self)
            self._types = found
        return self._types

    def _inside_(self, struct: str, member: str = "map") -> Value:
        """Return the map's own struct around the `struct bpf_map`, as container_of() does."""
        type_ = self._context.own_type(f"struct {struct}")
        offset = offset_of(self._context, type_, member)
        return value_at(self._context, type_, self._context.wrap(self.address_ - offset))

    def _size_of_(self, what: str) -> int:
        """Return `key_size` or `value_size` in bytes; raises `CorruptDataError` if it is absurd."""
        size = int(self.member_(f"{what}_size"))
        if size > MAX_VALUE:
            raise CorruptDataError(f"{what}_size is {size}", self.address_)
        return size

    def _key_at_(self, address: int, data: bytes | None = None) -> Value:
        """Return the key at `address`, typed by the map's BTF, or as bytes without it."""
        type_ = self.types_.key or self._bytes_of_(self._size_of_("key"))
        return value_at(self._context, type_, self._context.wrap(address), data)

    def _value_at_(self, address: int, data: bytes | None = None) -> Value:
        """Return the value at `address`, typed by the map's BTF, or as bytes without it."""
        type_ = self.types_.value or self._bytes_of_(self._size_of_("value"))
        return value_at(self._context, type_, self._context.wrap(address), data)

    def _copies_(self, pointer: int, key: Value | None) -> Iterator[Element]:
        """Yield every CPU's copy of the value that a __percpu pointer stands for."""
        for cpu, offset in enumerate(self._context.target.per_cpu_offsets):
            yield Element(self._value_at_(pointer + offset), key, cpu)

    def _index_(self, number: int) -> Value:
        """Return an integer, which is nowhere in memory, as a key."""
        type_ = self.types_.key
        if type_ is None or not isinstance(self._context.layouts.of(type_), ScalarLayout):
            type_ = self._context.own_type("unsigned int")
        size = self._context.layouts.of(type_).size
        data = number.to_bytes(size, self._context.layouts.byteorder)
        return value_at(self._context, type_, 0, data)

    def _bytes_of_(self, size: int) -> types.Type:
        """Return the type of `size` bytes about which nothing is known."""
        byte = self._context.own_type("u8")
        return types.Array(byte.btf, 0, "", byte.id, 0, size)

    def _slots_(self, array: Value | int, count: int, struct: str) -> Iterator[tuple[int, Value]]:
        """Yield (index, object) for the pointers in an array that are not NULL.

        `array` is the array's address, or a pointer to it; `count` is in elements; objects are of
        type `struct`.
        """
        type_ = self._context.own_type(struct)
        for index, pointer in self._pointers_(int(array), count):
            yield index, value_at(self._context, type_, pointer)

    def _pointers_(self, address: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield (index, pointer) for those in an array at `address` that are not NULL."""
        size = self._context.layouts.pointer_size
        order = self._context.layouts.byteorder
        for start, data in self._pieces_(address, count, size):
            for at in range(0, len(data), size):
                pointer = int.from_bytes(data[at : at + size], order)
                if pointer:
                    yield start + at // size, pointer

    def _pieces_(self, address: int, count: int, size: int) -> Iterator[tuple[int, bytes]]:
        """Read an array in pieces: yield (index of the first element, bytes of whole elements).

        The array at `address` has `count` elements of `size` bytes.
        """
        step = max(1, _PIECE // max(size, 1))
        for start in range(0, count, step):
            some = min(step, count - start)
            where = self._context.wrap(address + start * size)
            yield start, self._context.target.read(where, some * size)
