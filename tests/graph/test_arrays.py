"""Hash tables and other arrays of heads: vacant elements, lengths, what every CPU has."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._graph.limits import Limits
from btfdump._kernel.expression import Path
from btfdump._targets.buffer import BufferTarget
from btfdump._walk import FAMILIES
from btfdump.errors import FaultError
from tests.support.annotated import dumped, overlay, texts
from tests.support.synthetic import World


def at(document: Any, *path: str) -> Any:
    """Return the elements of a table behind the pointer `path`."""
    for name in path:
        document = document["members"][name]
    return document["target"]["value"]["at"]


class Table:
    """A table of `size` buckets behind a pointer: hlist_heads, each with a lock."""

    def __init__(self, size: int, used: dict[int, int], head: str = "hlist_head") -> None:
        self.world = world = World()
        world.struct("raw_spinlock", [("magic", "u32")])
        world.struct("hlist_nulls_node", [("next", "void *"), ("pprev", "void **")])
        world.struct("hlist_nulls_head", [("first", "struct hlist_nulls_node *")])
        node = {"hlist_head": "hlist_node", "list_head": "list_head"}.get(head, "hlist_nulls_node")
        world.struct("item", [("id", "int"), ("node", f"struct {node}")])
        bucket = [("chain", f"struct {head}"), ("lock", "struct raw_spinlock")]
        world.struct("bucket", bucket, {"chain": "item:node"})
        world.struct(
            "table", [("bits", "u32"), ("buckets", "struct bucket *")], {"buckets": "len:1 << bits"}
        )
        self.size = world.sizeof("struct bucket")
        self.buckets = world.room(size * self.size)
        number = 0
        for index in range(size):
            where = self.buckets + index * self.size
            count = used.get(index, 0)
            items = [world.new("item", id=number + i) for i in range(count)]
            links = [item + world.offset("item.node") for item in items]
            number += count
            if head == "hlist_nulls_head":
                world.link_hlist(where, links)
                world.point(links[-1] if links else where, index << 1 | 1)
            else:
                world.link(head, where, links)
            world.write(where + world.offset("bucket.lock"), world.pack(0xDEAD4EAD, 4))
        self.address = world.new("table", bits=size.bit_length() - 1, buckets=self.buckets)
        self.kernel = world.kernel()

    def show(self, **limits: Any) -> Any:
        return dumped(self.kernel, self.kernel.value("struct table", self.address), **limits)

    def ids(self, **limits: Any) -> dict[str, list[int]]:
        shown = at(self.show(**limits), "buckets")
        return {
            index: [e["members"].get("id", 0) for e in bucket["members"]["chain"]["elements"]]
            for index, bucket in shown.items()
        }


@pytest.mark.parametrize("head", ["hlist_head", "hlist_nulls_head", "list_head"])
def test_empty_buckets_are_left_out(head):
    """A lock alone, as debug kernels fill it, does not make a bucket worth showing."""
    table = Table(1024, {3: 2, 700: 1, 1023: 1}, head)
    assert table.ids() == {"3": [0, 1], "700": [2], "1023": [3]}


def test_the_limit_counts_buckets_that_hold_something():
    table = Table(256, dict.fromkeys(range(0, 256, 2), 1))
    assert list(table.ids(elements=5)) == ["0", "2", "4", "6", "8"]
    value = table.show(elements=5)["members"]["buckets"]["target"]["value"]
    assert (value["length"], value["elided"]) == (256, 123)


def test_text_and_tree_say_how_many_more():
    table = Table(16, dict.fromkeys(range(16), 1))
    value = table.kernel.value("struct table", table.address)
    for format_ in ("text", "tree"):
        shown = "".join(table.kernel.dump(value, format_, Limits(elements=3)))
        assert "13 more (--elements)" in shown
        assert shown.count("[1] ") == 1


def test_an_empty_table():
    assert Table(8, {}).ids() == {}


def test_a_table_that_is_partly_missing():
    table = Table(1024, {3: 1, 900: 1})
    page = -(-table.buckets // 4096) * 4096
    table.world.target.unmap(page, 4096)
    document = table.show()
    notes = texts(document)
    assert len(notes) == 1
    assert "missing" in notes[0]
    assert "900" in at(document, "buckets")


def test_an_absurd_length():
    table = Table(8, {1: 1})
    table.world.set(table.address, "table.bits", 40)
    assert texts(table.show()) == [
        f"array of 1 << bits elements: length 1 << bits is {1 << 40}: "
        "not a sensible number of elements"
    ]


def test_values_reach_into_a_table():
    """A library user indexes the pointer, and walks."""
    table = Table(16, {5: 3})
    buckets = table.kernel.value("struct table", table.address).buckets
    assert [int(item.id) for item in buckets[5].chain.walk_()] == [0, 1, 2]
    assert list(buckets[4].chain.walk_()) == []


def test_plain_heads_behind_a_pointer():
    """The tag of the pointer is that of the heads; a node `name[]` takes the head's index."""
    world = World()
    world.struct("item", [("id", "int"), ("nodes", "struct hlist_node[4]")])
    world.struct(
        "holder",
        [("heads", "struct hlist_head *")],
        {"heads": ["len:4", "item:nodes[]"]},
    )
    heads = world.room(32)
    for index in (1, 3):
        item = world.new("item", id=index)
        world.link_hlist(heads + 8 * index, [item + world.offset("item.nodes") + 16 * index])
    address = world.new("holder", heads=heads)
    kernel = world.kernel()
    shown = at(dumped(kernel, kernel.value("struct holder", address)), "heads")
    found = {k: [e["members"]["id"] for e in v["elements"]] for k, v in shown.items()}
    assert found == {"1": [1], "3": [3]}
    value = kernel.value("struct holder", address).heads
    assert [int(item.id) for item in value[3].walk_()] == [3]


