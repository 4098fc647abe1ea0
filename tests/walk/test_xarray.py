"""xarray, radix tree and IDR: indexes, ranges, value and internal entries, sound and broken."""

from __future__ import annotations

import pytest

from tests.support.containers import WILD, Case, define_xarray

SLOTS = 16
ZERO, RETRY = 257 << 2 | 2, 256 << 2 | 2


def value_entry(value: int) -> int:
    return value << 1 | 1


def sibling(slot: int) -> int:
    return slot << 2 | 2


class Arrays(Case):
    """An xarray whose nodes have 16 slots, as with CONFIG_BASE_SMALL."""

    def __init__(self, platform, head: str = "xarray") -> None:
        self.path = "idr_rt.xa_head" if head == "idr" else "xa_head"
        super().__init__(platform, f"struct {head}")

    def define(self) -> None:
        define_xarray(self.world, SLOTS)
        self.world.struct(
            "idr", [("idr_rt", "struct xarray"), ("idr_base", "u32"), ("idr_next", "u32")]
        )

    def node(self, shift: int, slots: dict[int, int], parent: int = 0, offset: int = 0) -> int:
        """Make a node; return its address."""
        node = self.world.new("xa_node", shift=shift, parent=parent, offset=offset)
        self.fill(node, slots)
        return node

    def fill(self, node: int, slots: dict[int, int]) -> None:
        at = node + self.world.offset("xa_node.slots")
        for slot, entry in slots.items():
            self.world.point(at + slot * self.word, entry)

    def root(self, entry: int) -> None:
        self.set_head(self.path, entry)

    def two_levels(self) -> tuple[int, int, list[int]]:
        """Items at 0x13 and 0x20, in two nodes below one."""
        items = self.new_items(2)
        top = self.node(4, {})
        low = self.node(0, {3: items[0]}, parent=top, offset=1)
        high = self.node(0, {0: items[1]}, parent=top, offset=2)
        self.fill(top, {1: low | 2, 2: high | 2})
        self.root(top | 2)
        return top, low, items


@pytest.fixture
def make(platform):
    return lambda head="xarray": Arrays(platform, head)


@pytest.mark.parametrize("head", ["xarray", "idr"])
def test_empty(make, head):
    assert make(head).keyed() == []


@pytest.mark.parametrize("head", ["xarray", "idr"])
def test_one_entry_at_index_0_needs_no_node(make, head):
    arrays = make(head)
    arrays.root(*arrays.new_items(1))
    assert arrays.keyed() == [(0, 0)]


def test_many(make):
    arrays = make()
    items = arrays.new_items(SLOTS * SLOTS)
    top = arrays.node(4, {})
    for slot in range(SLOTS):
        row = dict(enumerate(items[slot * SLOTS : (slot + 1) * SLOTS]))
        arrays.fill(top, {slot: arrays.node(0, row, top, slot) | 2})
    arrays.root(top | 2)
    assert arrays.keyed() == [(i, i) for i in range(SLOTS * SLOTS)]
    assert arrays.walk() == (list(range(SLOTS * SLOTS)), [])


def test_levels(make):
    arrays = make()
    arrays.two_levels()
    assert arrays.keyed() == [(0x13, 0), (0x20, 1)]


def test_value_entries(make):
    """A shadow in the page cache is no page."""
    arrays = make()
    (item,) = arrays.new_items(1)
    arrays.root(arrays.node(0, {1: value_entry(77), 4: item, 5: value_entry(0)}) | 2)
    assert arrays.keyed() == [(1, ("value", 77)), (4, 0), (5, ("value", 0))]
    assert arrays.walk() == ([0], [])


def test_a_value_entry_at_the_root(make):
    arrays = make()
    arrays.root(value_entry(5))
    assert arrays.keyed() == [(0, ("value", 5))]


def test_siblings_make_a_range(make):
    arrays = make()
    item, other = arrays.new_items(2)
    slots = {4: item, 5: sibling(4), 6: sibling(4), 7: sibling(4), 8: other}
    arrays.root(arrays.node(0, slots) | 2)
    assert arrays.keyed() == [((4, 7), 0), (8, 1)]


def test_an_entry_above_the_lowest_level_covers_all_below(make):
    arrays = make()
    item, wide = arrays.new_items(2)
    arrays.root(arrays.node(4, {1: item, 2: wide, 3: sibling(2)}) | 2)
    assert arrays.keyed() == [((0x10, 0x1F), 0), ((0x20, 0x3F), 1)]


def test_reserved_indexes(make):
    arrays = make()
    arrays.root(arrays.node(0, {3: ZERO}) | 2)
    assert arrays.keyed() == [(3, ("reserved", ZERO))]


def test_retry_entry(make):
    arrays = make()
    arrays.root(arrays.node(0, {3: RETRY}) | 2)
    found, wrong = arrays.walk()
    assert (found, wrong) == (
        [],
        ["index 3 holds a retry entry: it was just moved to another node"],
    )


