"""Red-black trees: in order, sound and broken, in either byte order and pointer size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.containers import WILD, Case, define_rbtree, plant

RED, BLACK = 0, 1


class Trees(Case):
    """A tree of `count` items, whose ids are in order."""

    def __init__(self, platform, count: int, head: str = "rb_root") -> None:
        self.is_cached = head == "rb_root_cached"
        super().__init__(platform, f"struct {head}", "struct rb_node")
        self.links = self.new_items(count)
        root = plant(self.world, self.links)
        if self.is_cached:
            self.set_head("rb_root.rb_node", root)
            self.set_head("rb_leftmost", self.links[0] if count else 0)
        else:
            self.set_head("rb_node", root)
        self.root = root

    def define(self) -> None:
        define_rbtree(self.world)

    def set(self, link: int, member: str, value: int) -> None:
        self.world.set(link, f"rb_node.{member}", value)


@pytest.fixture(params=["rb_root", "rb_root_cached"])
def make(request, platform):
    return lambda count: Trees(platform, count, request.param)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100, 1000])
def test_sound(make, count):
    assert make(count).walk() == (list(range(count)), [])


def test_left_and_right_lead_to_one_node(make):
    trees = make(7)
    left = trees.links[1]
    trees.set(trees.root, "rb_right", left)
    found, wrong = trees.walk()
    assert found == [0, 1, 2, 3]
    assert wrong == [f"cycle: {trees.root:#x} leads back to {left:#x}"]


def test_a_child_leads_back_to_the_root(make):
    trees = make(7)
    trees.set(trees.links[4], "rb_right", trees.root)
    found, wrong = trees.walk()
    assert found == list(range(7))
    assert wrong == [f"cycle: {trees.links[4]:#x} leads back to {trees.root:#x}"]


def test_a_node_leads_to_itself(make):
    trees = make(1)
    trees.set(trees.root, "rb_left", trees.root)
    assert trees.walk() == ([0], [f"cycle: {trees.root:#x} leads back to {trees.root:#x}"])


def test_wrong_parent(make):
    trees = make(7)
    trees.set(trees.links[5], "__rb_parent_color", trees.links[1] | BLACK)
    found, wrong = trees.walk()
    assert found == list(range(7))
    assert wrong == [f"parent of {trees.links[5]:#x} is {trees.links[1]:#x}, not {trees.root:#x}"]


def test_the_root_has_a_parent(make):
    trees = make(3)
    trees.set(trees.root, "__rb_parent_color", trees.links[0] | BLACK)
    found, wrong = trees.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"parent of {trees.root:#x} is {trees.links[0]:#x}, not NULL"]


def test_a_sole_root_that_has_a_parent(make):
    """Nothing says that this is the root of such a tree: it may be anything."""
    trees = make(1)
    trees.set(trees.root, "__rb_parent_color", 0x1230 | BLACK)
    found, wrong = trees.walk()
    assert found == []
    refused = "it does not lead back, and is not taken for an entry"
    assert wrong[0] == f"parent of {trees.root:#x} is 0x1230, not NULL: {refused}"


def test_a_node_of_another_tree(make):
    """A root that was copied before the tree was rotated leads into the middle of it."""
    trees = make(7)
    inner = trees.links[5]
    trees.set_head("rb_root.rb_node" if trees.is_cached else "rb_node", inner)
    found, wrong = trees.walk()
    assert found == []
    assert wrong[0].startswith(f"parent of {inner:#x} is {trees.root:#x}, not NULL: it does not")


def test_red_and_red(make):
    trees = make(7)
    trees.set(trees.links[1], "__rb_parent_color", trees.root | RED)
    found, wrong = trees.walk()
    assert found == list(range(7))
    assert wrong == [
        f"{trees.links[0]:#x} and its parent are both red",
        f"{trees.links[2]:#x} and its parent are both red",
    ]


def test_red_root(make):
    trees = make(3)
    trees.set(trees.root, "__rb_parent_color", RED)
    found, wrong = trees.walk()
    assert found == [0, 1, 2]
    assert wrong[0] == "the root is red"


def test_wild_child(make):
    """The rest of the tree is walked; that entries are lost is said."""
    trees = make(7)
    trees.set(trees.links[1], "rb_left", WILD)
    found, wrong = trees.walk()
    assert found == [1, 2, 3, 4, 5, 6]
    assert wrong[0] == f"node at {WILD:#x} is unreadable: not mapped"


def test_wild_root(make):
    trees = make(0)
    trees.set_head("rb_root.rb_node" if trees.is_cached else "rb_node", WILD)
    found, wrong = trees.walk()
    assert found == []
    assert wrong[0] == f"node at {WILD:#x} is unreadable: not mapped"


def test_the_head_is_unreadable(make):
    trees = make(3)
    trees.value()
    trees.world.target.unmap(trees.head, 1)
    found, wrong = trees.walk()
    assert found == []
    assert wrong == [f"{trees.head:#x} is unreadable: not mapped"]


def test_absurd_height(make):
    """A chain of left children is no red-black tree, however sound its pointers are."""
    trees = make(300)
    for above, below in zip(trees.links, trees.links[1:], strict=False):
        trees.set(above, "rb_left", below)
        trees.set(above, "rb_right", 0)
        trees.set(below, "__rb_parent_color", above | BLACK)
    trees.set(trees.links[0], "__rb_parent_color", BLACK)
    trees.set_head("rb_root.rb_node" if trees.is_cached else "rb_node", trees.links[0])
    found, wrong = trees.walk()
    assert found == list(range(127, -1, -1))
    assert wrong[0] == "more than 128 levels: no red-black tree"


def test_leftmost_disagrees(platform):
    trees = Trees(platform, 3, "rb_root_cached")
    trees.set_head("rb_leftmost", trees.links[1])
    found, wrong = trees.walk()
    assert found == [0, 1, 2]
    assert wrong == [
        f"rb_leftmost is {trees.links[1]:#x}, but the first node is at {trees.links[0]:#x}"
    ]


def test_leftmost_of_an_empty_tree(platform):
    trees = Trees(platform, 0, "rb_root_cached")
    trees.set_head("rb_leftmost", 0x10)
    assert trees.walk() == ([], ["rb_leftmost is 0x10, but the tree is empty"])


@pytest.mark.parametrize("old", [False, True])
def test_timerqueue(platform, old):
    """Before Linux 5.4 the head was an rb_root and a pointer."""

    class Timers(Case):
        def define(self) -> None:
            define_rbtree(self.world)
            node = [("node", "struct rb_node"), ("expires", "s64")]
            self.world.struct("timerqueue_node", node)
            head = [("rb_root", "struct rb_root_cached")]
            if old:
                head = [("head", "struct rb_root"), ("next", "struct timerqueue_node *")]
            self.world.struct("timerqueue_head", head)

    timers = Timers(platform, "struct timerqueue_head", "struct timerqueue_node")
    links = timers.new_items(5)
    root = plant(timers.world, links)
    timers.set_head("head.rb_node" if old else "rb_root.rb_root.rb_node", root)
    timers.set_head("next" if old else "rb_root.rb_leftmost", links[0])
    assert timers.walk() == ([0, 1, 2, 3, 4], [])


@settings(max_examples=200)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(["rb_left", "rb_right", "__rb_parent_color"]),
            st.integers(-1, 9),
        ),
        max_size=6,
    )
)
def test_rewired(changes):
    """Whatever points to whatever: the walk ends, and gives no entry twice."""
    trees = Trees(("little", 8), 10)
    for index, member, to in changes:
        trees.set(trees.links[index], member, trees.links[to] if to >= 0 else 0)
    found, _ = trees.walk()
    assert len(found) == len(set(found))
