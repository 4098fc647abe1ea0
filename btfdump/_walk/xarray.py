"""`struct xarray` (include/linux/xarray.h), the radix tree that it replaced, and `struct idr`.

A slot holds NULL, a pointer, a value entry (bit 0 set: an integer in place of a pointer) or an
internal entry (lowest bits 10): a node, a sibling of an earlier slot, or one of two marks, retry
and zero. An entry covers one index, or many with its siblings or in a node above the lowest level.

Before Linux 4.20 (and in distribution kernels of 4.18 that have BTF) the root is a `struct
radix_tree_root`, bit 0 marks a node and bit 1 a value, and a sibling slot points to the slot of its
entry (include/linux/radix-tree.h of that time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._walk import RESERVED, Anomaly, Entry, Head, ValueEntry, unreadable, walker
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._walk import Item, Key
    from btfdump._walk.structs import KernelStruct

MAX_SHIFT = 64
RETRY, ZERO = 256, 257
_INTERNAL_END = 4096
"""Internal entries up to here are no nodes."""


@dataclass(slots=True)
class _Node:
    """A node: its slots, each of which covers `1 << shift` indexes from `index` on."""

    address: int
    index: int
    shift: int
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Coding:
    """How slots tell what they hold: `node` and `value` are the low bits, of two, that say it."""

    node_type: str
    node: int
    value: int
    has_marks: bool

    def is_node(self, entry: int) -> bool:
        return entry & 3 == self.node and entry > _INTERNAL_END

    def is_value(self, entry: int) -> bool:
        return bool(entry & self.value)

    def value_of(self, entry: int) -> int:
        return entry >> 1 if self.value == 1 else entry >> 2

    def sibling(self, entry: int, node: _Node, slots_at: int, word: int) -> int | None:
        """Return the slot that a sibling entry stands for, None for any other entry."""
        if self.has_marks:
            slot = entry >> 2
            return slot if entry & 3 == 2 and slot < len(node.slots) - 1 else None
        slot, rest = divmod((entry & ~3) - node.address - slots_at, word)
        return slot if entry & 3 == self.node and not rest and 0 <= slot < len(node.slots) else None


_XARRAY = _Coding("xa_node", 2, 1, has_marks=True)
_RADIX = _Coding("radix_tree_node", 1, 2, has_marks=False)


class _Descent:
    """A walk down a tree of nodes, the lowest index first."""

    def __init__(self, head: Head, coding: _Coding) -> None:
        self.head = head
        self.coding = coding
        self.layout: KernelStruct = head.struct(coding.node_type)
        self.slots_at = self.layout.offset("slots")
        self.length = self.layout.length("slots")
        self.chunk_shift = self.length.bit_length() - 1
        self.seen: set[int] = set()

    def items(self, entry: int) -> Iterator[Item]:
        """Yield everything under the root's entry."""
        if not self.coding.is_node(entry):
            yield from self.leaf(entry, 0, 1, self.head.address)
            return
        # For each open node, the slots that are still to come.
        stack = [self.slots_of(*self.enter(entry, None, 0))]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
            elif isinstance(step, Entry | ValueEntry | Anomaly):
                yield step
            else:
                stack.append(self.slots_of(*step))

    def slots_of(
        self, node: _Node | None, wrong: list[Anomaly]
    ) -> Iterator[Item | tuple[_Node | None, list[Anomaly]]]:
        """Yield what a node holds; for an inner node, yield what `enter()` says of it."""
        yield from wrong
        if node is None:
            return
        slot = 0
        while slot < self.length:
            entry = node.slots[slot]
            width = 1
            while slot + width < self.length and self.sibling(node, slot + width) == slot:
                width += 1
            index = node.index + (slot << node.shift)
            address = node.address + self.slots_at + slot * self.head.platform.pointer_size
            if self.sibling(node, slot) is not None:
                text = f"slot {slot} of node {node.address:#x} is the sibling of no entry before it"
                yield Anomaly(text, address)
            elif self.coding.is_node(entry):
                yield self.enter(entry, node, slot)
            elif entry:
                yield from self.leaf(entry, index, width << node.shift, address)
            slot += width

    def sibling(self, node: _Node, slot: int) -> int | None:
        word = self.head.platform.pointer_size
        return self.coding.sibling(node.slots[slot], node, self.slots_at, word)

    def enter(
        self, entry: int, parent: _Node | None, slot: int
    ) -> tuple[_Node | None, list[Anomaly]]:
        """Read the node that `entry`, in a slot of `parent`, points to; None: not to be entered."""
        address = entry - self.coding.node
        if address in self.seen:
            return None, [Anomaly(f"cycle: node {address:#x} is reached twice", address, True)]
        self.seen.add(address)
        try:
            data = self.head.memory.read(address, self.layout.size)
        except FaultError as error:
            return None, [unreadable("node", address, error)]
        shift = self.layout.integer(data, "shift")
        expected = parent.shift - self.chunk_shift if parent is not None else shift
        if shift != expected or not 0 <= shift < MAX_SHIFT or shift % self.chunk_shift:
            text = f"node at {address:#x} has shift {shift}"
            text += f", expected {expected}" if parent is not None else ": no node"
            return None, [Anomaly(text, address, True)]
        wrong = []
        above = self.layout.integer(data, "parent")
        if above != (parent.address if parent is not None else 0):
            there = f"{parent.address:#x}" if parent is not None else "NULL"
            wrong.append(
                Anomaly(f"parent of node {address:#x} is {above:#x}, not {there}", address)
            )
        index = parent.index + (slot << parent.shift) if parent is not None else 0
        slots = self.head.pointers(data, self.slots_at, self.length)
        return _Node(address, index, shift, slots), wrong

    def leaf(self, entry: int, index: int, width: int, address: int) -> Iterator[Item]:
        """Yield what is in a slot that has no node; it covers `width` indexes from `index` on."""
        key: Key = index if width == 1 else (index, index + width - 1)
        if not entry:
            return
        if self.coding.is_value(entry):
            yield ValueEntry(key, self.coding.value_of(entry), "value")
        elif entry & 3 == self.coding.node:
            mark = entry >> 2 if self.coding.has_marks else -1
            if mark == ZERO:
                yield ValueEntry(key, entry, RESERVED)
            elif mark == RETRY:
                text = f"index {index} holds a retry entry: it was just moved to another node"
                yield Anomaly(text, address, True)
            else:
                yield Anomaly(f"index {index} holds {entry:#x}: no entry", address, True)
        else:
            yield Entry(self.head.element(entry), None, key)


