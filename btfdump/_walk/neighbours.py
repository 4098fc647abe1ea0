"""Whether a node whose back pointer disagrees is in the container: its neighbours tell.

A link that leads to something proves nothing: it may have been copied with the struct around it,
never have been set, or lead into another list, whose head would then be taken for an entry. So the
first node is an entry only if something leads back, which proves that the head is one at all. What
comes after it is shown, since a kernel may have died while it changed the list; but not the ring of
another `struct list_head`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk.entries import Anomaly
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump._walk.entries import Head

NO_ENTRY = "it does not lead back, and is not taken for an entry"


def disagreement(name: str, link: int, back: int, holder: int, *, is_entry: bool) -> Anomaly:
    """Say that the back pointer `name` of a node is not `holder`, and whether it is an entry."""
    text = f"{name} of {link:#x} is {back:#x}, not {holder:#x}"
    if is_entry:
        return Anomaly(text, link)
    return Anomaly(f"{text}: {NO_ENTRY}", link, True)


def leads_round(head: Head, link: int) -> bool | None:
    """Whether the `next` pointers lead from the `struct list_head` at `link` round to the head.

    Returns None if they break off, and False if they go round without it: on another list's ring.
    """
    seen: set[int] = set()
    at = link
    while at != head.address:
        if at in seen:
            return False
        seen.add(at)
        node = pointers_at(head, at, 1)
        if node is None:
            return None
        (at,) = node
    return True


def proves_head(head: Head, link: int, following: int, back: int) -> bool:
    """Whether the first node, at `link`, shows that `head` is its head though `back` does not.

    `following` and `back` are its two pointers (`struct hlist_node`, `struct list_head`). It does
    if the node after it points back to it, unless it is on another list.
    """
    if following == link or is_of_another(head, link, following, back):
        return False
    node = pointers_at(head, following, 2)
    return node is not None and node[1] == link


def is_of_another(head: Head, link: int, following: int, back: int) -> bool:
    """Whether the pointer at `back` leads to the node at `link`, as its own list's does."""
    if back == following + head.platform.pointer_size:  # the next one's back pointer
        return False
    other = pointers_at(head, back, 1)
    return other is not None and other[0] == link


def pointers_at(head: Head, address: int, count: int) -> tuple[int, ...] | None:
    """Return the pointers at `address`, None if there is nothing to read."""
    if not address:
        return None
    try:
        data = head.memory.read(address, count * head.platform.pointer_size)
    except FaultError:
        return None
    return head.pointers(data, 0, count)
