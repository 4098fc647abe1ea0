"""Container walkers: from the address of a head to the addresses of its entries.

A walker is one file in this folder: a generator decorated with `@walker("head type", link="...")`.
It yields an `Entry` for each element and an `Anomaly` for each broken invariant it meets, and goes
on as long as anything readable is left. It sets no limits of its own (its consumer stops when it
has enough) but always terminates: it detects cycles itself and follows a link only once.

What the kernel's own structs look like (`struct xa_node`, `struct maple_node`) a walker asks the
head, which asks the BTF: `head.struct("xa_node").offset("slots")`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from btfdump.errors import (
    AmbiguousTypeError,
    BtfFormatError,
    FaultError,
    MemberNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from btfdump.targets import Memory, Platform
    from btfdump.walk.shape import Shape

    class Surroundings(Protocol):
        """What a walker may ask of the kernel around a container."""

        def shape(self, name: str) -> Shape:
            """Return where the members of `struct name` lie; raises `TypeNotFoundError`."""

        def symbol(self, name: str) -> int:
            """Return the address of a symbol; raises `SymbolNotFoundError`."""


FAMILIES = {
    "list_head": "lists",
    "hlist_head": "lists",
    "hlist_nulls_head": "hlists",
    "hlist_bl_head": "hlists",
    "llist_head": "hlists",
    "rb_root": "rbtree",
    "rb_root_cached": "rbtree",
    "timerqueue_head": "rbtree",
    "plist_head": "wrapped_lists",
    "klist": "wrapped_lists",
    "sk_buff_head": "wrapped_lists",
    "bpf_list_head": "bpf",
    "bpf_rb_root": "bpf",
    "xarray": "xarray",
    "radix_tree_root": "xarray",
    "idr": "xarray",
    "maple_tree": "maple",
    "rhashtable": "rhashtable",
    "rhltable": "rhashtable",
    "list_lru": "list_lru",
    "assoc_array": "assoc_array",
    "chain": "chain",
}
"""Structs that hold others without saying which, and the file of this folder that walks them."""

Key: TypeAlias = "int | tuple[int, int] | str | None"
"""Where an entry is in a keyed container: its index, its range (first and last), or in words."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a walker starts from.

    `address` is that of the head; an entry's link lies `link_offset` bytes into an element of
    `element_size` bytes (0: unknown; then entries come without data). `data` is the head's own
    bytes where they were read with the object around it. `kernel` knows the kernel's own structs;
    walkers of containers that are made of pointers alone do without. `is_live`: the memory changes.
    """

    memory: Memory
    platform: Platform
    address: int
    link_offset: int = 0
    element_size: int = 0
    data: bytes | None = None
    kernel: Surroundings | None = None
    is_live: bool = False

    def struct(self, name: str) -> Shape:
        """Return where the members of the kernel's `struct name` lie.

        Raises `TypeNotFoundError`.
        """
        if self.kernel is None:
            raise TypeNotFoundError(f"struct {name} is not known here")
        return self.kernel.shape(name)

    def inside(self, offset: int, link_offset: int = 0) -> Head:
        """Return the head that lies `offset` bytes into this one, as in a container made of others.

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
        """Decode `count` pointers from `data` at `offset`."""
        platform = self.platform
        unpack = _unpacker(platform.byteorder, platform.pointer_size, count)
        return unpack(data, offset)

    def element(self, link: int) -> int:
        """container_of(): the address of the element whose link is at `link` (wraps at 64 bits)."""
        return self.wrap(link - self.link_offset)

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


@lru_cache(maxsize=256)
def _unpacker(
    byteorder: str, pointer_size: int, count: int
) -> Callable[[bytes, int], tuple[int, ...]]:
    """Return a function from (bytes, offset) to that many pointers."""
    mark = "<" if byteorder == "little" else ">"
    return Struct(f"{mark}{count}{'Q' if pointer_size == 8 else 'I'}").unpack_from


class Entry(NamedTuple):
    """An element: its address, its bytes where they were read on the way, its key if it has one."""

    address: int
    data: bytes | None = None
    key: Key = None


@dataclass(frozen=True, slots=True)
class ValueEntry:
    """An entry that is no object: an integer kept in place of a pointer, or a reserved index.

    `meaning` names it: "value", "reserved", ...
    """

    key: Key
    value: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A broken invariant at `address`. `ends` tells that the walk stops here, or loses entries.

    `is_change`: nothing is broken, the container was changing while it was walked.
    """

    message: str
    address: int
    ends: bool = False
    is_change: bool = False


Item: TypeAlias = "Entry | ValueEntry | Anomaly"
Walk: TypeAlias = "Callable[[Head], Iterator[Item]]"
_Walk = TypeVar("_Walk", bound="Walk")


@dataclass(frozen=True, slots=True)
class Walker:
    """A registered walker: the struct it starts from, and the struct of its links.

    `link` is None where entries are pointers to the objects themselves. `has_back` says that every
    entry is checked by what leads back from it to the one before, or to the head.
    """

    head: str
    link: str | None
    walk: Walk
    has_back: bool
    empty: Callable[[Head], bool] | None = None

    def is_empty(self, head: Head) -> bool:
        """Whether the head, whose data are at hand, is that of an empty container.

        It need not be told of one that has more than its links: of buckets alone there are many.
        """
        data = head.data or b""
        return not any(data) or (self.empty is not None and self.empty(head))

    def items(self, head: Head) -> Iterator[Item]:
        """Walk the container; what the walker cannot go on without is an `Anomaly`."""
        if not head.is_live:
            yield from self.once(head)
            return
        from btfdump.walk.moving import MovingWalk

        by_key = self.link is None and not self.has_back
        yield from MovingWalk(self.once, head, has_back=self.has_back, by_key=by_key).items()

    def once(self, head: Head) -> Iterator[Item]:
        """Walk the container once, as if nothing in it changed."""
        try:
            yield from self.walk(head)
        except FaultError as error:
            yield Anomaly(f"{error.address:#x} is unreadable: {error.reason}", error.address, True)
        except (
            AmbiguousTypeError,
            BtfFormatError,
            MemberNotFoundError,
            SymbolNotFoundError,
            TypeNotFoundError,
        ) as error:
            yield Anomaly(f"struct {self.head} cannot be walked: {error}", head.address, True)


_registry: dict[str, Walker] = {}


def walker(
    head: str,
    *,
    link: str | None,
    has_back: bool | None = None,
    empty: Callable[[Head], bool] | None = None,
) -> Callable[[_Walk], _Walk]:
    """Register a generator as the walker of `struct head`, whose entries hold a `struct link`.

    `has_back` is by default whether there are links: see `Walker`. `empty` tells an empty head by
    its data, where that is not zeros.
    """

    def register(walk: _Walk) -> _Walk:
        is_checked = link is not None if has_back is None else has_back
        _registry[head] = Walker(head, link, walk, is_checked, empty)
        return walk

    return register


def walker_of(head: str) -> Walker | None:
    """Return the walker of `struct head`, None if there is none; loads the one file it is in."""
    if head not in _registry and head in FAMILIES:
        importlib.import_module(f"{__name__}.{FAMILIES[head]}")
    return _registry.get(head)


def walkers() -> dict[str, Walker]:
    """Return every walker, by the name of its head's struct; loads this folder's files."""
    for family in sorted(set(FAMILIES.values())):
        importlib.import_module(f"{__name__}.{family}")
    return _registry
