"""Values: reached as in drgn, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump.errors import (
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
)
from tests.support.items import full_item, world_of_items
from tests.support.synthetic import CountingTarget, World, until_error

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


@pytest.fixture(params=[("little", 8), ("big", 8), ("little", 4), ("big", 4)], ids=str)
def world(request: pytest.FixtureRequest) -> World:
    return world_of_items(*request.param)


@pytest.fixture
def item(world: World) -> Value:
    return full_item(world)


def test_members_by_attribute_and_by_name(item):
    assert int(item.id) == int(item["id"]) == -1
    assert item.id.address_ == item.address_
    assert int(item.inner.y) == 7
    assert int(item["inner"]["y"]) == 7
    assert int(item.raw) == 0x11223344  # of an anonymous union
    assert item.half.address_ == item.raw.address_
    assert int(item["class"]) == 6
    # Names of our own end in "_"; a member that does, too, is reached by name.
    assert int(item["type_"]) == 5
    assert str(item.type_) == "struct item"


def test_bit_fields(item):
    assert (int(item.low), int(item.high)) == (5, 300)
    assert item.low.bit_size_ == 3
    assert item.value_()["high"] == 300


def test_pointers(item):
    assert int(item.next.id) == 2
    assert int(item.next[0].id) == 2
    assert int(item.next.deref_().id) == 2
    assert item.next.deref_().address_ == int(item.next)
    assert item.next[1].address_ == int(item.next) + item.size_
    assert item.next[-1].address_ == int(item.next) - item.size_
    assert item.next.is_pointer_
    assert not item.is_pointer_


def test_null_pointers(item):
    null = item.next.next
    assert not null
    for use in (lambda: null.id, lambda: null.deref_(), lambda: null[0], lambda: null["id"]):
        with pytest.raises(FaultError, match=r"next is NULL \(struct item \*\)"):
            use()


def test_wild_pointers(item, world):
    world.point(item.next.address_, 0x1234)
    wild = item._context.value("struct item", item.address_).next
    assert wild.id.address_ == 0x1234  # nothing has been read yet
    with pytest.raises(FaultError, match="0x1234"):
        int(wild.id)


def test_arrays(item):
    numbers = item.numbers
    assert len(numbers) == 4
    assert [int(n) for n in numbers] == [-1, 2, -3, 4]
    assert int(numbers[-1]) == 4
    assert int(numbers[-4]) == -1
    for wrong in (4, -5, 1 << 40):
        with pytest.raises(IndexError, match=f"index {wrong} is outside of"):
            numbers[wrong]
    assert int(item.grid[1].y) == 9
    assert int(item["items"][1].id) == 2


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


def test_values(item, world):
    assert item.id.value_() == -1
    assert item["name"].value_() == "abc"
    assert item.text.value_() == int(item.text)
    assert item.numbers.value_() == [-1, 2, -3, 4]
    assert item.inner.value_() == {"x": 0, "y": 7}
    assert item.on.value_() is True
    assert item.color.value_() == 2
    assert item.ratio.value_() == 0.0
    assert isinstance(item.ratio.value_(), float)
    whole = item.value_()
    assert whole["grid"] == [{"x": 0, "y": 0}, {"x": 8, "y": 9}]
    assert whole["raw"] == 0x11223344
    assert whole["next"] == int(item.next)
    assert "" not in whole


def test_conversions(item):
    assert item.color.enumerator_() == "GREEN"
    with pytest.raises(TypeError, match="is not an enum"):
        item.id.enumerator_()
    assert range(10)[item.color] == 2  # __index__
    assert bool(item.on)
    assert bool(item.inner)
    for wrong in (item.inner, item.numbers, item.ratio):
        with pytest.raises(TypeError, match="is not an integer"):
            int(wrong)
    with pytest.raises(TypeError, match="is not an array"):
        len(item.inner)
    with pytest.raises(TypeError, match="is not a pointer"):
        item.inner.deref_()


def test_strings(item, world):
    assert item["name"].string_() == "abc"
    assert item.text.string_() == "x" * 150
    assert item.text.string_(10) == "x" * 10
    world.target.unmap(int(item.text) + 128, 100)
    assert item.text.string_() == "x" * 128
    world.target.unmap(int(item.text), 200)
    with pytest.raises(FaultError):
        item.text.string_()


@pytest.mark.parametrize("size", [1, 10, 63, 64, 65, 130])
@pytest.mark.parametrize("start", [0, 1, 50])
def test_strings_that_end_with_their_memory(size, start):
    world = World()
    world.struct("item", [("text", "char *")])
    text = world.room(size, 64)
    world.write(text, b"y" * size)
    address = world.new("item", text=text + min(start, size - 1))
    value = world.kernel().value("struct item", address)
    assert value.text.string_() == "y" * (size - min(start, size - 1))


def test_members_that_are_not_there(item):
    with pytest.raises(MemberNotFoundError, match="struct item has no member 'nope'"):
        _ = item.nope
    with pytest.raises(AttributeError):
        _ = item.nope
    with pytest.raises(LookupError):
        item["nope"]
    assert not hasattr(item, "nope")
    assert not hasattr(item, "__array__")
    with pytest.raises(MemberNotFoundError, match="is not a struct or union"):
        _ = item.id.x
    with pytest.raises(MemberNotFoundError, match=r"void \(int\) is not a struct"):
        _ = item.call.x


def test_dir(item):
    names = dir(item)
    assert {"id", "name", "next", "inner"} <= set(names)
    assert {"address_", "value_", "walk_", "bytes_"} <= set(names)
    assert "" not in names
    assert "value_" in dir(item.id)
    assert {"raw", "half"} <= set(names)  # of an anonymous union
    assert "raw" in dir(item.next)  # through a pointer, as member_() goes


def test_has_member(item, world):
    for name in ("id", "low", "inner", "raw", "half"):
        assert item.has_member_(name)
    assert item.next.has_member_("half")
    assert item.next.next.has_member_("half")  # NULL: types alone tell
    assert item["items"][0].has_member_("id")
    assert not item.has_member_("nope")
    assert not item.has_member_("x")
    assert not item.id.has_member_("id")
    assert not item.text.has_member_("id")
    assert not item["items"].has_member_("id")
    world.target.unmap(item.address_, item.size_)
    fresh = item._context_.value("struct item", item.address_)
    assert fresh.has_member_("raw")
    assert fresh.next.has_member_("raw")


@pytest.mark.parametrize("name", ["tagged", "s390x"])
def test_members_of_a_struct_that_is_one_anonymous_one(opened, name):
    mm = opened(name).task(1).mm
    assert mm.has_member_("mm_mt")
    assert {"mm_mt", "pgd", "mmap_lock"} <= set(dir(mm.deref_()))


def test_repr(item, world):
    assert repr(item) == f"<Value struct item at {item.address_:#x}>"
    assert f"at {item.id.address_:#x}" in repr(item.id)
    world.target.unmap(item.address_, item.size_)
    fresh = item._context_.value("struct item", item.address_)
    assert "struct item" in repr(fresh)
    assert "int" in repr(fresh.id)  # unreadable: no reason to fail


def test_equality(item):
    assert item == item._context_.value("struct item", item.address_)
    assert item != item.next.deref_()
    assert item == item.next._context_.value("struct item", item.address_)
    assert len({item, item._context_.value("struct item", item.address_)}) == 1
    assert item.inner != item.grid
    assert item != "item"


# How often memory is read


@pytest.fixture
def counted(item) -> tuple[Value, CountingTarget]:
    kernel = item._context_
    kernel.target = target = CountingTarget(kernel.target)
    return kernel.value("struct item", item.address_), target


def test_bytes_are_read_once(counted):
    value, target = counted
    first = value.bytes_()
    assert len(first) == value.size_
    assert value.bytes_() == first
    value.value_()
    value.string_()
    assert target.reads == [(value.address_, value.size_)]


def test_members_share_the_bytes_of_a_value_that_was_read(counted):
    value, target = counted
    assert value.read_() is value
    assert int(value.id) == -1
    assert value["name"].string_() == "abc"
    assert int(value.inner.y) == 7
    assert int(value.numbers[2]) == -3
    assert (int(value.low), int(value.high)) == (5, 300)
    assert int(value.raw) == 0x11223344
    assert len(target.reads) == 1


def test_one_member_costs_one_small_read(counted):
    value, target = counted
    assert int(value.inner.y) == 7
    assert target.reads == [(value.inner.y.address_, 4)]


def test_nothing_is_read_before_it_is_needed(counted):
    value, target = counted
    member = value.grid[1].y
    assert member.address_
    assert value.size_
    assert dir(value)
    assert target.reads == []


def test_walk_raises_at_the_end(item, world):
    second = item.next
    world.point(second.link.address_, 0x10)
    found, error = until_error(int(entry.id) for entry in item.list.walk_())
    assert found == [2]
    assert error.address == 0x10
    assert "unreadable" in str(error)


# Kernels


def test_addresses_wrap():
    world = World("little", 4)
    world.struct("item", [("id", "int"), ("next", "struct item *")])
    address = world.new("item", next=0xFFFF_FFFC)
    value: Any = world.kernel().value("struct item", address)
    assert value.next.next.address_ == 0
    assert value.next[1].address_ == 4


# Arrays whose length an annotation tells


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
