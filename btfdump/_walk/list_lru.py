"""`struct list_lru` (include/linux/list_lru.h): a list for each memory node and memory cgroup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, walker
from btfdump._walk.lists import walk_list_head
from btfdump._walk.xarray import walk_xarray
from btfdump.errors import SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NODES = 1024
"""MAX_NUMNODES: CONFIG_NODES_SHIFT goes up to 10."""


@walker(link="list_head")
def walk_list_lru(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk the lists of every node, then those of every memory cgroup.

    The key says which list it is. Since bbca91cca9a9 (Linux 5.18) the cgroups' lists are in an
    xarray; before, how many there are is in a variable that cannot be found by its type.
    """
    shape, node = head.struct("list_lru"), head.struct("list_lru_node")
    data = head.read_head(shape.size)
    nodes = _node_count(head)
    if not 0 < nodes <= MAX_NODES:
        yield Anomaly(f"the kernel claims {nodes} memory nodes", head.address, True)
        return
    array = shape.integer(data, "node")
    for number in range(nodes if array else 0):
        at = array + number * node.size + node.offset("lru.list")
        yield from _list(head, at, f"node {number}")
    if "memcg_aware" not in shape or not shape.integer(data, "memcg_aware"):
        return
    if "xa" not in shape:
        yield Anomaly("lists of memory cgroups are not walked: no member xa", head.address, True)
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


def _node_count(head: Head) -> int:
    """Return nr_node_ids; without CONFIG_NUMA there is no such variable, and one node."""
    if head.kernel is None:
        return 1
    try:
        address = head.kernel.own_symbol("nr_node_ids")
    except SymbolNotFoundError:
        return 1
    return int.from_bytes(head.memory.read(address, 4), head.platform.byteorder)  # unsigned int


def _list(head: Head, address: int, key: str) -> Iterator[Entry | Anomaly]:
    for item in walk_list_head(replace(head, address=head.wrap(address), data=None)):
        yield item._replace(key=key) if isinstance(item, Entry) else item
