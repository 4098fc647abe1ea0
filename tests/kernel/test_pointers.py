"""What a pointer leads to: of which type, in which address space; and strings behind pointers."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder, types
from btfdump._decode.layout import Layouts
from btfdump._graph.limits import Limits
from btfdump._kernel.pointers import pointer_space
from btfdump.errors import FaultError, MemberNotFoundError
from tests.support.loaded_modules import load
from tests.support.synthetic import World


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


def program_btf() -> Btf:
    """Return a program's BTF: pointers, made for the 64-bit bpf target."""
    builder = BtfBuilder()
    builder.int_("long int", 8, signed=True)
    task = builder.fwd("task_struct")
    for tag in ("kptr", "percpu_kptr"):
        builder.ptr(builder.type_tag(tag, task))
    return builder.parse()


def test_pointers_of_programs_have_eight_bytes_on_32_bit_machines():
    btf = program_btf()
    (first, second) = (type_ for type_ in btf.iter_types() if isinstance(type_, types.Ptr))
    assert Layouts("little", 4).of(first).size == 8
    assert Layouts("little", 8).of(first).size == 8
    assert (pointer_space(first, None), pointer_space(second, None)) == (None, "percpu")


def module(builder: BtfBuilder, member: str = "size") -> None:
    """Give a module's BTF the struct that vmlinux knows by name only."""
    number = builder.int_("u64", 8)
    builder.struct("ahead", 16, [("first", number, 0), (member, number, 64)])


def holder_of_a_declaration() -> tuple[World, int]:
    world = World()
    world.struct("holder", [("ahead", "struct ahead *")])
    target = world.room(16)
    world.write(target + 8, world.pack(42, 8))
    return world, world.new("holder", ahead=target)


def test_a_declaration_is_what_a_module_defines():
    world, address = holder_of_a_declaration()
    kernel = world.kernel()
    modules = load(kernel, {"one": module, "two": module})
    holder = kernel.value("struct holder", address)
    loads = modules.loads
    shown = "".join(kernel.dump(holder))
    assert "(struct ahead *)0x" in shown
    assert modules.loads == loads  # nobody has followed the pointer
    assert holder.ahead.has_member_("size")
    assert holder.ahead.size == 42
    assert str(holder.ahead.deref_().type_) == "struct ahead"
    assert ".size = (u64)42" in "".join(kernel.dump(holder, limits=Limits(depth=1)))


def test_a_declaration_that_modules_define_in_several_ways_stays_one():
    world, address = holder_of_a_declaration()
    kernel = world.kernel()
    load(kernel, {"one": module, "two": lambda b: module(b, "length")})
    holder = kernel.value("struct holder", address)
    assert not holder.ahead.has_member_("size")
    with pytest.raises(MemberNotFoundError, match="2 different ones: 'one:struct ahead@"):
        holder.ahead.member_("size")
