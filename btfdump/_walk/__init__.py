"""Container walkers: from the address of a head to the addresses of its entries.

A walker is a generator decorated with `@walker(link="...")`, in a file of this folder or in another
package; `WALKERS`, or the entry point there, has the name of the struct that it starts from.
It yields an `Entry` for each element and an `Anomaly` for each broken invariant that it meets, and
goes on as long as anything readable is left. It has no limits of its own (its consumer stops when
it has enough), but it always ends: it detects cycles itself and follows each link only once.

A walker asks the head what the kernel's own structs look like (`struct xa_node`, `struct
maple_node`), and the head asks the BTF: `head.struct("xa_node").offset("slots")`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from btfdump._plugins.registry import Registry, first_line
from btfdump._walk.entries import RESERVED as RESERVED
from btfdump._walk.entries import UNWALKABLE
from btfdump._walk.entries import Anomaly as Anomaly
from btfdump._walk.entries import Entry as Entry
from btfdump._walk.entries import Head as Head
from btfdump._walk.entries import Item as Item
from btfdump._walk.entries import Key as Key
from btfdump._walk.entries import ValueEntry as ValueEntry
from btfdump._walk.entries import Walk as Walk
from btfdump._walk.entries import anomaly_of as anomaly_of
from btfdump._walk.entries import unreadable as unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._plugins.entry_points import Guard


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """A registered walker: the struct it starts from, and the struct of its links.

    `link` is None if entries are pointers to the objects themselves. `has_back` says that every
    entry is checked by something that leads back from it to the previous entry or to the head.
    """

    link: str | None
    walk: Walk
    has_back: bool
    empty: Callable[[Head], bool] | None = None
    head: str = ""

    @property
    def help(self) -> str:
        """What it walks, in one line."""
        return first_line(self.walk)

    def registered(self, name: str, guard: Guard | None) -> Walker:
        """Return the walker of `struct name`."""
        if guard is None:
            return replace(self, head=name)
        parts = {"address": (int,), "value": (int,), "message": (str,)}
        walk = guard.each(self.walk, Entry, ValueEntry, Anomaly, parts=parts)
        empty = guard.call(self.empty) if self.empty is not None else None
        return replace(self, head=name, walk=walk, empty=empty)

    def is_empty(self, head: Head) -> bool:
        """Whether the head, whose bytes are at hand, is known to be that of an empty container.

        An empty container may go unrecognised if its head holds more than links, such as a lock.
        This is meant for hash buckets: there are many of them, and they hold nothing else.
        """
        data = head.data or b""
        if not any(data):
            return True
        has_pointer = len(data) >= head.platform.pointer_size  # a type of that name may be shorter
        return has_pointer and self.empty is not None and self.empty(head)

    def items(self, head: Head) -> Iterator[Item]:
        """Walk the container; an error that ends the walk becomes an `Anomaly`."""
        if not head.is_live:
            yield from self.once(head)
            return
        from btfdump._walk.moving import MovingWalk

        by_key = self.link is None and not self.has_back
        yield from MovingWalk(self.once, head, has_back=self.has_back, by_key=by_key).items()

    def once(self, head: Head) -> Iterator[Item]:
        """Walk the container once, as if nothing in it changed."""
        try:
            yield from self.walk(head)
        except UNWALKABLE as error:
            yield anomaly_of(error, f"struct {self.head}", head.address)


_Walk = TypeVar("_Walk", bound="Walk")

WALKERS: Registry[Walker] = Registry(
    "walker",
    __name__,
    {
        "list_head": "lists:walk_list_head",
        "hlist_head": "lists:walk_hlist_head",
        "hlist_nulls_head": "hlists:walk_hlist_nulls_head",
        "hlist_bl_head": "hlists:walk_hlist_bl_head",
        "llist_head": "hlists:walk_llist_head",
        "rb_root": "rbtree:walk_rb_root",
        "rb_root_cached": "rbtree:walk_rb_root_cached",
        "timerqueue_head": "rbtree:walk_timerqueue",
        "plist_head": "wrapped_lists:walk_plist_head",
        "klist": "wrapped_lists:walk_klist",
        "sk_buff_head": "wrapped_lists:walk_sk_buff_head",
        "bpf_list_head": "bpf:walk_bpf_list_head",
        "bpf_rb_root": "bpf:walk_bpf_rb_root",
        "xarray": "xarray:walk_xarray",
        "radix_tree_root": "xarray:walk_radix_tree",
        "idr": "xarray:walk_idr",
        "maple_tree": "maple:walk_maple_tree",
        "rhashtable": "rhashtable:walk_rhashtable",
        "rhltable": "rhashtable:walk_rhltable",
        "list_lru": "list_lru:walk_list_lru",
        "assoc_array": "assoc_array:walk_assoc_array",
        "chain": "chain:walk_chain",
    },
)
"""By the name of the head's struct: structs that hold others without saying which."""

FAMILIES = WALKERS.built_in
"""The structs that are known to be containers wherever they are met.

Those that other packages walk are containers where a tag or an overlay says what they hold: to know
more, their metadata would be read for every struct of a dump.
"""


def walker(
    *,
    link: str | None,
    has_back: bool | None = None,
    empty: Callable[[Head], bool] | None = None,
) -> Callable[[_Walk], _Walk]:
    """Declare a generator to be a walker of structs whose entries hold a `struct link`.

    `has_back` defaults to whether there are links: see `Walker`. `empty` recognises an empty head
    by its bytes, if those are not simply zeros. `WALKERS` has the struct that it walks, or the
    entry point of another package.
    """

    def declare(walk: _Walk) -> _Walk:
        is_checked = link is not None if has_back is None else has_back
        WALKERS.declare(walk, Walker(link, walk, is_checked, empty))
        return walk

    return declare


def walker_of(head: str) -> Walker | None:
    """Return the walker of `struct head`, or None; loads only the file that has it.

    Raises `PluginError` if another package has one that cannot be loaded.
    """
    return WALKERS.get(head)
