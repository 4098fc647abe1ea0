from __future__ import annotations

import pytest
from drgn import Object, TypeMember, sizeof
from drgn.helpers.linux.pid import find_task

from btfdump import ExpressionError, TargetError, open_core
from btfdump import drgn as plugin
from tests.support.drgn_programs import attached, open_program, program_with
from tests.support.synthetic import World


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_every_member_of_a_task_goes_there_and_back(program, name) -> None:
    prog = program(name)
    kernel = attached(prog).open().kernel
    task = kernel.task(1)
    seen = 0
    for member in task.type_.members:
        if not member.name:
            continue
        value = task[member.name]
        object_ = value.drgn_()
        assert object_.prog_ is prog
        assert (object_.address_, object_.bit_offset_ or 0) == (
            value.address_ + value.bit_offset_ // 8,
            value.bit_offset_ % 8,
        )
        if value.bit_size_:
            assert object_.bit_field_size_ == value.bit_size_
            assert object_.value_() == value.value_()
        else:
            assert sizeof(object_) == value.size_
        back = kernel.value_of(object_)
        assert (back.type_, back.bit_size_) == (value.type_, value.bit_size_)
        assert back.address_ * 8 + back.bit_offset_ == value.address_ * 8 + value.bit_offset_
        seen += 1
    assert seen > 200


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_every_member_that_drgn_finds_comes_back(program, name) -> None:
    prog = program(name)
    kernel = attached(prog).open().kernel
    task = find_task(prog, 1)[0]
    for member in task.type_.members:
        if member.name is None:
            continue
        object_ = task.member_(member.name)
        value = kernel.value_of(object_)
        expected = kernel.task(1)[member.name]
        assert value.type_ == expected.type_
        assert value.bit_size_ == (object_.bit_field_size_ or 0) == expected.bit_size_
        if value.bit_size_:
            assert value.value_() == object_.value_() == expected.value_()
        else:
            assert value.address_ == object_.address_ == expected.address_


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_bit_fields_and_nameless_types(byteorder) -> None:
    world = World(byteorder)
    world.struct("<pair>", [("low", "u32", 3), ("high", "u32", 7)])
    world.struct(
        "item", [("before", "u32"), ("pair", "struct <pair>"), ("many", "struct <pair>[2]")]
    )
    at = world.new("item")
    world.write(at + 4, bytes((0xA5, 0x3C, 0x81, 0x7E)))
    kernel = world.kernel()
    _, finders = program_with(kernel)
    for path in ("low", "high"):
        value = kernel.value("struct item", at).pair[path]
        object_ = finders.object_of(value)
        assert object_.bit_field_size_ == value.bit_size_
        assert object_.value_() == value.value_() != 0
        back = finders.value_of(object_)
        assert (back.type_, back.bit_size_) == (value.type_, value.bit_size_)
    second = finders.object_of(kernel.value("struct item", at).many[1])
    assert finders.value_of(second).type_ is kernel.value("struct item", at).pair.type_


def test_what_is_nowhere_in_memory_is_refused(program) -> None:
    prog = program("stock")
    kernel = attached(prog).open().kernel
    task = find_task(prog, 1)
    with pytest.raises(ValueError, match=r"a plain value .*take what it points to: value_of\(obje"):
        kernel.value_of(task)
    with pytest.raises(ValueError, match=r"a plain value is nowhere in memory$"):
        kernel.value_of(Object(prog, "int", 1))


def test_an_object_of_another_program_is_refused(program, sample) -> None:
    kernel = attached(program("stock")).open().kernel
    other = open_program(sample("stock"))
    plugin.attach(other)
    with pytest.raises(ValueError, match="of another program"):
        kernel.value_of(other["init_task"])


def test_a_type_from_elsewhere_is_found_by_its_name(program) -> None:
    prog = program("stock")
    kernel = attached(prog).open().kernel
    own = prog.struct_type("list_head", 16, [TypeMember(prog.type("long"), "next")])
    address = prog["init_task"].tasks.address_
    value = kernel.value_of(Object(prog, own, address=address))
    assert value.type_ is kernel.type("struct list_head")
    mine = prog.struct_type("of_mine", 8, [TypeMember(prog.type("long"), "only")])
    with pytest.raises(ExpressionError, match="struct of_mine: the type is not from this kernel"):
        kernel.value_of(Object(prog, mine, address=address))


def test_a_kernel_that_btfdump_opened_has_a_program_too(sample) -> None:
    with open_core(sample("stock")) as kernel:
        task = kernel.task(1).drgn_()
        assert task.comm.string_() == b"init"
        assert find_task(task.prog_, 1).value_() == task.address_
        assert kernel.value_of(task).comm.string_() == "init"
    with open_core(sample("stock")) as kernel:
        of_closed = kernel.task(1)
    with pytest.raises(TargetError, match="is closed"):
        of_closed.drgn_()


def test_a_kernel_that_is_not_read_through_drgn_has_none() -> None:
    world = World()
    world.struct("item", [("number", "int")])
    at = world.new("item", number=3)
    with pytest.raises(TargetError, match=r"not read through drgn.*open a vmcore, /proc/kcore"):
        world.kernel().value("struct item", at).drgn_()
