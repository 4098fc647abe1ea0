"""`struct list_head` and `struct hlist_head` (include/linux/list.h).

Both check every back pointer (`node->prev`, `node->pprev`). In a list whose back pointers all agree
no node can be entered twice, so a sound list of any length is walked in constant memory. After the
first disagreement the walk keeps books: the addresses met so far are collected by walking again
from the head, and from then on a node that was met before ends the walk. A node that does not point
back is an entry only if its neighbours say so (`neighbours.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump._walk.copied import copied
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

POISONS = {
    delta + mark: name
    # CONFIG_ILLEGAL_POINTER_VALUE of 64-bit architectures, and of those without one
    for delta in (0xDEAD000000000000, 0)
    for mark, name in ((0x100, "LIST_POISON1"), (0x122, "LIST_POISON2"))
}
"""The marks that a deleted entry's pointers carry (include/linux/poison.h), and their names."""


def poison_name(pointer: int) -> str | None:
    """Return the name of the mark that deleted entries have, None for any other pointer."""
    return POISONS.get(pointer)


@dataclass(slots=True)
class _Chain:
    """A chain of links that is walked forward, and what is known of it so far.

    `holder` is what the next link's back pointer must be. `seen` has every link met before, once a
    back pointer has disagreed, and `is_round` then tells whether the links lead to the head again.
    """

    head: Head
    first: int
    holder: int
    seen: set[int] | None = None
    count: int = 0
    is_round: bool | None = None

    def visit(self, link: int) -> _Node | Anomaly:
        """Read the element around `link`, unless there is a reason not to."""
        holder = self.holder
        if not link:
            return Anomaly(f"next of {holder:#x} is NULL: it does not lead back", holder, True)
        name = poison_name(link)
        if name:
            return Anomaly(f"next of {holder:#x} is {name}: that entry was deleted", holder, True)
        if link == self.head.address or (self.seen is not None and link in self.seen):
            return self.cycle(link)
        size = 2 * self.head.platform.pointer_size
        try:
            data, node = self.head.read_node(link, size)
        except FaultError as error:
            return unreadable("entry", link, error)
        following, back = self.head.pointers(node, 0, 2)
        if back != holder and self.seen is None:
            self.seen = self.links_so_far()
            if link in self.seen:
                return self.cycle(link)
        return _Node(data, following, back)

    def has(self, link: int, node: _Node) -> bool:
        """Whether a node that does not point back is on the list nevertheless."""
        from btfdump._walk.neighbours import proves_head

        return bool(self.count) or proves_head(self.head, link, node.following, node.back)

    def has_on_ring(self, link: int, node: _Node) -> bool:
        """Whether a node that does not point back is on this ring, and not on another one."""
        if self.leads_round(link):
            return True
        from btfdump._walk.neighbours import is_of_another

        is_foreign = is_of_another(self.head, link, node.following, node.back)
        return not is_foreign and self.has(link, node)

    def leads_round(self, link: int) -> bool:
        """Whether a ring leads on from `link` to the head; looked up once, then known of all."""
        from btfdump._walk.neighbours import leads_round

        if self.is_round is None:
            self.is_round = leads_round(self.head, link) is True
        return self.is_round

    def advance(self, link: int) -> None:
        """Go on after `link`."""
        if self.seen is not None:
            self.seen.add(link)
        self.count += 1
        self.holder = link

    def cycle(self, link: int) -> Anomaly:
        return Anomaly(f"cycle: {self.holder:#x} leads back to {link:#x}", link, True)

    def links_so_far(self) -> set[int]:
        """Collect the links that have been walked already, by walking them again."""
        seen: set[int] = set()
        link = self.first
        for _ in range(self.count):
            seen.add(link)
            try:
                data = self.head.memory.read(link, self.head.platform.pointer_size)
            except FaultError:  # only where memory changes while it is walked
                break
            (link,) = self.head.pointers(data, 0, 1)
        return seen


class _Node(NamedTuple):
    """An element's bytes (None: not readable as a whole) and its two pointers."""

    data: bytes | None
    following: int
    back: int


def _leads_to_itself(head: Head) -> bool:
    return head.pointers(head.data or b"", 0, 1)[0] == head.address


@walker(link="list_head", empty=_leads_to_itself)
def walk_list_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a circular doubly linked list; an entry's link is a `struct list_head`.

    If the forward chain breaks, what lies beyond the break is recovered backwards from `head->prev`
    and yielded in list order.
    """
    head = copied(head, stop=head.address)
    try:
        data = head.read_head(2 * head.platform.pointer_size)
    except FaultError as error:
        yield unreadable("list head", head.address, error)
        return
    link, last = head.pointers(data, 0, 2)
    if not link and not last:
        yield Anomaly("list head was never initialised (NULL)", head.address, True)
        return
    chain = _Chain(head, link, head.address)
    while link != head.address:
        node = chain.visit(link)
        if isinstance(node, Anomaly):
            yield node
            yield from _recover(chain, last)
            return
        if node.back != chain.holder:
            from btfdump._walk.neighbours import disagreement

            is_entry = chain.has_on_ring(link, node)
            yield disagreement("prev", link, node.back, chain.holder, is_entry=is_entry)
            if not is_entry:
                yield from _recover(chain, last)
                return
        yield Entry(head.element(link), node.data)
        chain.advance(link)
        link = node.following
    if last != chain.holder and head.is_live:  # something may have been added at the end
        _, last = head.pointers(head.memory.read(head.address, len(data)), 0, 2)
    if last != chain.holder:
        yield Anomaly(
            f"prev of the head is {last:#x}, but the last entry is at {chain.holder:#x}",
            head.address,
        )
        yield from _recover(chain, last)


def _recover(chain: _Chain, last: int) -> Iterator[Entry | Anomaly]:
    """Yield, in list order, the entries reached from the tail that the forward walk has not met."""
    head = chain.head
    seen = chain.seen if chain.seen is not None else chain.links_so_far()
    found: list[Entry] = []
    link, newer = last, head.address
    while link and link != head.address and link not in seen:
        try:
            data, node = head.read_node(link, 2 * head.platform.pointer_size)
        except FaultError:
            break
        following, back = head.pointers(node, 0, 2)
        if following != newer:
            break
        seen.add(link)
        found.append(Entry(head.element(link), data))
        newer, link = link, back
    if found:
        plural = "entry was" if len(found) == 1 else "entries were"
        yield Anomaly(f"the last {len(found)} {plural} found by walking back from the tail", last)
        yield from reversed(found)


@walker(link="hlist_node")
def walk_hlist_head(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk the NULL-terminated list of a hash bucket; an entry's link is a `struct hlist_node`.

    `node->pprev` is the address of the pointer that leads to the node: `head->first`, or the
    previous node's `next`, which is its first member.
    """
    head = copied(head, stop=0)
    try:
        data = head.read_head(head.platform.pointer_size)
    except FaultError as error:
        yield unreadable("list head", head.address, error)
        return
    (link,) = head.pointers(data, 0, 1)
    chain = _Chain(head, link, head.address)
    while link:
        node = chain.visit(link)
        if isinstance(node, Anomaly):
            yield node
            return
        if node.back != chain.holder:
            from btfdump._walk.neighbours import disagreement

            is_entry = chain.has(link, node)
            yield disagreement("pprev", link, node.back, chain.holder, is_entry=is_entry)
            if not is_entry:
                return
        yield Entry(head.element(link), node.data)
        chain.advance(link)
        link = node.following
