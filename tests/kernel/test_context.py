"""Context: types by their C names, members with what is known of them, addresses."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._btf import BtfBuilder
from btfdump._kernel.context import Context
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import (
    AmbiguousTypeError,
    ExpressionError,
    MemberNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)
from tests.support.synthetic import World


def test_addresses_wrap():
    world = World("little", 4)
    world.struct("item", [("id", "int"), ("next", "struct item *")])
    address = world.new("item", next=0xFFFF_FFFC)
    value: Any = world.kernel().value("struct item", address)
    assert value.next.next.address_ == 0
    assert value.next[1].address_ == 4


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("struct item", "struct item"),
        ("  const struct   item * ", "struct item *"),
        ("enum color", "enum color"),
        ("s16[4]", "s16[4]"),
        ("s16 [ 0x10 ]", "s16[16]"),
        ("volatile u32", "u32"),
    ],
)
def test_types_by_their_c_names(item, spelled, meant):
    context = item._context_
    assert str(context.type(spelled)) == meant
    assert context.type(spelled) is context.type(spelled)


def test_integers_as_programmers_and_as_compilers_spell_them():
    builder = BtfBuilder()
    builder.int_("long unsigned int", 8)
    builder.int_("_Bool", 1, boolean=True)
    builder.typedef("u8", builder.int_("unsigned char", 1))
    context = Context(BufferTarget({}), builder.parse())
    assert context.type("unsigned long").name == "long unsigned int"
    assert context.type("unsigned long int") is context.btf.type(1)
    assert context.type("bool") is context.btf.type(2)
    with pytest.raises(TypeNotFoundError, match="no long in the BTF of this kernel"):
        context.type("long")


def test_copies_of_one_integer_are_one():
    builder = BtfBuilder()
    for _ in range(2):
        builder.typedef("u8", builder.int_("unsigned char", 1))
    builder.typedef("id", builder.int_("int", 4, signed=True))
    builder.typedef("id", builder.int_("unsigned int", 4))
    context = Context(BufferTarget({}), builder.parse())
    assert context.type("u8") is context.btf.find_all("typedef", "u8")[0]
    with pytest.raises(AmbiguousTypeError):
        context.type("id")


def test_members_with_what_is_known_of_them(item):
    context = item._context_
    layout = item._layout_
    found, facts, stated = context.member(layout, "list")
    assert (found.layout.type.name, stated) == ("list_head", ())
    assert facts.expansion.element is layout.base
    assert context.member(layout, "raw")[0].owner is not layout  # an anonymous union
    assert context.member(layout, "id")[1] is None
    assert context.facts(layout) is context.facts(layout)
    with pytest.raises(MemberNotFoundError, match="struct item has no member 'nope'"):
        context.member(layout, "nope")


def test_structs_for_walkers(item):
    context = item._context_
    assert context.struct("list_head") is context.struct("list_head")
    assert context.struct("list_head").offset("prev") == context.layouts.pointer_size
    with pytest.raises(TypeNotFoundError):
        context.struct("rb_root")


def test_arrays_that_the_kernel_does_not_declare(item):
    context = item._context_
    array = context.array(context.type("struct item"), 3)
    assert str(array) == "struct item[3]"
    assert context.array(context.type("struct item"), 3) is array
    assert context.layouts.of(array).size == 3 * item.size_


def test_variables(item, world):
    context = item._context_
    type_, address, facts = context.variable("counter")
    assert (str(type_), address, facts.is_container) == ("int", item.address_, False)
    assert context.is_per_cpu("counter")
    assert not context.is_per_cpu("first")
    assert context.symbolize(item.address_ + 4) in ("counter+0x4", "first+0x4")
    with pytest.raises(ExpressionError, match="the type of first"):
        context.variable("first")
    with pytest.raises(SymbolNotFoundError):
        context.variable("nonsense")


def test_annotations_take_copies_of_a_struct_for_one():
    """They are told by name: of copies the first is meant, different ones are said."""
    b = BtfBuilder()
    link = b.struct("list_head", 16, [])
    for name in ("a", "a", "b"):
        b.struct("item", 24, [("link", link, 0), (name, link, 64)])
        b.struct("same", 16, [("link", link, 0)])
    context = Context(BufferTarget({}), b.parse())
    assert [s.id for s in context.lookup.structs("item", context.btf)] == [2, 6]
    assert [s.id for s in context.lookup.structs("same", context.btf)] == [3]
    found = context.lookup.structs("item", context.btf)
    assert context.lookup.structs("item", context.btf) is found  # compared once
