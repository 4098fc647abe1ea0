"""Container walkers: from the address of a head to the addresses of its entries.

A walker is one file in this folder: a generator decorated with `@walker("head type", link="...")`.
It yields an `Entry` for each element and an `Anomaly` for each broken invariant it meets, and goes
on as long as anything readable is left. It sets no limits of its own (its consumer stops when it
has enough) but always terminates: it detects cycles itself and follows a link only once.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump.target import Memory, Platform


@dataclass(frozen=True, slots=True)
class Head:
    """What a walker starts from.

    `address` is that of the head; an entry's link lies `link_offset` bytes into an element of
    `element_size` bytes (0: unknown; then entries come without data). `data` is the head's own
    bytes where they were read with the object around it.
    """

    memory: Memory
    platform: Platform
    address: int
    link_offset: int = 0
    element_size: int = 0
    data: bytes | None = None

    def read_head(self, size: int) -> bytes:
        """Return the head's first `size` bytes; raises `FaultError`."""
        if self.data is not None and len(self.data) >= size:
            return self.data
        return self.memory.read(self.address, size)

    def pointers(self, data: bytes, offset: int, count: int) -> tuple[int, ...]:
        """Decode `count` pointers from `data` at `offset`."""
        size, order = self.platform.pointer_size, self.platform.byteorder
        return tuple(
            int.from_bytes(data[at : at + size], order)
            for at in range(offset, offset + count * size, size)
        )

    def element(self, link: int) -> int:
        """container_of(): the address of the element whose link is at `link` (wraps at 64 bits)."""
        return (link - self.link_offset) & ((1 << self.platform.pointer_size * 8) - 1)

    def read_node(self, link: int, size: int) -> tuple[bytes | None, bytes]:
        """Read the element around `link` at once, and return (its bytes, the link's bytes).

        Where only part of the element is readable, the element is None and the link alone is read:
        the walk goes on. Raises `FaultError` if the link itself cannot be read.
        """
        if self.element_size:
            try:
                data = self.memory.read(self.element(link), self.element_size)
            except FaultError:
                pass
            else:
                return data, data[self.link_offset : self.link_offset + size]
        return None, self.memory.read(link, size)


@dataclass(frozen=True, slots=True)
class Entry:
    """An element: its address, and its bytes where they were read on the way."""

    address: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A broken invariant at `address`. `ends` tells that the walk stops here."""

    message: str
    address: int
    ends: bool = False


Walk: TypeAlias = "Callable[[Head], Iterator[Entry | Anomaly]]"


@dataclass(frozen=True, slots=True)
class Walker:
    """A registered walker: the struct it starts from, and the struct of its links."""

    head: str
    link: str
    walk: Walk


_registry: dict[str, Walker] = {}
_loaded: list[bool] = []


def walker(head: str, *, link: str) -> Callable[[Walk], Walk]:
    """Register a generator as the walker of `struct head`, whose entries hold a `struct link`."""

    def register(walk: Walk) -> Walk:
        _registry[head] = Walker(head, link, walk)
        return walk

    return register


def walkers() -> dict[str, Walker]:
    """Return every walker, by the name of its head's struct; loads this folder's files once."""
    if not _loaded:
        _loaded.append(True)
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
    return _registry
