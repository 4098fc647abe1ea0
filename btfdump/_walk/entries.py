"""What walkers start from and what they yield: a head, entries, and anomalies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump.errors import (
    AmbiguousTypeError,
    BtfFormatError,
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
    PluginError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from btfdump._targets.memory import Memory, Platform
    from btfdump._walk.structs import KernelStruct
    from btfdump.errors import BtfdumpError

    class Surroundings(Protocol):
        """What a walker may ask about the kernel around a container."""

        def struct(self, name: str) -> KernelStruct:
            """Return where the members of `struct name` are; raises `TypeNotFoundError`."""

        def own_symbol(self, name: str) -> int:
            """Return the virtual address of a symbol; raises `SymbolNotFoundError`."""


Key: TypeAlias = "int | tuple[int, int] | str | None"
"""Where an entry is in a keyed container: its index, its range (first and last), or in words."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a walker starts from.

    `address` is that of the head. An entry's link lies `link_offset` bytes into an element of
    `element_size` bytes (0: unknown; then entries come without data). `data` has the head's own
    bytes if they were read together with the object around it. `kernel` knows the kernel's own
    structs; walkers of containers that consist of pointers alone do without it. `is_live` means
    that the memory changes.
    """

    memory: Memory
    platform: Platform
    address: int
    link_offset: int = 0
    element_size: int = 0
    data: bytes | None = None
    kernel: Surroundings | None = None
    is_live: bool = False

    def struct(self, name: str) -> KernelStruct:
        """Return where the members of the kernel's `struct name` are.

        Raises `TypeNotFoundError`.
        """
        if self.kernel is None:
            raise TypeNotFoundError(f"struct {name} is not known here")
        return self.kernel.struct(name)

    def inside(self, offset: int, link_offset: int = 0) -> Head:
        """Return the head that lies `offset` bytes into this one, for containers made of others.

        Its links lie `link_offset` bytes into the links of this one.
        """
        return replace(
            self,
            address=self.wrap(self.address + offset),
            link_offset=self.link_offset + link_offset,
            data=self.data[offset:] if self.data is not None else None,
        )

    def wrap(self, address: int) -> int:
        """Reduce an address computed by offset arithmetic to the width of a pointer."""
        return address & ((1 << self.platform.pointer_size * 8) - 1)

    def read_head(self, size: int) -> bytes:
        """Return the head's first `size` bytes; raises `FaultError`."""
        if self.data is not None and len(self.data) >= size:
            return self.data
        return self.memory.read(self.address, size)

    def pointers(self, data: bytes, offset: int, count: int) -> tuple[int, ...]:
        """Decode `count` pointers from `data`, starting `offset` bytes into it."""
        platform = self.platform
        unpack = _unpacker(platform.byteorder, platform.pointer_size, count)
        return unpack(data, offset)

    def element(self, link: int) -> int:
        """Return the address of the element whose link is at `link`, as container_of() does."""
        return self.wrap(link - self.link_offset)

    def read_node(self, link: int, size: int) -> tuple[bytes | None, bytes]:
        """Read the element around `link` at once, and return (its bytes, the link's bytes).

        If only part of the element is readable, the element is None and only the link is read, so
        that the walk can go on. Raises `FaultError` if the link itself cannot be read.
        """
        if self.element_size:
            try:
                data = self.memory.read(self.element(link), self.element_size)
            except FaultError:
                pass
            else:
                return data, data[self.link_offset : self.link_offset + size]
        return None, self.memory.read(link, size)


@lru_cache(maxsize=256)
def _unpacker(
    byteorder: str, pointer_size: int, count: int
) -> Callable[[bytes, int], tuple[int, ...]]:
    """Return a function from (bytes, offset) to that many pointers."""
    mark = "<" if byteorder == "little" else ">"
    return Struct(f"{mark}{count}{'Q' if pointer_size == 8 else 'I'}").unpack_from


class Entry(NamedTuple):
    """An entry of a container.

    `address` is the virtual address of the element, `data` its bytes if they were read on the way,
    and `key` its index, range or the like if the container has keys.
    """

    address: int
    data: bytes | None = None
    key: Key = None


RESERVED = "reserved"
"""The meaning of the mark at an index that is taken and holds nothing: to the kernel, no entry."""


class ValueEntry(NamedTuple):
    """An entry that is not an object: an integer in place of a pointer, or a reserved index.

    `meaning` names it: "value", `RESERVED`, ...
    """

    key: Key
    value: int
    meaning: str


class Anomaly(NamedTuple):
    """A broken invariant of a container.

    `message` says what is wrong at virtual `address`. `ends` means that the walk stops here or
    loses entries. `is_change` means that nothing is broken: the container was changing while it was
    walked.
    """

    message: str
    address: int
    ends: bool = False
    is_change: bool = False


def unreadable(what: str, address: int, error: FaultError) -> Anomaly:
    """Return the anomaly that `what`, at a virtual address, cannot be read: entries are lost."""
    return Anomaly(f"{what} at {address:#x} is unreadable: {error.reason}", address, ends=True)


UNWALKABLE = (
    AmbiguousTypeError,
    BtfFormatError,
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
    PluginError,
    SymbolNotFoundError,
    TypeNotFoundError,
)
"""What ends a walk: memory and types that are not what the kernel would have made of them."""


def anomaly_of(error: BtfdumpError, what: str, address: int) -> Anomaly:
    """Return what ended the walk of `what`, whose head is at `address`: one of `UNWALKABLE`."""
    if isinstance(error, FaultError):
        where = f"{error.address:#x} is unreadable: " if error.size else ""
        return Anomaly(f"{where}{error.reason}", error.address, ends=True)
    if isinstance(error, CorruptDataError):
        return Anomaly(str(error), error.address or address, ends=True)
    return Anomaly(f"{what} cannot be walked: {error}", address, ends=True)


Item: TypeAlias = "Entry | ValueEntry | Anomaly"

Walk: TypeAlias = "Callable[[Head], Iterator[Item]]"
"""A walker: from a head to entries and anomalies."""
