"""`struct maple_tree`: ranges of indexes (include/linux/maple_tree.h, lib/maple_tree.c).

A pointer to a node carries the node's type in bits 3 to 6, and bit 2 is set. In the pointer to the
root bit 1 is set as well, which distinguishes it from an entry (mt_mk_node(), mte_mk_root()). Slot
`i` of a node covers the indexes from its pivot `i - 1` + 1 to its pivot `i`; the last one reaches
to the end of the node's range. In a node with room left, the metadata say where the data end
(ma_data_end()).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._walk import RESERVED, Anomaly, Entry, Head, ValueEntry, unreadable, walker
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._walk import Item, Key

DENSE, LEAF_64, RANGE_64, ARANGE_64 = range(4)
MAX_HEIGHT = 31
_NODE_MASK = 255
_TYPE_SHIFT, _TYPE_MASK = 3, 15
_ROOT_PARENT = 1
_ROOT_NODE, _NODE = 2, 4
_ALLOC_RANGE = 1
_HEIGHT_SHIFT, _HEIGHT_MASK = 2, 31
_ZERO_ENTRY = 257 << 2 | 2
_RESERVED = 4096


@dataclass(slots=True)
class _NodeRange:
    """A node to be read: its encoded pointer, its range, and the slot that led to it."""

    encoded: int
    first: int
    last: int
    depth: int
    parent: int = 0
    slot: int = 0

    @property
    def address(self) -> int:
        return self.encoded & ~_NODE_MASK

    @property
    def type(self) -> int:
        return self.encoded >> _TYPE_SHIFT & _TYPE_MASK

    @property
    def is_leaf(self) -> bool:
        return self.type < RANGE_64


@dataclass(slots=True)
class _Slot:
    """What a node's slot holds, and for which indexes."""

    entry: int
    first: int
    last: int
    number: int


