"""Values: reached as in drgn, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import library
from btfdump.errors import (
    FaultError,
    MemberNotFoundError,
)
from tests.support.synthetic import CountingTarget, World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


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


@pytest.mark.parametrize("space", ["user", "percpu", "iomem"])
def test_no_string_is_read_out_of_another_address_space(space: str) -> None:
    """At the same address the kernel may have something else: it was returned."""
    world = World()
    world.struct("names", [("here", "char *"), ("there", "char *"), ("none", "char *")])
    world.struct("said", [("there", "char *")], {"there": f"space:{space}"})
    text = world.room(8)
    world.write(text, b"hello\0")
    names = world.new("names", here=text)
    said = world.new("said", there=text)
    kernel = world.kernel()
    assert kernel.value("struct names", names).here.string_() == "hello"
    with pytest.raises(FaultError, match=f"is a __{space} pointer"):
        kernel.value("struct said", said).there.string_()
    with pytest.raises(FaultError, match="is NULL"):
        kernel.value("struct names", names).none.string_()


def test_dir_lists_members_and_what_is_for_users() -> None:
    world = World()
    world.struct("item", [("id", "int")])
    kernel = world.kernel()
    found = dir(kernel.value("struct item", world.room(8)))
    assert {"id", "walk_", "address_"} < set(found)
    assert not [name for name in found if name.startswith("_")]


@pytest.mark.parametrize("state", [1, 6, 12])
def test_a_word_that_is_no_address_here_is_not_followed(state: int) -> None:
    """In its union a socket has flags, and only others a listener or a death row there."""
    world = World()
    world.struct("sock", [("id", "u32")])
    world.struct("inet_timewait_death_row", [("count", "u32")])
    members = [("skc_listener", "struct sock *"), ("skc_tw_dr", "struct inet_timewait_death_row *")]
    world.union("<anon>", [("skc_flags", "u64"), *members])
    world.struct("sock_common", [("skc_state", "u8"), ("", "union <anon>")])
    target = world.new("sock", id=5)
    common = world.new("sock_common", skc_state=state)
    world.set(common, "sock_common.skc_flags", target)
    value = world.kernel([library()]).value("struct sock_common", common)
    for member, when in (("skc_listener", 12), ("skc_tw_dr", 6)):
        if state == when:
            assert getattr(value, member).deref_().address_ == target
        else:
            with pytest.raises(FaultError, match="is no address here"):
                getattr(value, member).deref_()
