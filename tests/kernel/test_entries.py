"""The entries of containers and of arrays whose length an annotation tells, as values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import Kernel
from btfdump._kernel.entries import MAX_UNREADABLE
from btfdump._kernel.expression import Path
from btfdump._walk import Anomaly
from btfdump.errors import (
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
    ObjectNotFoundError,
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


def test_an_index_is_the_key_where_entries_have_keys(opened, truth):
    """As the output labels them: `idr[7]` is the entry that stands behind `[7]`."""
    kernel = opened("tagged")
    pids = kernel["init_pid_ns"].idr
    last = [pid.key_ for pid in pids.walk_()][-1]
    assert [int(pids[n].numbers[0].nr) for n in (1, 2, last)] == [1, 2, last]
    with pytest.raises(IndexError, match=f"no entry has the key 0 .* with keys from 1 to {last}"):
        pids[0]
    areas = kernel.task(1).mm.mm_mt
    for area in areas.walk_():
        start, last = area.key_
        assert areas[start] == areas[last] == area
    with pytest.raises(IndexError, match=r"no entry has the key 0x1 .*, with keys from 0x"):
        areas[1]


def test_what_is_one_object_has_no_entries(item):
    """That it is no array is what is wrong, not that nobody says what it holds."""
    with pytest.raises(IndexError, match=r"^struct item is no array, and nothing says"):
        item[1]
    with pytest.raises(IndexError, match=r"^int is no array"):
        item.id[0]
    with pytest.raises(ObjectNotFoundError, match=r"^item\[1\]: struct item is no array"):
        Path.parse("[1]", where="item").follow(item)
    with pytest.raises(CorruptDataError, match="cannot be walked: no tag"):
        item.link[0]


def test_walk_raises_at_the_end(item, world):
    second = item.next
    world.point(second.link.address_, 0x10)
    found, error = until_error(int(entry.id) for entry in item.list.walk_())
    assert found == [2]
    assert error.address == 0x10
    assert "unreadable" in str(error)


def table_of(length: int, stated: str = "count") -> tuple[World, Value]:
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
    tags = {name: f"len:{stated}" for name, _ in members[1:]}
    world.struct("item", [("n", "u32"), ("link", "struct hlist_node")])
    world.struct("table", members, {**tags, "heads": [f"len:{stated}", "item:link"]})
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
    assert [int(cell.n) for cell in found] == [*range(1, 1201)]
    assert "array of count elements: unreadable: not mapped; bytes 0x2c0-" in str(error)


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


def test_a_length_that_makes_no_sense_is_corrupt_data():
    """Whatever is wrong with it: `entries_()` is to raise nothing else."""
    for length in ("nosuch", "count.x", "0 - count", "count / 0", "1 << 64", "count +"):
        _, table = table_of(4, length)
        with pytest.raises(CorruptDataError, match=re.escape(f"array of {length} elements: ")):
            list(table.cells.entries_())
        with pytest.raises(CorruptDataError, match=re.escape(f"array of {length} elements: ")):
            list(table.cells.project_("n"))


def test_elements_around_a_hole():
    """What can be read on both sides of it is there, and nothing is made up in it."""
    world, table = table_of(1500)
    world.target.unmap(int(table.cells) + 4096 + 4 * 100, 4)
    found, error = until_error(table.cells.walk_())
    assert [int(cell.n) for cell in found] == [*range(1, 1125)]  # to the end of the page
    assert "array of count elements: unreadable: not mapped; bytes 0x190-0x770 are" in str(error)
    world, table = table_of(1900)
    world.target.unmap(int(table.cells) + 4096, 4)
    (anomaly,) = [item for item in table.cells.entries_() if isinstance(item, Anomaly)]
    assert anomaly.message.startswith("array of count elements: cannot read 2048 bytes")
    assert anomaly.ends


def test_an_array_of_which_nothing_is_there_is_given_up():
    world, table = table_of(1 << 20)
    world.point(table.address_ + world.offset("table.cells"), 0x1000)
    anomalies = list(table.cells.entries_())
    assert len(anomalies) == MAX_UNREADABLE
    assert all(isinstance(anomaly, Anomaly) and anomaly.ends for anomaly in anomalies)


def test_no_more_elements_than_are_declared():
    world = World()
    members = [("count", "u32"), ("numbers", "u16[4]"), ("next", "u64")]
    world.struct("fixed", members, {"numbers": "len:count"})
    address = world.new("fixed", count=1000)
    fixed = world.kernel().value("struct fixed", address)
    assert len(list(fixed.numbers.entries_())) == 4


def test_members_of_the_elements():
    """Of what is walked: structs in the array, those its pointers lead to, or its heads contain."""
    _, table = table_of(4)
    assert list(table.cells.project_("n")) == [(1,), (2,), (3,), (4,)]
    assert list(table.pointers.project_("n")) == [(2,), (4,)]
    assert list(table.heads.project_("n")) == [(10,), (11,), (30,), (31,)]
    assert list(table.flexible.project_("n")) == [(50,), (51,), (52,), (53,)]
    assert list(table.numbers.project_()) == [()] * 4
    with pytest.raises(MemberNotFoundError, match=r"count elements: u16 has no members: no .* 'n'"):
        list(table.numbers.project_("n"))
    with pytest.raises(MemberNotFoundError, match="struct cell has no member 'm'"):
        list(table.pointers.project_("m"))


def test_an_array_has_no_expansion():
    _, table = table_of(4)
    with pytest.raises(CorruptDataError, match="no container but an array of count elements"):
        table.cells.expansion_()
    assert str(table.heads.expansion_().element) == "struct item"


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
