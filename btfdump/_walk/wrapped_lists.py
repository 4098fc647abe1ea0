"""Containers built on a circular doubly linked list, with more to check than its links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, walker
from btfdump._walk.lists import walk_list_head
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._walk.structs import KernelStruct

_KNODE_DEAD = 1


def link_of(head: Head, entry: Entry, shape: KernelStruct) -> bytes | None:
    """Return the bytes of an entry's link, which `shape` describes; None if they are unreadable."""
    if entry.data is not None:
        return entry.data[head.link_offset : head.link_offset + shape.size]
    try:
        return head.memory.read(head.wrap(entry.address + head.link_offset), shape.size)
    except FaultError:
        return None


@walker(link="plist_node")
def walk_plist_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a list sorted by priority, the smallest number first (include/linux/plist.h)."""
    link = head.struct("plist_node")
    offset = head.struct("plist_head").offset("node_list")
    inner = head.inside(offset, link.offset("node_list"))
    before: int | None = None
    for item in walk_list_head(inner):
        if isinstance(item, Entry):
            data = link_of(head, item, link)
            prio = link.integer(data, "prio") if data is not None else before
            if before is not None and prio is not None and prio < before:
                text = f"priority {prio} comes after {before}: the list is not sorted"
                yield Anomaly(text, item.address)
            before = prio
        yield item


@walker(link="klist_node")
def walk_klist(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a klist (include/linux/klist.h); dead nodes are skipped, as the kernel does.

    `klist_node.n_klist` points to the klist, and has bit 0 set if the node was deleted while an
    iterator held it (lib/klist.c: klist_next()).
    """
    link = head.struct("klist_node")
    inner = head.inside(head.struct("klist").offset("k_list"), link.offset("n_node"))
    for item in walk_list_head(inner):
        data = link_of(head, item, link) if isinstance(item, Entry) else None
        if data is not None:
            owner = link.integer(data, "n_klist")
            if owner & _KNODE_DEAD:
                continue
            if owner != head.address:
                text = f"n_klist is {owner:#x}, not {head.address:#x}: the node of another klist"
                yield Anomaly(text, item.address)
        yield item


@walker(link=None, has_back=True)
def walk_sk_buff_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a queue of `struct sk_buff`, chained by `next` and `prev` of their own type.

    The head has the same two pointers in the same place (include/linux/skbuff.h: since Linux 5.14
    in a union, before that by convention): it is a list_head in everything but its type.
    """
    offset = head.struct("sk_buff_head").offset("next")
    yield from walk_list_head(head.inside(offset, head.struct("sk_buff").offset("next")))
