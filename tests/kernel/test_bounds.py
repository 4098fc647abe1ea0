"""How much there is of an object: what its slab object has room for, and nothing of the next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.bounds import overrun
from btfdump._kernel.notes import Note
from btfdump._kernel.services import Cache, SlabObject
from tests.support.annotated import overlay
from tests.support.hot_readers import assert_same
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._annotate.overlay import Overlay
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value
    from btfdump._render import Format


class OneSlab:
    """Four slab objects of 16 bytes from `start` on, of which `size` may be used."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.size = 12
        self.asked: list[int] = []

    def find(self, address: int) -> SlabObject | None:
        self.asked.append(address)
        if not 0 <= address - self.start < 64:
            return None
        cache = Cache(1, f"cache-{self.size}", 16, self.size, 0, True)
        return SlabObject(cache, address - address % 16)

    def smallest(self, cache: Cache) -> int:
        return cache.object_size


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("mask", [("n", "u32"), ("bits", "u32[8]")])
    world.struct("pair", [("a", "u64"), ("b", "u64"), ("c", "u32")])
    world.struct(
        "holder",
        [("count", "u32"), ("items", "u32 *"), ("mask", "struct mask *")],
        {"items": "len:count"},
    )
    return world


@pytest.fixture
def place(world: World) -> int:
    """Four slab objects full of ones; nothing can be read after them."""
    at = world.room(64)
    world.write(at, b"\1" * 64)
    return at


def opened_with(world: World, place: int, *overlays: Overlay) -> tuple[Kernel, OneSlab]:
    kernel = world.kernel(overlays)
    slabs = OneSlab(place)
    kernel._slabs = slabs  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    return kernel, slabs


def notes_of(value: Value, limits: Limits | None = None) -> list[str]:
    return [event.text for event in traverse(value, limits) if isinstance(event, Note)]


def test_elements_past_the_slab_object_are_not_there(world: World, place: int) -> None:
    kernel, _ = opened_with(world, place)
    shown = "".join(kernel.dump(kernel.value("struct mask", place + 48)))  # faults 16 bytes on
    assert shown.splitlines()[1:-1] == [
        "  .n = (u32)16843009,",
        "  .bits = (u32[2 of 8]){ 16843009, 16843009 },",
    ]
    assert "bits = (u32[2 of 8])" in kernel.format(kernel.value("struct mask", place))
    (root,) = json.loads("".join(kernel.dump(kernel.value("struct mask", place), "json")))["roots"]
    ones = [0x01010101] * 2
    assert root["members"]["bits"] == {"length": 2, "declared": 8, "first": ones, "elided": 0}
    shown = "".join(kernel.dump(kernel.value("u32[6]", place + 4)))
    assert shown == "(u32[2 of 6]){ 16843009, 16843009 }\n"
    whole = "".join(kernel.dump(kernel.value("struct mask", world.new("mask", n=1))))
    assert "of 8" not in whole


def test_an_object_that_does_not_fit(world: World, place: int) -> None:
    """Its first bytes are shown, and one note; the next object is not."""
    kernel, _ = opened_with(world, place)
    value = kernel.value("struct pair", place)
    assert notes_of(value) == [
        "struct pair has 24 bytes, but the object of slab cache-12 (12 bytes) has 12 bytes from "
        "here on: what lies past it is not shown"
    ]
    shown = "".join(kernel.dump(value))
    assert ".a = " in shown
    assert ".b = " not in shown
    assert ".c = " not in shown
    (note,) = notes_of(kernel.value("struct pair", place + 12))  # what the allocator keeps there
    assert "has 0 bytes from here on" in note


def test_how_an_object_does_not_fit(world: World, place: int) -> None:
    kernel, _ = opened_with(world, place)
    assert overrun(kernel.value("struct pair", place)) == (
        "struct pair has 24 bytes, but the object of slab cache-12 (12 bytes) has 12 bytes from "
        "here on: what lies past it is printed, too"
    )
    mask = kernel.value("struct mask", place)  # with fewer elements it does
    assert (
        overrun(mask) == overrun(mask.n) == overrun(kernel.value("struct mask", place - 64)) == ""
    )