def test_a_flexible_array_of_heads():
    world = World()
    world.struct("item", [("id", "int"), ("node", "struct hlist_node")])
    tags = {"heads": ["len:count", "item:node"]}
    world.struct("holder", [("count", "u64"), ("heads", "struct hlist_head[]")], tags)
    address = world.new("holder", 64, count=8)
    where = address + world.offset("holder.heads") + 8 * 6
    world.link_hlist(where, [world.new("item", id=9) + world.offset("item.node")])
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    elements = document["members"]["heads"]["at"]["6"]["elements"]
    assert [e["members"]["id"] for e in elements] == [9]


def test_an_array_of_empty_lists_in_a_struct():
    """A hundred list_heads that lead to themselves do not push out the one that does not."""
    world = World()
    world.struct("item", [("id", "int"), ("node", "struct list_head")])
    world.struct("holder", [("queues", "struct list_head[100]")], {"queues": "item:node"})
    address = world.new("holder")
    for index in range(100):
        item = world.new("item", id=index)
        links = [item + world.offset("item.node")] if index == 90 else []
        world.link_list(address + 16 * index, links)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    shown = document["members"]["queues"]["at"]
    assert list(shown) == ["90"]
    assert [e["members"]["id"] for e in shown["90"]["elements"]] == [90]


def test_a_pointer_to_a_container():
    world = World()
    world.struct("item", [("id", "int"), ("node", "struct list_head")])
    world.struct("holder", [("list", "struct list_head *")], {"list": "item:node"})
    head = world.room(16)
    items = [world.new("item", id=i) for i in (4, 5)]
    world.link_list(head, [item + world.offset("item.node") for item in items])
    address = world.new("holder", list=head)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert [int(item.id) for item in value.list.walk_()] == [4, 5]
    shown = dumped(kernel, value)["members"]["list"]
    assert shown["pointer"] == f"{head:#x}"
    assert [e["members"]["id"] for e in shown["elements"]] == [4, 5]


# Globals


def test_a_table_whose_length_another_variable_tells():
    world = World()
    world.struct("item", [("id", "int"), ("node", "struct hlist_node")])
    heads = world.room(8 * 16)
    world.link_hlist(heads + 8 * 7, [world.new("item", id=3) + world.offset("item.node")])
    pointer, bits = world.room(8), world.room(4)
    world.point(pointer, heads)
    world.write(bits, world.pack(4, 4))
    world.symbols |= {"item_table": pointer, "item_bits": bits}
    source = overlay(
        """\
[global]
item_table = { type = "struct hlist_head *", tags = ["len:1 << item_bits", "item:node"] }
item_bits = "u32"
"""
    )
    world.id("u32")
    kernel = world.kernel([source])
    document = dumped(kernel, kernel["item_table"])
    shown = document["value"]["at"]
    assert [e["members"]["id"] for e in shown["7"]["elements"]] == [3]
    assert document["value"]["length"] == 16


def test_a_table_whose_length_nobody_knows():
    world = World()
    pointer = world.room(8)
    world.point(pointer, world.room(8))
    world.symbols |= {"item_table": pointer}
    source = overlay(
        '[global]\nitem_table = { type = "struct hlist_head *", tags = ["len:1 << item_bits"] }'
    )
    kernel = world.kernel([source])
    assert texts(dumped(kernel, kernel["item_table"])) == [
        "array of 1 << item_bits elements: no symbol 'item_bits'"
    ]


# Per-CPU


