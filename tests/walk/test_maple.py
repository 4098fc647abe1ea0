"""Maple trees: every type of node, ranges, gaps, metadata, sound and broken."""

from __future__ import annotations

import pytest

from tests.support.containers import WILD, Case, define_maple

DENSE, LEAF, RANGE, ARANGE = range(4)
ALLOC_RANGE = 1
ZERO = 257 << 2 | 2


class Maples(Case):
    """A tree of maple nodes."""

    def __init__(self, platform, height: int = 1, flags: int = 0) -> None:
        super().__init__(platform, "struct maple_tree")
        self.set_head("ma_flags", flags | height << 2)
        self.everything = (1 << self.word * 8) - 1

    def define(self) -> None:
        define_maple(self.world)

    def node(self, kind: int, slots, *, parent: int = 0, slot: int = 0, end: int = -1) -> int:
        """Make a node of (entry, last index) pairs, the last index None for the last; its code."""
        world = self.world
        node = world.room(256, 256)
        world.point(node, parent | slot << 3 | 6 if parent else self.head | 1)
        path = {DENSE: "", ARANGE: "ma64."}.get(kind, "mr64.")
        for number, (entry, last) in enumerate(slots):
            at = world.offset(f"maple_node.{path}slot") + number * self.word
            world.point(node + at, entry)
            if last is not None and kind != DENSE:
                at = world.offset(f"maple_node.{path}pivot") + number * self.word
                world.point(node + at, last)
        pivots = 15 if self.word == 8 else 31
        if kind == ARANGE or (kind != DENSE and len(slots) <= pivots):
            world.set(node, f"maple_node.{path}meta.end", len(slots) - 1 if end < 0 else end)
        return node | kind << 3 | 4

    def root(self, encoded: int) -> None:
        self.set_head("ma_root", encoded | 2)

    def two_levels(self) -> tuple[int, int, int]:
        """Items 0 and 1 at 0x10-0x1f and 0x20, item 2 at 0x100."""
        items = self.new_items(3)
        kind = ARANGE if self.kernel_flags & ALLOC_RANGE else RANGE
        top = self.node(kind, [(0, 0x7F), (0, None)])
        node = top & ~255
        low = self.node(
            LEAF, [(0, 0xF), (items[0], 0x1F), (items[1], 0x20), (0, None)], parent=node
        )
        high = self.node(LEAF, [(0, 0xFF), (items[2], 0x100), (0, None)], parent=node, slot=1)
        path = "ma64" if kind == ARANGE else "mr64"
        at = node + self.world.offset(f"maple_node.{path}.slot")
        self.world.point(at, low)
        self.world.point(at + self.word, high)
        self.root(top)
        return node, low & ~255, high & ~255

    kernel_flags = 0


@pytest.fixture
def make(platform):
    return lambda height=1, flags=0: Maples(platform, height, flags)


def test_empty(make):
    assert make().keyed() == []


def test_one_entry_at_0_needs_no_node(make):
    maples = make()
    maples.set_head("ma_root", *maples.new_items(1))
    assert maples.keyed() == [(0, 0)]


def test_leaf(make):
    maples = make()
    a, b, c = maples.new_items(3)
    maples.root(maples.node(LEAF, [(a, 0), (0, 9), (b, 0x1F), (c, 0x20), (0, None)]))
    assert maples.keyed() == [(0, 0), ((10, 0x1F), 1), (0x20, 2)]
    assert maples.walk() == ([0, 1, 2], [])


def test_the_last_slot_reaches_to_the_end(make):
    maples = make()
    maples.root(maples.node(LEAF, [(0, 99), (*maples.new_items(1), None)]))
    assert maples.keyed() == [((100, maples.everything), 0)]


def test_a_full_leaf_has_no_metadata(make):
    """All pivots are in use: the last slot, which the metadata would overlap, is an entry."""
    maples = make()
    room = 16 if maples.word == 8 else 32
    items = maples.new_items(room)
    pairs = [(item, i) for i, item in enumerate(items[:-1])]
    maples.root(maples.node(LEAF, [*pairs, (items[-1], None)]))
    last = ((room - 1, maples.everything), room - 1)
    assert maples.keyed() == [(i, i) for i in range(room - 1)] + [last]


def test_a_full_leaf_that_ends_at_its_last_pivot(make):
    maples = make()
    room = 15 if maples.word == 8 else 31
    items = maples.new_items(room)
    last = maples.everything
    pairs = [(item, i) for i, item in enumerate(items[:-1])]
    maples.root(maples.node(LEAF, [*pairs, (items[-1], last)]))
    assert maples.keyed()[-1] == ((room - 1, last), room - 1)


