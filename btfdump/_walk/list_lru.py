"""`struct list_lru` (include/linux/list_lru.h): a list for each memory node and memory cgroup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump._walk.lists import walk_list_head
from btfdump._walk.xarray import walk_xarray
from btfdump.errors import FaultError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NODES = 1024
"""MAX_NUMNODES: CONFIG_NODES_SHIFT goes up to 10."""
MAX_CGROUPS = 1 << 16
"""MEMCG_CACHES_MAX_SIZE of kernels before 5.18."""


@walker(link="list_head")
def walk_list_lru(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk the lists of every node, then those of every memory cgroup.

    The key says which list it is. Since bbca91cca9a9 (Linux 5.18) the cgroups' lists are in an
    xarray; before, each node has an array of pointers to them.
    """
    shape, node = head.struct("list_lru"), head.struct("list_lru_node")
    data = head.read_head(shape.size)
    nodes = _count(head, "nr_node_ids", 1)
    if not 0 < nodes <= MAX_NODES:
        yield Anomaly(f"the kernel claims {nodes} memory nodes", head.address, True)
        return
    array = shape.integer(data, "node")
    places = [array + number * node.size for number in range(nodes if array else 0)]
    for number, at in enumerate(places):
        yield from _list(head, at + node.offset("lru.list"), f"node {number}")
    if "memcg_aware" not in shape or not shape.integer(data, "memcg_aware"):
        return
    if "memcg_lrus" in node:
        for number, at in enumerate(places):
            yield from _lists_of_groups(head, at + node.offset("memcg_lrus"), number)
        return
    if "xa" not in shape:
        text = "lists of memory cgroups are not walked: neither xa nor node.memcg_lrus is there"
        yield Anomaly(text, head.address, True)
        return
    one, group = head.struct("list_lru_one"), head.struct("list_lru_memcg")
    plain = replace(head.inside(shape.offset("xa")), link_offset=0, element_size=0)
    for item in walk_xarray(plain):
        if isinstance(item, Anomaly):
            yield item
        elif isinstance(item, Entry):
            for number in range(nodes):
                at = item.address + group.offset("node") + number * one.size + one.offset("list")
                yield from _list(head, at, f"memcg {item.key} node {number}")


def _lists_of_groups(head: Head, address: int, number: int) -> Iterator[Entry | Anomaly]:
    """Walk the lists of memory cgroups of one node.

    At `address` is its pointer to the `struct list_lru_memcg`, whose `lru` are pointers, one for
    each of the ids that the kernel has room for, as memcg_init_list_lru_node() makes them.
    """
    count = _count(head, "memcg_nr_cache_ids", -1)
    if not 0 <= count <= MAX_CGROUPS:
        claim = f"the kernel claims {count} ids" if count >= 0 else "no symbol memcg_nr_cache_ids"
        yield Anomaly(f"lists of memory cgroups are not walked: {claim}", address, True)
        return
    start = head.struct("list_lru_memcg").offset("lru")
    inside = head.struct("list_lru_one").offset("list")
    size = head.platform.pointer_size
    try:
        (group,) = head.pointers(head.memory.read(address, size), 0, 1)
        if not group:
            return
        data = head.memory.read(head.wrap(group + start), count * size)
    except FaultError as error:
        yield unreadable("array of lists of memory cgroups", address, error)
        return
    for key, pointer in enumerate(head.pointers(data, 0, count)):
        if pointer:
            yield from _list(head, pointer + inside, f"memcg {key} node {number}")


def _count(head: Head, symbol: str, otherwise: int) -> int:
    """Return a global variable of type int; without CONFIG_NUMA there is no nr_node_ids."""
    if head.kernel is None:
        return otherwise
    try:
        address = head.kernel.own_symbol(symbol)
    except SymbolNotFoundError:
        return otherwise
    return int.from_bytes(head.memory.read(address, 4), head.platform.byteorder)


def _list(head: Head, address: int, key: str) -> Iterator[Entry | Anomaly]:
    for item in walk_list_head(replace(head, address=head.wrap(address), data=None)):
        yield item._replace(key=key) if isinstance(item, Entry) else item