def test_a_sibling_of_nothing(make):
    arrays = make()
    node = arrays.node(0, {3: sibling(1)})
    arrays.root(node | 2)
    assert arrays.walk() == (
        [],
        [f"slot 3 of node {node:#x} is the sibling of no entry before it"],
    )


def test_other_internal_entries(make):
    arrays = make()
    arrays.root(arrays.node(0, {3: 300 << 2 | 2}) | 2)
    assert arrays.walk() == ([], [f"index 3 holds {300 << 2 | 2:#x}: no entry"])


def test_idr_counts_from_its_base(make):
    arrays = make("idr")
    items = arrays.new_items(2)
    arrays.root(arrays.node(0, {0: items[0], 1: items[1], 2: sibling(1)}) | 2)
    arrays.set_head("idr_base", 100)
    assert arrays.keyed() == [(100, 0), ((101, 102), 1)]


def test_wild_node(make):
    arrays = make()
    top, _, _ = arrays.two_levels()
    arrays.fill(top, {1: WILD | 2})
    assert arrays.walk() == ([1], [f"node at {WILD:#x} is unreadable: not mapped"])


def test_wild_root(make):
    arrays = make()
    arrays.root(WILD | 2)
    assert arrays.walk() == ([], [f"node at {WILD:#x} is unreadable: not mapped"])


def test_the_head_is_unreadable(make):
    arrays = make()
    arrays.value()
    arrays.world.target.unmap(arrays.head, 1)
    assert arrays.walk() == ([], [f"{arrays.head:#x} is unreadable: not mapped"])


def test_a_node_in_itself(make):
    arrays = make()
    top, _, _ = arrays.two_levels()
    arrays.fill(top, {1: top | 2})
    found, wrong = arrays.walk()
    assert found == [1]
    assert wrong == [f"cycle: node {top:#x} is reached twice"]


def test_a_node_in_two_slots(make):
    arrays = make()
    top, low, _ = arrays.two_levels()
    arrays.fill(top, {9: low | 2})
    found, wrong = arrays.walk()
    assert found == [0, 1]
    assert wrong == [f"cycle: node {low:#x} is reached twice"]


@pytest.mark.parametrize("shift", [4, 8, 200])
def test_absurd_shift(make, shift):
    arrays = make()
    _, low, _ = arrays.two_levels()
    arrays.world.set(low, "xa_node.shift", shift)
    found, wrong = arrays.walk()
    assert found == [1]
    assert wrong == [f"node at {low:#x} has shift {shift}, expected 0"]


@pytest.mark.parametrize("shift", [3, 64, 252])
def test_absurd_height(make, shift):
    arrays = make()
    top, _, _ = arrays.two_levels()
    arrays.world.set(top, "xa_node.shift", shift)
    assert arrays.walk() == ([], [f"node at {top:#x} has shift {shift}: no node"])


def test_wrong_parent(make):
    arrays = make()
    top, low, _ = arrays.two_levels()
    arrays.world.set(low, "xa_node.parent", low)
    assert arrays.walk() == ([0, 1], [f"parent of node {low:#x} is {low:#x}, not {top:#x}"])


class Radix(Arrays):
    """The radix tree of Linux 4.18, and of distribution kernels of that time that have BTF."""

    def __init__(self, platform) -> None:
        super().__init__(platform, "radix_tree_root")
        self.path = "rnode"

    def define(self) -> None:
        self.world.struct("radix_tree_root", [("gfp_mask", "u32"), ("rnode", "void *")])
        self.world.struct(
            "radix_tree_node",
            [("shift", "u8"), ("parent", "void *"), ("slots", f"void *[{SLOTS}]")],
        )


def test_radix_tree(platform):
    """Bit 0 marks a node, bit 1 an exceptional entry; a sibling points to a slot."""
    radix = Radix(platform)
    world = radix.world
    items = radix.new_items(2)
    node = world.new("radix_tree_node", shift=0)
    slots = node + world.offset("radix_tree_node.slots")
    for slot, entry in {2: items[0], 3: (slots + 2 * radix.word) | 1, 5: 9 << 2 | 2}.items():
        world.point(slots + slot * radix.word, entry)
    radix.root(node | 1)
    assert radix.keyed() == [((2, 3), 0), (5, ("value", 9))]


@pytest.mark.parametrize("head", ["xarray", "idr"])
def test_an_index_is_a_key(make, head):
    case = make(head)
    case.two_levels()
    held = case.value()
    assert int(held[0x13].id) == 0
    assert (int(held[0x20].id), held[0x20].key_) == (1, 0x20)
    told = r"no entry has the key 1 in struct \w+ at 0x\w+: .* 2 entries, with keys from 19 to 32"
    with pytest.raises(IndexError, match=told):
        held[1]


def test_what_has_a_key_and_is_no_object(make):
    case = make()
    (item,) = case.new_items(1)
    case.root(case.node(0, {2: value_entry(7), 5: item}) | 2)
    assert int(case.value()[5].id) == 0
    with pytest.raises(IndexError, match=r"no object has the key 2 .*: there is the value 0x7"):
        case.value()[2]
