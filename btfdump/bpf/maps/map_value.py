"""MapValue: a `struct bpf_map` that knows what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.bpf.maps import PREFIX, Element, Family, families
from btfdump.btf import types
from btfdump.decode.layout import ScalarLayout
from btfdump.errors import (
    AmbiguousTypeError,
    BtfFormatError,
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
    TypeNotFoundError,
)
from btfdump.kernel.value import Value
from btfdump.walk import Anomaly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump.bpf.map_types import MapType
    from btfdump.kernel.context import Context

MAX_VALUE = 1 << 24
"""Bytes of the largest key or value that is believed."""
_PIECE = 1 << 16
"""Bytes that are read of an array at once."""


class MapValue(Value):
    """A BPF map: the `struct bpf_map` at `address_`, and its elements.

    Members read as in C: `map.value_size`. An index is a key: `map[3]` is the value of the element
    whose key is the integer 3.
    """

    __slots__ = ("_kind", "_types")

    def __init__(self, context: Context, address: int, data: bytes | None = None) -> None:
        super().__init__(context, context.type("struct bpf_map"), address, data)
        self._types: MapType | None = None
        self._kind: str | None = None

    @property
    def kind_(self) -> str:
        """The type of the map without its prefix: `HASH`, `LPM_TRIE`; a number if it has no name.

        Raises `FaultError`.
        """
        if self._kind is None:
            map_type = self.map_type
            name = map_type.enumerator_()
            self._kind = name.removeprefix(PREFIX) if name else str(int(map_type))
        return self._kind

    @property
    def name_(self) -> str:
        """The map's name, or its id where it has none; raises `FaultError`."""
        return self.types_.name

    @property
    def types_(self) -> MapType:
        """What its keys and values are; raises `FaultError`."""
        if self._types is None:
            assert self._context.map_types is not None
            self._types = self._context.map_types.of(self)
        return self._types

    @property
    def family_(self) -> Family | None:
        """How its elements are found, None for a type that is not known here."""
        return families().get(self.kind_)

    def elements_(self) -> Iterator[Element | Anomaly]:
        """Yield the elements, each CPU's copy by itself, and what is wrong with the map.

        Nothing is raised for bad memory: what ends the walk is an `Anomaly` too.
        """
        try:
            self.read_()
            family = self.family_
            if family is None:
                text = (
                    f"maps of type {self.kind_} are not known to this version: contents not shown"
                )
                yield Anomaly(text, self.address_, ends=True)
                return
            yield from family.walk(self)
        except FaultError as error:
            where = f"{error.address:#x} is unreadable: " if error.size else ""
            yield Anomaly(f"{where}{error.reason}", error.address, ends=True)
        except CorruptDataError as error:
            yield Anomaly(str(error), error.address or self.address_, ends=True)
        except (
            AmbiguousTypeError,
            BtfFormatError,
            MemberNotFoundError,
            TypeNotFoundError,
        ) as error:
            yield Anomaly(f"cannot be walked: {error}", self.address_, ends=True)

    def items_(self) -> Iterator[tuple[Value | None, Value]]:
        """Yield (key, value) of each element; of a per-CPU map, of each CPU's copy.

        The key of local storage is the object that owns it. Raises `CorruptDataError` in the end
        where the walk could not find all.
        """
        trouble: Anomaly | None = None
        for element in self.elements_():
            if isinstance(element, Element):
                yield element.key if element.owner is None else element.owner, element.value
            elif element.ends:
                trouble = trouble or element
        if trouble is not None:
            raise CorruptDataError(trouble.message, trouble.address)

    def count_(self) -> int | None:
        """Return the number of elements where the kernel keeps count of them, else None.

        Raises `FaultError`, `CorruptDataError`.
        """
        family = self.family_
        return family.count(self) if family is not None and family.count is not None else None

    def __getitem__(self, key: str | int) -> Value:
        """Return a member of `struct bpf_map` by name, or the value whose key is an integer.

        Raises IndexError where there is none, or where keys are no integers.
        """
        if isinstance(key, str):
            return self.member_(key)
        for element in self.elements_():
            if not isinstance(element, Element):
                continue
            if element.cpu is not None:
                raise IndexError(f"map {self.name_} has a copy of each value for every CPU")
            if element.key is None or not isinstance(element.key.layout_, ScalarLayout):
                raise IndexError(f"the keys of map {self.name_} are no integers")
            if element.key.value_() == key:
                return element.value
        raise IndexError(f"map {self.name_} has no element with key {key}")

    # What families are made of

    def inside_(self, struct: str, member: str = "map") -> Value:
        """container_of(): return the map's own struct, of which `struct bpf_map` is a part."""
        type_ = self._context.type(f"struct {struct}")
        offset = Value(self._context, type_, 0).member_(member).address_
        return Value(self._context, type_, self._context.wrap(self.address_ - offset))

    def size_of_(self, what: str) -> int:
        """Return `key_size` or `value_size`; raises `CorruptDataError` for one beyond belief."""
        size = int(self.member_(f"{what}_size"))
        if size > MAX_VALUE:
            raise CorruptDataError(f"{what}_size is {size}", self.address_)
        return size

    def key_at_(self, address: int, data: bytes | None = None) -> Value:
        """Return the key at `address`, typed by the map's BTF, else as bytes."""
        type_ = self.types_.key or self.bytes_of_(self.size_of_("key"))
        return Value(self._context, type_, self._context.wrap(address), data)

    def value_at_(self, address: int, data: bytes | None = None) -> Value:
        """Return the value at `address`, typed by the map's BTF, else as bytes."""
        type_ = self.types_.value or self.bytes_of_(self.size_of_("value"))
        return Value(self._context, type_, self._context.wrap(address), data)

    def copies_(self, pointer: int, key: Value | None) -> Iterator[Element]:
        """Yield every CPU's copy of the value that a __percpu pointer stands for."""
        for cpu, offset in enumerate(self._context.target.per_cpu_offsets):
            yield Element(self.value_at_(pointer + offset), key, cpu)

    def index_(self, number: int) -> Value:
        """Return an integer, which lies nowhere in memory, as a key."""
        type_ = self.types_.key
        if type_ is None or not isinstance(self._context.layouts.of(type_), ScalarLayout):
            type_ = self._context.type("unsigned int")
        size = self._context.layouts.of(type_).size
        data = number.to_bytes(size, self._context.layouts.byteorder)
        return Value(self._context, type_, 0, data)

    def bytes_of_(self, size: int) -> types.Type:
        """Return the type of `size` bytes of which nothing is known."""
        byte = self._context.type("u8")
        return types.Array(byte.btf, 0, "", byte.id, 0, size)

    def slots_(self, array: Value | int, count: int, struct: str) -> Iterator[tuple[int, Value]]:
        """Yield (index, object) of the pointers in an array that are not NULL.

        `array` is the array's address, or a pointer to it; objects are of type `struct`.
        """
        type_ = self._context.type(struct)
        for index, pointer in self.pointers_(int(array), count):
            yield index, Value(self._context, type_, pointer)

    def pointers_(self, address: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield (index, pointer) of those in an array at `address` that are not NULL."""
        size = self._context.layouts.pointer_size
        order = self._context.layouts.byteorder
        for start, data in self.pieces_(address, count, size):
            for at in range(0, len(data), size):
                pointer = int.from_bytes(data[at : at + size], order)
                if pointer:
                    yield start + at // size, pointer

    def pieces_(self, address: int, count: int, size: int) -> Iterator[tuple[int, bytes]]:
        """Read an array piece by piece: yield (index of the first element, bytes of whole ones)."""
        step = max(1, _PIECE // max(size, 1))
        for start in range(0, count, step):
            some = min(step, count - start)
            where = self._context.wrap(address + start * size)
            yield start, self._context.target.read(where, some * size)
