"""Chains: objects that point to the next of their own type with a plain pointer.

Examples are `file_system_type.next`, `irqaction.next`, `notifier_block.next` and `bio.bi_next`;
list.h is not involved. A chain ends in NULL, or leads back to its first object, as the buffers of a
page do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator


@walker(link=None)
def walk_chain(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk from a pointer to the first object; `link_offset` is that of its pointer to the next."""
    word = head.platform.pointer_size
    (first,) = head.pointers(head.read_head(word), 0, 1)
    seen: set[int] = set()
    address, before = first, head.address
    while address:
        if address in seen:
            if address != first:
                yield Anomaly(f"cycle: {before:#x} leads back to {address:#x}", address, True)
            return
        seen.add(address)
        try:
            data, node = head.read_node(head.wrap(address + head.link_offset), word)
        except FaultError as error:
            yield unreadable("object", address, error)
            return
        yield Entry(address, data)
        before = address
        (address,) = head.pointers(node, 0, 1)