class _Tree:
    """A maple tree being walked."""

    def __init__(self, head: Head, flags: int) -> None:
        self.head = head
        self.flags = flags
        self.height = flags >> _HEIGHT_SHIFT & _HEIGHT_MASK
        self.node = head.struct("maple_node")
        self.seen: set[int] = set()

    def items(self, root: int) -> Iterator[Item]:
        """Yield every entry, in order."""
        everything = (1 << self.head.platform.pointer_size * 8) - 1
        stack = [_NodeRange(root, 0, everything, 1)]
        while stack:
            place = stack.pop()
            data, wrong = self.read(place)
            yield from wrong
            if data is None:
                continue
            slots, trouble = self.slots(place, data)
            if trouble is not None:
                yield trouble
            if place.is_leaf:
                for slot in slots:
                    yield from leaf(self.head, slot)
                continue
            stack += [
                _NodeRange(s.entry, s.first, s.last, place.depth + 1, place.address, s.number)
                for s in reversed(slots)
                if s.entry
            ]

    def read(self, place: _NodeRange) -> tuple[bytes | None, list[Anomaly]]:
        """Read a node and check how it is linked; return None if it is not to be entered."""
        address = place.address
        refusal = self.refusal(place)
        if refusal:
            return None, [Anomaly(refusal, address, True)]
        self.seen.add(address)
        try:
            data = self.head.memory.read(address, self.node.size)
        except FaultError as error:
            return None, [unreadable("node", address, error)]
        parent = self.node.integer(data, "parent")
        if parent & ~_NODE_MASK == address:
            return None, [Anomaly(f"node at {address:#x} is dead: it was replaced", address, True)]
        wrong = []
        expected = place.parent or self.head.address
        above = parent & ~(_NODE_MASK if place.parent else _ROOT_PARENT)
        if above != expected or bool(parent & _ROOT_PARENT) != (not place.parent):
            wrong.append(f"parent of node {address:#x} is {parent:#x}, not {expected:#x}")
        elif place.parent and parent >> 3 & 31 != place.slot:
            wrong.append(
                f"node {address:#x} is in slot {place.slot}, but says it is in {parent >> 3 & 31}"
            )
        if place.is_leaf and place.depth != self.height:
            wrong.append(f"leaf {address:#x} is at level {place.depth} of {self.height}")
        return data, [Anomaly(text, address) for text in wrong]

    def refusal(self, place: _NodeRange) -> str:
        """Say why a node is not to be entered; "" if it is."""
        if place.address in self.seen:
            return f"cycle: node {place.address:#x} is reached twice"
        if place.depth > MAX_HEIGHT:
            return f"more than {MAX_HEIGHT} levels: no maple tree"
        if place.encoded & 7 != (_NODE if place.parent else _NODE | _ROOT_NODE):
            return f"{place.encoded:#x} is no node"
        if place.type > ARANGE_64:
            return f"node at {place.address:#x} has type {place.type}: there is none"
        if not place.is_leaf and (place.type == ARANGE_64) != bool(self.flags & _ALLOC_RANGE):
            return f"node at {place.address:#x} has type {place.type}, not that of this tree"
        return ""

    def slots(self, place: _NodeRange, data: bytes) -> tuple[list[_Slot], Anomaly | None]:
        """Return what the slots of a node hold, and what is wrong with its pivots."""
        if place.type == DENSE:
            entries = self.words(data, "slot", 0)
            numbered = enumerate(entries[: place.last - place.first + 1])
            return [_Slot(e, place.first + i, place.first + i, i) for i, e in numbered], None
        member = "ma64" if place.type == ARANGE_64 else "mr64"
        pivots = self.words(data, f"{member}.pivot", 0)
        entries = self.words(data, f"{member}.slot", 0)
        end = self.end(place, data, pivots)
        found: list[_Slot] = []
        first = place.first
        for number, entry in enumerate(entries[: end + 1]):
            last = pivots[number] if number < end else place.last
            if not first <= last <= place.last:
                text = f"pivot {number} of node {place.address:#x} is {last:#x}: out of order"
                return found, Anomaly(text, place.address, True)
            found.append(_Slot(entry, first, last, number))
            first = last + 1
        return found, None

    def end(self, place: _NodeRange, data: bytes, pivots: tuple[int, ...]) -> int:
        """Return the number of the last slot in use, as ma_data_end() (lib/maple_tree.c) does."""
        if place.type == ARANGE_64:
            return min(self.node.integer(data, "ma64.meta.end"), len(pivots))
        if not pivots[-1]:
            return min(self.node.integer(data, "mr64.meta.end"), len(pivots))
        return len(pivots) - 1 if pivots[-1] == place.last else len(pivots)

    def words(self, data: bytes, path: str, at: int) -> tuple[int, ...]:
        """Decode an array of words in a node."""
        return self.head.pointers(data, at + self.node.offset(path), self.node.length(path))


def leaf(head: Head, slot: _Slot) -> Iterator[Item]:
    """Yield what is in a leaf's slot; nothing for a gap."""
    entry = slot.entry
    key: Key = slot.first if slot.first == slot.last else (slot.first, slot.last)
    if not entry:
        return
    if entry & 1:
        yield ValueEntry(key, entry >> 1, "value")
    elif entry == _ZERO_ENTRY:
        yield ValueEntry(key, entry, RESERVED)
    elif entry & 3 == 2 and entry < _RESERVED:
        yield Anomaly(f"index {slot.first:#x} holds {entry:#x}: no entry", entry, True)
    else:
        yield Entry(head.element(entry), None, key)


@walker(link=None)
def walk_maple_tree(head: Head) -> Iterator[Item]:
    """Walk a maple tree in order; entries are pointers to the objects, keys their ranges."""
    shape = head.struct("maple_tree")
    data = head.read_head(shape.size)
    root = shape.integer(data, "ma_root")
    if root & 3 == _ROOT_NODE and root > _RESERVED:
        yield from _Tree(head, shape.integer(data, "ma_flags")).items(root)
    else:  # a single entry, at index 0, needs no node
        yield from leaf(head, _Slot(root, 0, 0, 0))
