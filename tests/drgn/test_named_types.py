from __future__ import annotations

import pytest
from drgn import TypeKind

from btfdump._drgn.errors import BadDataError
from tests.support.drgn_programs import program_with
from tests.support.loaded_modules import load
from tests.support.synthetic import World


def test_a_kind_and_a_name() -> None:
    world = World()
    world.struct("thing", [("one", "unsigned long")])
    kernel_types = world.b
    kernel_types.typedef("thing", world.id("int"))
    prog, _ = program_with(world.kernel())
    assert prog.type("struct thing").kind == TypeKind.STRUCT
    assert prog.type("thing").kind == TypeKind.TYPEDEF
    assert prog.type("unsigned long").type_name() == "unsigned long"
    assert prog.type("struct thing *").type.size == 8
    with pytest.raises(LookupError):
        prog.type("union thing")
    with pytest.raises(LookupError):
        prog.type("struct nothing")


def test_a_declaration_is_no_type() -> None:
    world = World()
    world.struct("holder", [("hidden", "struct opaque *")])
    prog, _ = program_with(world.kernel())
    with pytest.raises(LookupError):
        prog.type("struct opaque")


def two_modules():
    world = World()
    world.struct("own", [("first", "int")])
    kernel = world.kernel()

    def fill(count):
        def of(build):
            number = build.int_("long int", 8, signed=True)
            members = [(f"m{n}", number, 64 * n) for n in range(count)]
            build.struct("of_module", 8 * count, members)
            build.struct("own", 8 * count, members)

        return of

    load(kernel, {"one": fill(1), "other_one": fill(2)})
    return program_with(kernel)[0]


def test_vmlinux_comes_before_modules_and_these_in_their_order() -> None:
    prog = two_modules()
    assert prog.type("struct own").members[0].name == "first"
    assert prog.type("struct of_module").size == 8


@pytest.mark.parametrize("filename", ["drivers/other-one/main.c", "other_one.c"])
def test_a_file_named_like_a_module_tells_which(filename) -> None:
    prog = two_modules()
    assert prog.type("struct of_module", filename).size == 16
    assert prog.type("struct of_module").size == 8


def test_a_file_cannot_be_told_from_another_one() -> None:
    prog = two_modules()
    with pytest.raises(BadDataError, match=r"2 different types are called of_module.*kernel/x\.c"):
        prog.type("struct of_module", "kernel/x.c")


def test_the_only_type_of_a_name_is_that_of_any_file(program) -> None:
    prog = program("stock")
    assert prog.type("struct task_struct", "sched.h").has_member("comm")


def test_a_pointer_to_what_another_module_defines_leads_there(program) -> None:
    """vmlinux only declares what modules define: with DWARF, the definition is found."""
    prog = program("tagged")
    assert prog.type("struct task_struct").member("comm").type.length == 16
