"""`struct assoc_array`: the tree of keyrings (include/linux/assoc_array_priv.h).

Bit 0 of a pointer distinguishes a leaf from a node or shortcut, and bit 1 a node from a shortcut. A
leaf is the object; its own bit 1 belongs to the user: keyrings mark other keyrings with it
(security/keys/keyring.c: keyring_ptr_to_key()).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

_META, _SHORTCUT, _MARKS = 1, 2, 3


@walker(link=None)
def walk_assoc_array(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk an associative array in the order of its tree; entries are pointers to the objects."""
    shape = head.struct("assoc_array")
    node, shortcut = head.struct("assoc_array_node"), head.struct("assoc_array_shortcut")
    seen: set[int] = set()
    # (pointer, the address that its back pointer must have)
    stack = [(shape.integer(head.read_head(shape.size), "root"), 0)]
    while stack:
        pointer, above = stack.pop()
        address = pointer & ~_MARKS
        if not pointer:
            continue
        if not pointer & _META:
            yield Entry(head.element(address))
            continue
        if address in seen:
            yield Anomaly(f"cycle: {address:#x} is reached twice", address, True)
            continue
        seen.add(address)
        inner = shortcut if pointer & _SHORTCUT else node
        try:
            data = head.memory.read(address, inner.size)
        except FaultError as error:
            yield unreadable("node", address, error)
            continue
        back = inner.integer(data, "back_pointer") & ~_MARKS
        if back != above:
            text = f"back pointer of {address:#x} is {back:#x}, not {above:#x}"
            yield Anomaly(text, address)
        if inner is shortcut:
            stack.append((shortcut.integer(data, "next_node"), address))
        else:
            slots = head.pointers(data, node.offset("slots"), node.length("slots"))
            stack += [(slot, address) for slot in reversed(slots)]
