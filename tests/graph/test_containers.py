"""The entries of containers as they are shown: what counts as one, and what does not."""

from __future__ import annotations

import pytest

from btfdump._graph import containers
from tests.support.annotated import dumped, texts
from tests.support.containers import define_xarray
from tests.support.synthetic import World

ZERO = 257 << 2 | 2
"""A slot that is taken and holds nothing: XA_ZERO_ENTRY (include/linux/xarray.h)."""


def array(*slots: int | None) -> tuple[World, int]:
    """Return a holder of an xarray: an item for each number, a mark for None."""
    world = World()
    define_xarray(world)
    world.struct("item", [("id", "int")])
    world.struct("holder", [("array", "struct xarray")], {"array": "item"})
    address = world.new("holder")
    node = world.new("xa_node")
    for slot, number in enumerate(slots):
        entry = ZERO if number is None else world.new("item", id=number)
        world.point(node + world.offset("xa_node.slots") + slot * world.pointer_size, entry)
    world.set(address, "holder.array.xa_head", node | 2)
    return world, address


@pytest.mark.parametrize(
    ("slots", "count"), [((1, None, 2, None), 2), ((None,), 0), ((1,), 1), ((None, None, 3), 1)]
)
def test_a_reserved_index_is_no_element(slots, count):
    """xa_for_each() passes it over; that it is taken is still said."""
    world, address = array(*slots)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    shown = dumped(kernel, value)["members"]["array"]
    assert shown["count"] == count
    reserved = [e["index"] for e in shown["elements"] if e.get("entry") == "reserved"]
    assert reserved == [slot for slot, number in enumerate(slots) if number is None]
    assert len(shown["elements"]) == len(slots)
    assert texts(shown) == []
    text = "".join(kernel.dump(value, "text"))
    assert f"{count} x struct item" in text
    assert len(list(value.array.walk_())) == count


def test_reserved_indexes_are_shown_as_far_as_elements_are():
    world, address = array(1, *[None] * 5, 2)
    kernel = world.kernel()
    shown = dumped(kernel, kernel.value("struct holder", address), elements=2)["members"]["array"]
    assert shown["count"] == 2
    assert len(shown["elements"]) == 4
    assert texts(shown) == ["3 more indexes are reserved and hold nothing"]


def test_far_too_many_reserved_indexes(monkeypatch):
    monkeypatch.setattr(containers, "MAX_BEYOND", 3)
    world, address = array(1, *[None] * 5, 2)
    kernel = world.kernel()
    shown = dumped(kernel, kernel.value("struct holder", address))["members"]["array"]
    assert shown["count"] == 1
    assert texts(shown) == ["more than 3 indexes are reserved: the rest is not looked at"]
