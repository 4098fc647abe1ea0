"""What casts, &, arithmetic and container_of() make: values that are in no memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.computed import Cast, Computed, cast, container_of, moved, number_value
from btfdump.errors import ExpressionError, FaultError, MemberNotFoundError
from tests.support.annotated import overlay
from tests.support.items import full_item
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value

SCALARS = ("u8", "u64", "s64", "unsigned long")


@pytest.fixture
def item(world: World) -> Value:
    for name in SCALARS:
        world.id(name)
    return full_item(world)


def test_numbers_are_long_or_as_wide_as_they_need(item):
    kernel = item._context_
    for number in (0, 5, -1, (1 << 31) - 1, 1 << 63, (1 << 64) - 1, -(1 << 63)):
        found = number_value(kernel, number)
        assert int(found) == number
        assert found.address_ == 0
    with pytest.raises(ExpressionError, match="0x10000000000000000 has more than 64 bits"):
        number_value(kernel, 1 << 64)


def test_a_cast_keeps_the_bits_that_there_is_room_for(item):
    context = item._context_
    assert cast(0x1FF, context.type("u8"), context) == 0xFF
    assert cast(-1, context.type("u16"), context) == 0xFFFF
    assert cast(2, context.type("bool"), context) == 1
    assert cast(item.color, context.type("int"), context) == 2
    assert cast(2, context.type("enum color"), context).enumerator_() == "GREEN"
    assert int(cast(item.numbers, context.type("void *"), context)) == item.numbers.address_
    with pytest.raises(
        ExpressionError, match=r"\(struct inner\): a cast is to a pointer or an int"
    ):
        cast(1, context.type("struct inner"), context)
    with pytest.raises(
        ExpressionError, match=r"struct inner is no number: say &\.\.\. for its address"
    ):
        cast(item.inner, context.type("u64"), context)
    with pytest.raises(ExpressionError, match="double is no integer"):
        cast(item.ratio, context.type("int"), context)


def test_a_cast_pointer_leads_to_what_is_claimed(item):
    context = item._context_
    pointer = cast(item.address_, context.type("struct inner *"), context)
    assert isinstance(pointer, Cast)
    assert pointer.x == -1
    assert pointer.deref_()._is_claimed_
    assert pointer[1].address_ == item.address_ + pointer.deref_().size_
    same = cast(item.next, context.type("struct item *"), context)
    assert same.deref_().address_ == int(item.next)


def test_what_is_said_of_a_pointer_holds_for_another_where_it_can():
    world = World()
    world.struct("thing", [("id", "int")])
    for name in ("bool", "u64"):
        world.id(name)
    members = [("user", "struct thing *"), ("name", "u8 *")]
    world.struct("holder", members)
    made = world.new("holder", user=world.new("thing", id=3), name=world.room(8))
    lines = '[struct.holder]\nuser = "space:user"\nname = "string"'
    holder = world.kernel([overlay(lines)]).value("struct holder", made)
    context = holder._context_
    for name in ("struct thing *", "u8 *"):
        with pytest.raises(FaultError, match="is a __user pointer"):
            cast(holder.user, context.type(name), context).deref_()
    facts = cast(holder.name, context.type("bool *"), context).facts_
    assert facts is not None
    assert facts.is_string
    assert cast(holder.name, context.type("u64 *"), context).facts_ is None
    assert cast(holder.name, context.type("u64"), context).facts_ is None


def test_moved(item):
    target = moved(item.next, 2)
    assert int(target) == int(item.next) + 2 * item.size_
    assert isinstance(target, Computed)


def test_container_of(item):
    other = container_of(item.list.next, "struct item", "link")
    assert other == item.next
    assert other.id == 2
    assert int(container_of(item.inner.y, "struct item", "inner.y")) == item.address_
    for path, error in {
        "name": r"name is a char\[8\], not a struct list_head",
        "inner": "inner is a struct inner, not a struct list_head",
        "low": "low is a bit field",
        "next.link": "next.link leads through a pointer",
    }.items():
        with pytest.raises(ExpressionError, match=error):
            container_of(item.list.next, "struct item", path)
    with pytest.raises(MemberNotFoundError):
        container_of(item.list.next, "struct item", "nothing")