@pytest.mark.parametrize("flags", [0, ALLOC_RANGE])
def test_levels(make, flags):
    maples = make(2, flags)
    maples.kernel_flags = flags
    maples.two_levels()
    assert maples.keyed() == [((0x10, 0x1F), 0), (0x20, 1), (0x100, 2)]
    assert maples.walk() == ([0, 1, 2], [])


def test_dense(make):
    maples = make()
    a, b = maples.new_items(2)
    maples.root(maples.node(DENSE, [(a, None), (0, None), (b, None)]))
    assert maples.keyed() == [(0, 0), (2, 1)]


def test_value_and_reserved_entries(make):
    maples = make()
    maples.root(maples.node(LEAF, [(9 << 1 | 1, 0), (ZERO, 4), (2, 5), (0, None)]))
    assert maples.keyed() == [
        (0, ("value", 9)),
        ((1, 4), ("reserved", ZERO)),
        ("!", "index 0x5 holds 0x2: no entry"),
    ]


def test_pivots_out_of_order(make):
    maples = make()
    a, b = maples.new_items(2)
    maples.root(code := maples.node(LEAF, [(a, 9), (b, 3), (0, None)]))
    assert maples.walk() == ([0], [f"pivot 1 of node {code & ~255:#x} is 0x3: out of order"])


def test_absurd_metadata(make):
    maples = make()
    (item,) = maples.new_items(1)
    maples.root(maples.node(LEAF, [(item, 9), (0, None)], end=200))
    found, wrong = maples.walk()
    assert found == [0]
    assert "out of order" in wrong[0]


def test_wrong_parent(make):
    maples = make(2)
    node, low, _ = maples.two_levels()
    maples.world.point(low, 0x1000 | 6)
    found, wrong = maples.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"parent of node {low:#x} is 0x1006, not {node:#x}"]


def test_wrong_tree(make):
    maples = make(2)
    node, _, _ = maples.two_levels()
    maples.world.point(node, 0x1001)
    found, wrong = maples.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"parent of node {node:#x} is 0x1001, not {maples.head:#x}"]


def test_wrong_slot(make):
    maples = make(2)
    node, low, _ = maples.two_levels()
    maples.world.point(low, node | 3 << 3 | 6)
    found, wrong = maples.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"node {low:#x} is in slot 0, but says it is in 3"]


def test_dead_node(make):
    maples = make(2)
    _, low, _ = maples.two_levels()
    maples.world.point(low, low)
    found, wrong = maples.walk()
    assert found == [2]
    assert wrong == [f"node at {low:#x} is dead: it was replaced"]


def test_wrong_level(make):
    maples = make(3)
    _, low, high = maples.two_levels()
    found, wrong = maples.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"leaf {leaf:#x} is at level 2 of 3" for leaf in (low, high)]


def test_a_type_that_the_tree_has_not(make):
    maples = make(2, ALLOC_RANGE)
    node, _, _ = maples.two_levels()
    assert maples.walk() == ([], [f"node at {node:#x} has type 2, not that of this tree"])


def test_a_type_that_there_is_not(make):
    maples = make()
    node = maples.node(LEAF, [(0, None)]) & ~255
    maples.root(node | 9 << 3 | 4)
    assert maples.walk() == ([], [f"node at {node:#x} has type 9: there is none"])


def test_cycle(make):
    maples = make(2)
    node, _, _ = maples.two_levels()
    at = node + maples.world.offset("maple_node.mr64.slot")
    maples.world.point(at + maples.word, node | RANGE << 3 | 4)
    found, wrong = maples.walk()
    assert found == [0, 1]
    assert wrong == [f"cycle: node {node:#x} is reached twice"]


@pytest.mark.parametrize("at", ["root", "leaf"])
def test_wild(make, at):
    maples = make(2)
    node, _, _ = maples.two_levels()
    if at == "root":
        maples.root(WILD & ~255 | LEAF << 3 | 4)
    else:
        slots = node + maples.world.offset("maple_node.mr64.slot")
        maples.world.point(slots, WILD & ~255 | LEAF << 3 | 4)
    found, wrong = maples.walk()
    assert found == ([] if at == "root" else [2])
    assert wrong == [f"node at {WILD & ~255:#x} is unreadable: not mapped"]


def test_a_slot_that_leads_to_no_node(make):
    maples = make(2)
    node, _, _ = maples.two_levels()
    maples.world.point(node + maples.world.offset("maple_node.mr64.slot"), 0x1234_5600)
    found, wrong = maples.walk()
    assert (found, wrong) == ([2], ["0x12345600 is no node"])


def test_the_head_is_unreadable(make):
    maples = make()
    maples.value()
    maples.world.target.unmap(maples.head, 1)
    assert maples.walk() == ([], [f"{maples.head:#x} is unreadable: not mapped"])
