"""Singly headed lists whose pointers carry a mark, or that have no back pointers.

`struct hlist_nulls_head` (include/linux/list_nulls.h) ends in an odd number instead of NULL, by
which a lockless reader knows in which bucket it has ended. Bit 0 of `hlist_bl_head.first`
(include/linux/list_bl.h) is a lock. `struct llist_head` (include/linux/llist.h) has no way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump._walk.neighbours import disagreement, proves_head
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator


def _chain(head: Head, first: int, *, has_back: bool, is_nulls: bool) -> Iterator[Entry | Anomaly]:
    """Walk from the link at `first` up to NULL, or up to an odd pointer."""
    size = head.platform.pointer_size
    seen: set[int] = set()
    link, holder = first, head.address
    while link and not (is_nulls and link & 1):
        if link in seen or link == head.address:
            yield Anomaly(f"cycle: {holder:#x} leads back to {link:#x}", link, True)
            return
        seen.add(link)
        try:
            data, node = head.read_node(link, 2 * size if has_back else size)
        except FaultError as error:
            yield unreadable("entry", link, error)
            return
        if has_back:
            following, back = head.pointers(node, 0, 2)
            if back != holder:
                after = 0 if is_nulls and following & 1 else following
                is_first = holder == head.address
                is_entry = not is_first or proves_head(head, link, after, back)
                yield disagreement("pprev", link, back, holder, is_entry=is_entry)
                if not is_entry:
                    return
        else:
            (following,) = head.pointers(node, 0, 1)
        yield Entry(head.element(link), data)
        holder, link = link, following
    if is_nulls and not link:
        yield Anomaly(f"next of {holder:#x} is NULL: it ends without its mark", holder, True)


def _first(head: Head) -> int:
    return head.pointers(head.read_head(head.platform.pointer_size), 0, 1)[0]


def _is_marked(head: Head) -> bool:
    return bool(head.pointers(head.data or b"", 0, 1)[0] & 1)


@walker(link="hlist_nulls_node", empty=_is_marked)
def walk_hlist_nulls_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a list that ends in an odd pointer; every `pprev` is checked."""
    first = _first(head)
    if first:  # a bucket in zeroed memory was never initialised, and is as good as empty
        yield from _chain(head, first, has_back=True, is_nulls=True)


def _is_just_locked(head: Head) -> bool:
    return head.pointers(head.data or b"", 0, 1)[0] == 1


@walker(link="hlist_bl_node", empty=_is_just_locked)
def walk_hlist_bl_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a list whose head has a lock in bit 0; every `pprev` is checked."""
    yield from _chain(head, _first(head) & ~1, has_back=True, is_nulls=False)


@walker(link="llist_node", has_back=False)
def walk_llist_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a lockless list, the newest entry first."""
    yield from _chain(head, _first(head), has_back=False, is_nulls=False)
