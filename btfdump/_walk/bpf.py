"""`struct bpf_list_head` and `struct bpf_rb_root`: containers that BPF programs keep in maps.

In BTF both are opaque. They overlay list_head and rb_root_cached. Their nodes overlay
bpf_list_node_kern and bpf_rb_node_kern, whose `owner` is the head that they are on
(kernel/bpf/helpers.c: __bpf_list_add(), __bpf_rbtree_add(), since 0a1f7bfe35a3, Linux 6.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, walker
from btfdump._walk.lists import walk_list_head
from btfdump._walk.rbtree import walk_rb_root_cached
from btfdump._walk.wrapped_lists import link_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._walk.structs import KernelStruct


def _owned(
    head: Head, items: Iterable[Entry | Anomaly], node: KernelStruct
) -> Iterator[Entry | Anomaly]:
    """Check that every entry's node names this head as its owner."""
    for item in items:
        data = link_of(head, item, node) if isinstance(item, Entry) else None
        if data is not None and "owner" in node:
            owner = node.integer(data, "owner")
            if owner != head.address:
                yield Anomaly(f"owner is {owner:#x}, not {head.address:#x}", item.address)
        yield item


@walker(link="bpf_list_node")
def walk_bpf_list_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a BPF program's list; all zeros is empty (bpf_list_head is initialised on first use)."""
    node = head.struct("bpf_list_node_kern")
    if any(head.pointers(head.read_head(2 * head.platform.pointer_size), 0, 2)):
        yield from _owned(head, walk_list_head(head.inside(0, node.offset("list_head"))), node)


@walker(link="bpf_rb_node")
def walk_bpf_rb_root(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a BPF program's red-black tree in order."""
    node = head.struct("bpf_rb_node_kern")
    yield from _owned(head, walk_rb_root_cached(head.inside(0, node.offset("rb_node"))), node)
