"""assoc_array, the tree of keyrings, sound and broken."""

from __future__ import annotations

from tests.support.containers import WILD, Case


class Keyrings(Case):
    """An associative array: a node, a shortcut below it, and another node."""

    def __init__(self, platform) -> None:
        super().__init__(platform, "struct assoc_array")
        world = self.world
        items = self.new_items(3)
        self.top = world.new("assoc_array_node")
        self.shortcut = world.new("assoc_array_shortcut", back_pointer=self.top | 1)
        self.low = world.new("assoc_array_node", back_pointer=self.shortcut | 3)
        self.set_slot(self.top, 2, items[0])
        self.set_slot(self.top, 5, self.shortcut | 3)
        self.set_slot(self.top, 9, items[1] | 2)  # marked by the keyring code
        world.set(self.shortcut, "assoc_array_shortcut.next_node", self.low | 1)
        self.set_slot(self.low, 0, items[2])
        self.set_head("root", self.top | 1)

    def define(self) -> None:
        world = self.world
        world.struct("assoc_array", [("root", "void *"), ("nr_leaves_on_tree", "unsigned long")])
        node = [("back_pointer", "void *"), ("parent_slot", "u8"), ("slots", "void *[16]")]
        world.struct("assoc_array_node", node)
        shortcut = [("back_pointer", "void *"), ("parent_slot", "int"), ("next_node", "void *")]
        world.struct("assoc_array_shortcut", shortcut)

    def set_slot(self, node: int, slot: int, pointer: int) -> None:
        at = node + self.world.offset("assoc_array_node.slots")
        self.world.point(at + slot * self.word, pointer)


def test_assoc_array(platform):
    assert Keyrings(platform).walk() == ([0, 2, 1], [])


def test_empty_assoc_array(platform):
    keyrings = Keyrings(platform)
    keyrings.set_head("root", 0)
    assert keyrings.walk() == ([], [])


def test_assoc_array_of_one(platform):
    keyrings = Keyrings(platform)
    keyrings.set_head("root", keyrings.items[1])
    assert keyrings.walk() == ([1], [])


def test_cycle_in_an_assoc_array(platform):
    keyrings = Keyrings(platform)
    keyrings.set_slot(keyrings.low, 3, keyrings.top | 1)
    found, wrong = keyrings.walk()
    assert found == [0, 2, 1]
    assert wrong == [f"cycle: {keyrings.top:#x} is reached twice"]


def test_wrong_back_pointer(platform):
    keyrings = Keyrings(platform)
    keyrings.world.set(keyrings.low, "assoc_array_node.back_pointer", 0x1231)
    found, wrong = keyrings.walk()
    assert found == [0, 2, 1]
    assert wrong == [f"back pointer of {keyrings.low:#x} is 0x1230, not {keyrings.shortcut:#x}"]


def test_wild_assoc_array(platform):
    keyrings = Keyrings(platform)
    keyrings.set_slot(keyrings.top, 5, WILD & ~3 | 1)
    found, wrong = keyrings.walk()
    assert found == [0, 1]
    assert wrong == [f"node at {WILD & ~3:#x} is unreadable: not mapped"]
