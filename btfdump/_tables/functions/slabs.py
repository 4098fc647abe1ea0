"""Columns of slab caches: what /proc/slabinfo prints of them (mm/slub.c: get_slabinfo())."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._tables.functions import column
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MOST_NODES = 1 << 10
_MOST_PARTIAL = 1 << 20
_ORDER_SHIFT, _MAX_ORDER = 16, 20


class Totals(NamedTuple):
    """Slabs of a cache, and the objects that they have room for."""

    slabs: int
    objects: int


@column()
def slabs(kernel: Context) -> Callable[[Value], int]:
    """How many slabs a cache has."""
    del kernel
    return lambda cache: totals(cache).slabs


@column()
def objects(kernel: Context) -> Callable[[Value], int]:
    """How many objects a cache's slabs have room for."""
    del kernel
    return lambda cache: totals(cache).objects


@column()
def used(kernel: Context) -> Callable[[Value], int]:
    """How many objects of a cache are in use, those that CPUs keep at hand included.

    As in /proc/slabinfo, only what is free in partial slabs counts as free.
    """
    del kernel

    def of(cache: Value) -> int:
        free = 0
        for node in nodes(cache):
            for number, (room, inuse) in enumerate(node.partial.project_("objects", "inuse")):
                if number == _MOST_PARTIAL:
                    raise CorruptDataError(f"more than {number} partial slabs", node.address_)
                free += room - inuse
        return totals(cache).objects - free

    return of


@column()
def slab_memory(kernel: Context) -> Callable[[Value], int | None]:
    """Bytes of a cache's slabs, all taken to be of the size that it prefers."""
    page = KernelSurroundings(kernel).page_size

    def of(cache: Value) -> int | None:
        order = int(cache.oo.x) >> _ORDER_SHIFT
        if not page:
            return None
        if order > _MAX_ORDER:
            raise CorruptDataError(f"slabs of 2^{order} pages", cache.oo.address_)
        return totals(cache).slabs * page << order

    return of


def totals(cache: Value) -> Totals:
    """Count the slabs of all nodes, and their objects: `nr_slabs` and `total_objects`."""
    found = [(int(node.nr_slabs.counter), int(node.total_objects.counter)) for node in nodes(cache)]
    return Totals(sum(count for count, _ in found), sum(room for _, room in found))


def nodes(cache: Value) -> Iterator[Value]:
    """Yield what a cache has of each NUMA node that has memory: the first nodes, as a rule.

    In 7.x the array holds what sheaves have of a node, too.
    """
    is_plain = cache.has_member_("node")
    for number, one in enumerate(cache.node if is_plain else cache.per_node):
        node = one if is_plain else one.node
        if number == _MOST_NODES or not node:
            return
        yield node.deref_()