def _root(head: Head) -> tuple[_Coding, int]:
    """Return how the tree is coded, and the entry at its root."""
    for name, member, coding in (
        ("xarray", "xa_head", _XARRAY),
        ("radix_tree_root", "rnode", _RADIX),
    ):
        try:
            shape = head.struct(name)
        except LookupError:
            continue
        if member in shape:
            return coding, shape.integer(head.read_head(shape.size), member)
    return _XARRAY, head.struct("xarray").integer(b"", "xa_head")  # says what is missing


@walker(link=None)
def walk_xarray(head: Head) -> Iterator[Item]:
    """Walk an xarray by index; entries are pointers to the objects."""
    coding, entry = _root(head)
    yield from _Descent(head, coding).items(entry)


@walker(link=None)
def walk_radix_tree(head: Head) -> Iterator[Item]:
    """Walk a radix tree by index; entries are pointers to the objects."""
    yield from walk_xarray(head)


@walker(link=None)
def walk_idr(head: Head) -> Iterator[Item]:
    """Walk an IDR by id (include/linux/idr.h); the tree's indexes start at `idr_base`."""
    shape = head.struct("idr")
    base = shape.integer(head.read_head(shape.size), "idr_base") if "idr_base" in shape else 0
    for item in walk_xarray(head.inside(shape.offset("idr_rt"))):
        yield item if isinstance(item, Anomaly) else item._replace(key=_from(base, item.key))


def _from(base: int, key: Key) -> Key:
    """Count an index, or a range, from `base`."""
    if isinstance(key, tuple):
        return key[0] + base, key[1] + base
    return key + base if isinstance(key, int) else key
