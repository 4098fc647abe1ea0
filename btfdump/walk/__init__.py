"""Container walkers: from the address of a head to the addresses of its entries.

A walker is one file in this folder: a generator decorated with `@walker("head type", link="...")`.
It yields an `Entry` for each element and an `Anomaly` for each broken invariant that it meets, and
goes on as long as anything readable is left. It has no limits of its own (its consumer stops when
it has enough), but it always ends: it detects cycles itself and follows each link only once.

A walker asks the head what the kernel's own structs look like (`struct xa_node`, `struct
maple_node`), and the head asks the BTF: `head.struct("xa_node").offset("slots")`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from btfdump.errors import (
    AmbiguousTypeError,
    BtfFormatError,
    FaultError,
    MemberNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)
from btfdump.walk.entries import Anomaly as Anomaly
from btfdump.walk.entries import Entry as Entry
from btfdump.walk.entries import Head as Head
from btfdump.walk.entries import Item as Item
from btfdump.walk.entries import Key as Key
from btfdump.walk.entries import ValueEntry as ValueEntry
from btfdump.walk.entries import Walk as Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

_Walk = TypeVar("_Walk", bound="Walk")


@dataclass(frozen=True, slots=True)
class Walker:
    """A registered walker: the struct it starts from, and the struct of its links.

    `link` is None if entries are pointers to the objects themselves. `has_back` says that every
    entry is checked by something that leads back from it to the previous entry or to the head.
    """

    head: str
    link: str | None
    walk: Walk
    has_back: bool
    empty: Callable[[Head], bool] | None = None

    def is_empty(self, head: Head) -> bool:
        """Whether the head, whose bytes are at hand, is known to be that of an empty container.

        An empty container may go unrecognised if its head holds more than links, such as a lock.
        This is meant for hash buckets: there are many of them, and they hold nothing else.
        """
        data = head.data or b""
        return not any(data) or (self.empty is not None and self.empty(head))

    def items(self, head: Head) -> Iterator[Item]:
        """Walk the container; an error that ends the walk becomes an `Anomaly`."""
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

    `has_back` defaults to whether there are links: see `Walker`. `empty` recognises an empty head
    by its bytes, if those are not simply zeros.
    """

    def register(walk: _Walk) -> _Walk:
        is_checked = link is not None if has_back is None else has_back
        _registry[head] = Walker(head, link, walk, is_checked, empty)
        return walk

    return register


def walker_of(head: str) -> Walker | None:
    """Return the walker of `struct head`, or None; loads only the file that has it."""
    if head not in _registry and head in FAMILIES:
        importlib.import_module(f"{__name__}.{FAMILIES[head]}")
    return _registry.get(head)


def walkers() -> dict[str, Walker]:
    """Return every walker, by the name of its head's struct; loads all files of this folder."""
    for family in sorted(set(FAMILIES.values())):
        importlib.import_module(f"{__name__}.{family}")
    return _registry
