"""Chains of objects that point to the next of their own type."""

from __future__ import annotations

import pytest

from tests.support.annotated import dumped
from tests.support.containers import WILD, Case


class Chains(Case):
    def __init__(self, platform, count: int) -> None:
        super().__init__(platform, "struct item *", tag="item:next")
        self.new_items(count)
        self.world.point(self.head, self.items[0] if count else 0)
        for here, there in zip(self.items, [*self.items[1:], 0], strict=False):
            self.next(here, there)

    def define(self) -> None:
        self.members = [("next", "struct item *")]

    def next(self, item: int, to: int) -> None:
        self.world.set(item, "item.next", to)


@pytest.fixture
def make(platform):
    return lambda count: Chains(platform, count)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_sound(make, count):
    assert make(count).walk() == (list(range(count)), [])


def test_a_ring(make):
    chains = make(3)
    chains.next(chains.items[2], chains.items[0])
    assert chains.walk() == ([0, 1, 2], [])


def test_cycle(make):
    chains = make(3)
    chains.next(chains.items[2], chains.items[1])
    wrong = [f"cycle: {chains.items[2]:#x} leads back to {chains.items[1]:#x}"]
    assert chains.walk() == ([0, 1, 2], wrong)


def test_wild(make):
    chains = make(2)
    chains.next(chains.items[1], WILD)
    assert chains.walk() == ([0, 1], [f"object at {WILD:#x} is unreadable: not mapped"])


def test_how_it_is_shown(make):
    chains = make(3)
    kernel = chains.kernel
    shown = dumped(kernel, kernel.value("struct holder", chains.holder))["members"]["head"]
    assert shown["pointer"] == f"{chains.items[0]:#x}"
    assert [e["address"] for e in shown["elements"]] == [f"{i:#x}" for i in chains.items]
    assert shown["count"] == 3


def test_a_chain_from_inside_of_itself_is_shown_when_asked_for(platform):
    """Each leads to all behind it: shown with each of them that would flood the screen."""
    chains = Chains(platform, 3)
    chains.world._tags.append(("item", "next", "item:next"))
    kernel = chains.kernel
    first = kernel.value("struct item", chains.items[0])
    assert "elements" not in dumped(kernel, first)["members"]["next"]
    assert [int(item.id) for item in first.next.walk_()] == [1, 2]
