"""hlist_nulls_head, hlist_bl_head and llist_head, sound and broken."""

from __future__ import annotations

import pytest

from tests.support.containers import WILD, Case

HEADS = {
    "hlist_nulls_head": "hlist_nulls_node",
    "hlist_bl_head": "hlist_bl_node",
    "llist_head": "llist_node",
}


class Chains(Case):
    """A list of `count` items; a list of `nulls` ends in the mark of bucket 7."""

    def __init__(self, platform, head: str, count: int) -> None:
        self.node = HEADS[head]
        self.has_back = head != "llist_head"
        self.end = 7 << 1 | 1 if head == "hlist_nulls_head" else 0
        self.lock = 1 if head == "hlist_bl_head" else 0
        super().__init__(platform, f"struct {head}", f"struct {self.node}")
        self.links = self.new_items(count)
        self.world.point(self.head, (self.links[0] if count else self.end) | self.lock)
        holder = self.head
        for link, following in zip(self.links, [*self.links[1:], self.end], strict=False):
            self.next(link, following)
            if self.has_back:
                self.world.point(link + self.word, holder)
            holder = link

    def define(self) -> None:
        for head, node in HEADS.items():
            back = [("pprev", f"struct {node} **")] if head != "llist_head" else []
            self.world.struct(node, [("next", f"struct {node} *"), *back])
            self.world.struct(head, [("first", f"struct {node} *")])

    def next(self, link: int, to: int) -> None:
        self.world.point(link, to)


@pytest.fixture(params=sorted(HEADS))
def make(request, platform):
    return lambda count: Chains(platform, request.param, count)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_sound(make, count):
    assert make(count).walk() == (list(range(count)), [])


@pytest.mark.parametrize("to", [0, 1, 2])
def test_cycle(make, to):
    chains = make(3)
    chains.next(chains.links[2], chains.links[to])
    found, wrong = chains.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"cycle: {chains.links[2]:#x} leads back to {chains.links[to]:#x}"]


def test_cycle_through_the_head(make):
    chains = make(3)
    chains.next(chains.links[2], chains.head)
    found, wrong = chains.walk()
    assert found == [0, 1, 2]
    assert wrong == [f"cycle: {chains.links[2]:#x} leads back to {chains.head:#x}"]


def test_wild_pointer(make):
    chains = make(3)
    chains.next(chains.links[0], WILD)
    assert chains.walk() == ([0], [f"entry at {WILD:#x} is unreadable: not mapped"])


def test_the_head_is_unreadable(make):
    chains = make(3)
    chains.value()
    chains.world.target.unmap(chains.head, 1)
    assert chains.walk() == ([], [f"{chains.head:#x} is unreadable: not mapped"])


def test_back_pointer_disagrees(make):
    chains = make(3)
    if chains.has_back:
        chains.world.point(chains.links[1] + chains.word, 0x1234)
        wrong = [f"pprev of {chains.links[1]:#x} is 0x1234, not {chains.links[0]:#x}"]
        assert chains.walk() == ([0, 1, 2], wrong)


def test_back_pointer_of_the_only_one_disagrees(make):
    """Nothing says that this is the head of such a list."""
    chains = make(1)
    if chains.has_back:
        chains.world.point(chains.links[0] + chains.word, 0x1234)
        text = f"pprev of {chains.links[0]:#x} is 0x1234, not {chains.head:#x}"
        assert chains.walk() == (
            [],
            [f"{text}: it does not lead back, and is not taken for an entry"],
        )


def test_nulls_list_without_its_mark(platform):
    chains = Chains(platform, "hlist_nulls_head", 2)
    chains.next(chains.links[1], 0)
    wrong = [f"next of {chains.links[1]:#x} is NULL: it ends without its mark"]
    assert chains.walk() == ([0, 1], wrong)


def test_nulls_bucket_of_zeros(platform):
    chains = Chains(platform, "hlist_nulls_head", 0)
    chains.world.point(chains.head, 0)
    assert chains.walk() == ([], [])


def test_unlocked(platform):
    chains = Chains(platform, "hlist_bl_head", 2)
    chains.world.point(chains.head, chains.links[0])
    assert chains.walk() == ([0, 1], [])