@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
def test_a_summary_has_nothing_past_the_slab_object(
    world: World, place: int, format_: Format
) -> None:
    world.struct("near", [("n", "u32")])
    world.struct("distant", [("f", "u32")])
    world.struct(
        "named",
        [
            ("id", "u32"),
            ("near", "struct near *"),
            ("far", "struct distant *"),
            ("comm", "char[8]"),
        ],
    )
    near = world.new("near", n=77)
    for offset in (8, 16):
        world.write(place + offset, world.pack(near))
    said = overlay('[summary]\nnamed = ["id", "near.n", "far.f", "comm"]')
    kernel = world.kernel([said])
    whole = "".join(kernel.dump(kernel.value("struct named", place), format_))
    assert whole.count("77") == 2
    kernel, slabs = opened_with(world, place, said)
    slabs.size = 16
    value = kernel.value("struct named", place)
    shown = "".join(kernel.dump(value, format_))
    assert shown.count("77") == 1
    assert "comm" not in shown
    assert "16843009" in shown


def test_only_what_may_be_short_is_looked_up(world: World, place: int) -> None:
    """What is asked for is; of what that leads to, only types that end in an array."""
    mask = world.new("mask", n=1)
    holder = world.new("holder", count=1, items=place, mask=mask)
    kernel, slabs = opened_with(world, place)
    list(traverse(kernel.value("struct holder", holder), Limits(depth=1)))
    assert slabs.asked == [holder, place, mask]


def test_an_array_that_is_counted_elsewhere(world: World, place: int) -> None:
    holder = world.new("holder", count=9, items=place)
    kernel, _ = opened_with(world, place)
    shown = "".join(kernel.dump(kernel.value("struct holder", holder)))
    assert "u32 *" in shown
    assert "{ 16843009, 16843009, 16843009 }" in shown
    assert notes_of(kernel.value("struct holder", holder)) == [
        "9 elements of 4 bytes do not fit: the object of slab cache-12 (12 bytes) has room for 3, "
        "the rest is not shown"
    ]


# Real objects


def test_kmem_caches_have_the_nodes_of_the_machine(opened: Callable[[str], Kernel]) -> None:
    """`kmem_cache.node[1024]`: the machine has one node, and the next cache is 256 bytes away."""
    kernel = opened("stock")
    caches = list(kernel["slab_caches"].walk_())
    for cache in caches:
        shown = "".join(kernel.dump(cache, limits=Limits(elements=0)))
        assert "struct kmem_cache_node *[1 of 1024]" in shown
        assert "note" not in shown


@pytest.mark.parametrize("name", ["tagged", "stock", "garden"])
def test_tasks_have_the_registers_of_the_machine(
    opened: Callable[[str], Kernel], name: str
) -> None:
    """The last member of a task is as large as its fpstate says, which stands in front of it."""
    kernel = opened(name)
    for task in list(kernel.tasks())[:8]:
        size = int(task.thread.fpu.member_("__fpstate").size)
        assert f"(u8[{size} of 4096])" in "".join(kernel.dump(task))
    assert "of 4096" not in "".join(kernel.dump(kernel["init_task"]))  # it is no slab object


@pytest.mark.parametrize("format", ["text", "tree", "json", "jsonl"])
def test_hot_types_are_bounded_alike(opened: Callable[[str], Kernel], format: str) -> None:
    """The compiled readers show of many objects what the reference decoder shows of one."""
    kernel = opened("stock")
    assert_same(kernel, list(kernel["slab_caches"].walk_())[:40], format)
    assert_same(kernel, list(kernel.tasks())[:30], format)


def test_the_library_has_no_elements_past_the_object(world: World, place: int) -> None:
    """However they are reached: they are another object's memory."""
    whole_mask = world.new("mask", n=1)
    kernel, _ = opened_with(world, place)
    mask = kernel.value("struct mask", place)
    assert len(mask.bits) == 2
    assert mask.bits[1] == 0x01010101
    with pytest.raises(IndexError, match=r"index 2 is outside of u32\[2 of 8\]"):
        mask.bits[2]
    assert mask.bits.value_() == mask.value_()["bits"] == [0x01010101] * 2
    whole = kernel.value("struct mask", whole_mask)
    assert len(whole.bits) == len(whole.value_()["bits"]) == 8