class PerCpu:
    """Two CPUs, each with a counter and a struct."""

    def __init__(self, tag: bool = True) -> None:
        self.world = world = World()
        prefix = "__percpu " if tag else ""
        world.struct("stats", [("hits", "u32"), ("misses", "u32")])
        members = [("count", f"{prefix}u64 *"), ("stats", f"{prefix}struct stats *")]
        world.struct("holder", members)
        base = world.room(64)
        second = world.room(64)
        world.per_cpu_offsets = (0, second - base)
        for cpu, area in enumerate((base, second)):
            world.write(area, world.pack(1000 + cpu, 8))
            world.write(area + 16, world.pack(5 * cpu, 4) + world.pack(7, 4))
        self.second = second
        self.address = world.new("holder", count=base, stats=base + 16)

    def kernel(self) -> Any:
        return self.world.kernel(
            [overlay('[struct.holder]\ncount = "space:percpu"\nstats = "space:percpu"')]
        )


@pytest.mark.parametrize("tag", [False, True])
def test_what_a_percpu_pointer_points_to_on_every_cpu(tag):
    kernel = PerCpu(tag).kernel()
    value = kernel.value("struct holder", kernel.target and PerCpu(tag).address)
    document = dumped(kernel, value, depth=1)["members"]
    assert document["count"]["target"]["value"] == [1000, 1001]
    elements = document["stats"]["elements"]
    assert [e["place"] for e in elements] == ["cpu 0", "cpu 1"]
    assert [e["members"] for e in elements] == [{"misses": 7}, {"hits": 5, "misses": 7}]


def test_a_percpu_pointer_is_followed_as_far_as_any():
    case = PerCpu()
    kernel = case.kernel()
    value = kernel.value("struct holder", case.address)
    assert "target" not in dumped(kernel, value)["members"]["count"]


def test_a_cpu_whose_area_is_missing():
    case = PerCpu()
    kernel = case.kernel()
    case.world.target.unmap(case.second, 64)
    value = kernel.value("struct holder", case.address)
    document = dumped(kernel, value, depth=1)["members"]
    assert document["count"]["target"]["value"] == [1000, 0]
    assert texts(document) == [
        "CPU 1 is unreadable: not mapped",
        "unreadable: not mapped",
    ]


def test_a_large_array_of_every_cpu_is_not_read():
    """A gibibyte for each CPU: no memory was left."""
    b = BtfBuilder()
    many = b.array(b.int_("u64", 8), 1 << 27)
    b.struct("holder", 8, [("count", b.ptr(b.type_tag("percpu", many)), 0)])
    memory = {0x1000: (0x1000).to_bytes(8, "little")}
    kernel = Kernel(BufferTarget(memory, per_cpu_offsets=(0, 64)), b.parse())
    value = kernel.value("struct holder", 0x1000)
    document = dumped(kernel, value, depth=1)["members"]
    assert texts(document) == [
        "u64[134217728] has 1073741824 bytes for each of 2 CPUs: too large to be real"
    ]


def test_per_cpu_of_a_pointer():
    case = PerCpu()
    kernel = case.kernel()
    holder = kernel.value("struct holder", case.address)
    assert [int(kernel.per_cpu(holder.count, cpu)) for cpu in (0, 1)] == [1000, 1001]
    assert int(kernel.per_cpu(holder.stats, 1).hits) == 5
    assert [int(holder.count[cpu]) for cpu in (0, 1)] == [1000, 1001]
    assert int(holder.stats[1].hits) == int(Path.parse(".stats[1].hits").follow(holder)) == 5
    with pytest.raises(FaultError, match=r"__percpu pointer .*: say of which CPU, as \[0\]"):
        holder.stats.deref_()
    with pytest.raises(IndexError, match="CPU 2: this kernel has CPUs 0 to 1"):
        holder.stats[2]
    case.world.set(case.address, "holder.stats", 0)
    with pytest.raises(FaultError, match="stats is NULL"):
        kernel.value("struct holder", case.address).stats[0]


def test_every_head_can_be_told_to_be_empty():
    """Whatever the family: a head of zeros is an empty one."""
    from btfdump._targets.memory import Platform
    from btfdump._walk import Head, walker_of

    for name in FAMILIES:
        walker = walker_of(name)
        assert walker is not None
        head = Head(None, Platform("little"), 0x1000, data=bytes(64))  # type: ignore[arg-type]
        assert walker.is_empty(head)


def test_a_head_that_is_shorter_than_a_pointer_is_not_told_to_be_empty():
    """A struct of one byte that is called list_head: what is in it cannot be decoded."""
    from btfdump._targets.memory import Platform
    from btfdump._walk import Head, walker_of

    for name in FAMILIES:
        walker = walker_of(name)
        assert walker is not None
        head = Head(None, Platform("little"), 0x1000, data=b"\1")  # type: ignore[arg-type]
        assert not walker.is_empty(head)
