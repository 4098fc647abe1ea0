"""What containers hold, as values: lists, and arrays whose length an annotation tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import Kernel
from btfdump.errors import (
    CorruptDataError,
    FaultError,
)
from tests.support.synthetic import World, until_error

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


def test_containers(item):
    assert [int(entry.id) for entry in item.list.walk_()] == [2]
    assert int(item.list[0].id) == 2
    with pytest.raises(IndexError, match="no entry 1"):
        item.list[1]
    with pytest.raises(IndexError, match="no entry -1"):
        item.list[-1]
    with pytest.raises(TypeError, match="walked by walk_"):
        list(item.list)
    with pytest.raises(CorruptDataError, match="cannot be walked"):
        list(item.link.walk_())


def test_walk_raises_at_the_end(item, world):
    second = item.next
    world.point(second.link.address_, 0x10)
    found, error = until_error(int(entry.id) for entry in item.list.walk_())
    assert found == [2]
    assert error.address == 0x10
    assert "unreadable" in str(error)


def table_of(length: int) -> tuple[World, Value]:
    world = World()
    world.struct("cell", [("n", "u32")])
    members = [
        ("count", "u32"),
        ("cells", "struct cell *"),
        ("pointers", "struct cell **"),
        ("numbers", "u16 *"),
        ("heads", "struct hlist_head *"),
        ("flexible", "struct cell[]"),
    ]
    tags = {name: "len:count" for name, _ in members[1:]}
    world.struct("item", [("n", "u32"), ("link", "struct hlist_node")])
    world.struct("table", members, {**tags, "heads": ["len:count", "item:link"]})
    rooms = [world.room(8 * 2000) for _ in range(4)]
    names = ("cells", "pointers", "numbers", "heads")
    address = world.new("table", 4 * 8, count=length, **dict(zip(names, rooms, strict=True)))
    for i in range(2000):
        world.write(rooms[0] + 4 * i, world.pack(i + 1, 4))
        world.write(rooms[2] + 2 * i, world.pack(i + 1, 2))
    for i in (1, 3):
        world.point(rooms[1] + 8 * i, rooms[0] + 4 * i)
        nodes = [world.new("item", n=10 * i + k) + world.offset("item.link") for k in range(2)]
        world.link_hlist(rooms[3] + 8 * i, nodes)
    for i in range(8):
        world.write(address + world.offset("table.flexible") + 4 * i, world.pack(i + 50, 4))
    return world, world.kernel().value("struct table", address)


def test_elements_of_an_array_behind_a_pointer():
    _, table = table_of(4)
    assert [int(cell.n) for cell in table.cells.walk_()] == [1, 2, 3, 4]
    assert [int(cell.n) for cell in table.pointers.walk_()] == [2, 4]  # NULL ones are none
    assert [int(number) for number in table.numbers.walk_()] == [1, 2, 3, 4]
    assert [int(item.n) for item in table.heads.walk_()] == [10, 11, 30, 31]
    assert [int(item.n) for item in table.heads[3].walk_()] == [30, 31]
    assert [int(cell.n) for cell in table.flexible.walk_()] == [50, 51, 52, 53]


def test_an_array_of_no_elements_may_be_a_null_pointer():
    """As `bpf_dtab.dev_index_head` of a map that is no hash table."""
    for length in (0, 1):
        world, table = table_of(length)
        for name in ("cells", "pointers", "heads"):
            world.point(table.address_ + world.offset(f"table.{name}"), 0)
            if length:
                with pytest.raises(FaultError, match=f"{name} is NULL"):
                    list(table.member_(name).walk_())
            else:
                assert list(table.member_(name).walk_()) == []


def test_elements_of_a_long_array():
    world, table = table_of(1500)
    assert [int(cell.n) for cell in table.cells.walk_()] == list(range(1, 1501))
    world.target.unmap(int(table.cells) + 4 * 1200, 4)
    found, error = until_error(table.cells.walk_())
    assert len(found) == 1024
    assert "array of count elements" in str(error)


def test_elements_of_arrays_that_cannot_be_had():
    world, table = table_of(4)
    kernel = table._context_
    assert isinstance(kernel, Kernel)
    world.set(table.address_, "table.cells", 0)
    fresh = kernel.value("struct table", table.address_)
    with pytest.raises(FaultError, match="NULL"):
        next(fresh.cells.walk_())
    world.set(table.address_, "table.count", 0xFFFFFFFF)
    fresh = kernel.value("struct table", table.address_)
    with pytest.raises(CorruptDataError, match="not a sensible number"):
        next(fresh.numbers.walk_())


@pytest.mark.parametrize("name", ["tagged", "s390x"])
def test_arrays_of_known_length_on_the_dumps(opened, name):
    kernel = opened(name)
    files = list(kernel.task(1).files.fdt.fd.walk_())
    assert [file.f_path.dentry.d_name.name.string_() for file in files][:3] == ["console"] * 3
    inodes = list(kernel["inode_hashtable"].walk_())
    assert len(inodes) > 20
    assert all(str(inode.type_) == "struct inode" for inode in inodes)
    assert (
        len(list(kernel["tcp_hashinfo"].ehash.walk_()))
        == int(kernel["tcp_hashinfo"].ehash_mask) + 1
    )


@pytest.mark.parametrize("pid", [0, 7])
def test_an_element_type_that_is_stated_on_a_condition(pid):
    """That there is a statement is not concealed where its condition does not hold."""
    world = World()
    world.struct("elem", [("link", "struct list_head")])
    tags = {"head": ("cond:pid", "elem:link")}
    world.struct("holder", [("pid", "int"), ("head", "struct list_head")], tags)
    address = world.new("holder", pid=pid)
    world.link_list(address + world.offset("holder.head"), [])
    head = world.kernel().value("struct holder", address).head
    if pid:
        assert list(head.walk_()) == []
        return
    stated = "its element type is stated only on a condition that is not met here: tag cond:"
    with pytest.raises(CorruptDataError, match=stated):
        list(head.walk_())
