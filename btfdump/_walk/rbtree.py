"""Red-black trees: `struct rb_root`, `struct rb_root_cached` (include/linux/rbtree.h), timerqueues.

A tree is walked in order, without recursion. `node->__rb_parent_color` holds the parent's address
and, in bit 0, the colour (1 is black). Both are checked: the parent must be the node that led here,
a red node has no red child, and the root is black. A node that was met before is not entered again,
nor is a root to which nothing leads back (`neighbours.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump._walk.neighbours import NO_ENTRY, pointers_at
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HEIGHT = 128
"""A red-black tree of n nodes is at most 2 * log2(n + 1) high, and n fits into 64 bits."""
_BLACK = 1
_COLOR_BITS = 3


@dataclass(slots=True)
class _Node:
    link: int
    data: bytes | None
    left: int
    right: int
    is_red: bool
    height: int


class _Tree:
    """A tree being walked: where the members of `struct rb_node` lie, and the nodes met so far."""

    def __init__(self, head: Head) -> None:
        node = head.struct("rb_node")
        self.head = head
        self.size = node.size
        self.words = node.size // head.platform.pointer_size
        self.color, self.left, self.right = (
            node.offset(name) // head.platform.pointer_size
            for name in ("__rb_parent_color", "rb_left", "rb_right")
        )
        self.seen: set[int] = set()

    def visit(self, link: int, parent: _Node | None) -> tuple[_Node | None, list[Anomaly]]:
        """Read the node at `link`, which `parent` led to; None if it is not to be entered."""
        if link in self.seen:
            return None, [Anomaly(f"cycle: {_name(parent)} leads back to {link:#x}", link, True)]
        height = parent.height + 1 if parent is not None else 1
        if height > MAX_HEIGHT:
            return None, [Anomaly(f"more than {MAX_HEIGHT} levels: no red-black tree", link, True)]
        self.seen.add(link)
        try:
            data, raw = self.head.read_node(link, self.size)
        except FaultError as error:
            return None, [unreadable("node", link, error)]
        words = self.head.pointers(raw, 0, self.words)
        color = words[self.color]
        is_red = not color & _BLACK
        node = _Node(link, data, words[self.left], words[self.right], is_red, height)
        wrong = []
        above = color & ~_COLOR_BITS
        if above != (parent.link if parent is not None else 0):
            text = f"parent of {link:#x} is {above:#x}, not {_name(parent, 'NULL')}"
            if parent is None and not self.proves_head(node, above):
                return None, [Anomaly(f"{text}: {NO_ENTRY}", link, True)]
            wrong.append(text)
        if is_red and (parent is None or parent.is_red):
            wrong.append(f"{link:#x} and its parent are both red" if parent else "the root is red")
        return node, [Anomaly(text, link) for text in wrong]

    def proves_head(self, root: _Node, above: int) -> bool:
        """Whether a root that names a parent, `above`, is one: a child of its own points back.

        It is not if it is a child of that parent.
        """
        other = pointers_at(self.head, above, self.words)
        if other is not None and root.link in (other[self.left], other[self.right]):
            return False
        children = (link for link in (root.left, root.right) if link != root.link)
        found = (pointers_at(self.head, link, self.words) for link in children)
        return any(c is not None and c[self.color] & ~_COLOR_BITS == root.link for c in found)

    def nodes(self, root: int) -> Iterator[_Node | Anomaly]:
        """Yield the nodes in order."""
        path: list[_Node] = []
        parent: _Node | None = None
        link = root
        while True:
            while link:
                node, wrong = self.visit(link, parent)
                yield from wrong
                if node is None:
                    break
                path.append(node)
                parent, link = node, node.left
            if not path:
                return
            parent = path.pop()
            yield parent
            link = parent.right


def _name(node: _Node | None, otherwise: str = "the root") -> str:
    return f"{node.link:#x}" if node is not None else otherwise


def in_order(head: Head, root: int, leftmost: int | None = None) -> Iterator[Entry | Anomaly]:
    """Walk the tree whose root node is at `root`; `leftmost` is the first node by the head."""
    first: int | None = None
    for node in _Tree(head).nodes(root):
        if isinstance(node, Anomaly):
            yield node
            continue
        if first is None:
            first = node.link
            if leftmost is not None and leftmost != first:
                text = f"rb_leftmost is {leftmost:#x}, but the first node is at {first:#x}"
                yield Anomaly(text, head.address)
        yield Entry(head.element(node.link), node.data)
    if first is None and leftmost:
        yield Anomaly(f"rb_leftmost is {leftmost:#x}, but the tree is empty", head.address)


@walker(link="rb_node")
def walk_rb_root(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a red-black tree in order; an entry's link is a `struct rb_node`."""
    yield from in_order(head, *head.pointers(head.read_head(head.platform.pointer_size), 0, 1))


@walker(link="rb_node")
def walk_rb_root_cached(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a red-black tree that remembers its first node, in order."""
    shape = head.struct("rb_root_cached")
    data = head.read_head(shape.size)
    root = shape.integer(data, "rb_root.rb_node")
    yield from in_order(head, root, shape.integer(data, "rb_leftmost"))


@walker(link="timerqueue_node")
def walk_timerqueue(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a timerqueue, the first to expire first (include/linux/timerqueue.h).

    Since 511885d7061e (Linux 5.4) it is an rb_root_cached; before, an rb_root and a pointer.
    """
    shape = head.struct("timerqueue_head")
    link = head.struct("timerqueue_node").offset("node")
    if "rb_root" in shape:
        yield from walk_rb_root_cached(head.inside(shape.offset("rb_root"), link))
    else:
        yield from walk_rb_root(head.inside(shape.offset("head"), link))
