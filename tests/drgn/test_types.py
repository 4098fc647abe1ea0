from __future__ import annotations

import drgn
import pytest
from drgn import Qualifiers, TypeKind, sizeof

from btfdump import UnusableBtfError
from btfdump._btf import Btf, BtfBuilder
from btfdump._drgn.types import DrgnTypes
from tests.support.drgn_programs import attached, program_with
from tests.support.synthetic import World


def types_of(build: BtfBuilder) -> tuple[Btf, DrgnTypes]:
    btf = Btf.from_bytes(build.build(), name="vmlinux", pointer_size=8)
    return btf, DrgnTypes(drgn.Program(drgn.host_platform), lambda declared: declared)


def test_integers_have_the_names_that_drgn_gives_them() -> None:
    build = BtfBuilder("little")
    ids = [
        build.int_("long unsigned int", 8),
        build.int_("short int", 2, signed=True),
        build.int_("_Bool", 1, boolean=True),
        build.int_("unsigned int", 4),
        build.float_("double", 8),
    ]
    btf, types = types_of(build)
    made = [types.of(btf.type(i)) for i in ids]
    assert [type_.type_name() for type_ in made] == [
        "unsigned long",
        "short",
        "_Bool",
        "unsigned int",
        "double",
    ]
    kinds = [TypeKind.INT, TypeKind.INT, TypeKind.BOOL, TypeKind.INT, TypeKind.FLOAT]
    assert [type_.kind for type_ in made] == kinds
    assert [getattr(type_, "is_signed", None) for type_ in made[:2]] == [False, True]


def test_derived_types_and_qualifiers() -> None:
    build = BtfBuilder("little")
    char = build.int_("char", 1, signed=True)
    tagged = build.type_tag("user", build.const(char))
    pointer = build.ptr(tagged)
    volatile = build.volatile(build.const(pointer))
    array = build.array(pointer, 3)
    alias = build.typedef("name_t", array)
    restrict = build.restrict(pointer)
    void = build.ptr(0)
    btf, types = types_of(build)
    assert types.of(btf.type(pointer)).type_name() == "const char *"
    assert types.of(btf.type(volatile)).type_name() == "const char * const volatile"
    assert types.of(btf.type(array)).type_name() == "const char *[3]"
    assert types.of(btf.type(alias)).type_name() == "name_t"
    assert types.of(btf.type(alias)).type.length == 3
    assert types.of(btf.type(restrict)).qualifiers == Qualifiers.RESTRICT
    assert types.of(btf.type(void)).type_name() == "void *"
    assert types.of(btf.type(array)) is types.of(btf.type(array))


def test_functions() -> None:
    build = BtfBuilder("little")
    number = build.int_("int", 4, signed=True)
    proto = build.func_proto(number, [("first", number), ("", 0)])
    func = build.func("printk", proto)
    empty = build.func_proto(0, [])
    btf, types = types_of(build)
    made = types.of(btf.type(func))
    assert made.kind == TypeKind.FUNCTION
    assert made.is_variadic
    assert [(p.name, p.type.type_name()) for p in made.parameters] == [("first", "int")]
    assert types.of(btf.type(empty)).type.type_name() == "void"


def test_structs_are_made_lazily_and_may_lead_back_to_themselves() -> None:
    world = World()
    world.struct("node", [("next", "struct node *"), ("tail", "u32[0]")])
    kernel = world.kernel()
    prog, _ = program_with(kernel)
    node = prog.type("struct node")
    assert node.size == 8
    assert node.members[0].type.type.type_name() == "struct node"
    assert node.members[1].type.type_name() == "u32 []"
    assert [m.offset for m in node.members] == [0, 8]


def test_an_empty_array_is_flexible_only_at_the_end_of_a_struct() -> None:
    world = World()
    world.struct("marks", [("mark", "u32[0]"), ("number", "u32"), ("rest", "u32[0]")])
    prog, _ = program_with(world.kernel())
    mark, _, rest = prog.type("struct marks").members
    assert (mark.type.length, rest.type.length) == (0, None)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("size", [1, 4, 8])
def test_enumerations(signed, size) -> None:
    build = BtfBuilder("little")
    values = [("LOW", -1 if signed else 1), ("HIGH", 5)]
    make = build.enum64 if size == 8 else build.enum
    enum = make("level", values, size=size, signed=signed)
    btf, types = types_of(build)
    made = types.of(btf.type(enum))
    assert [(e.name, e.value) for e in made.enumerators] == values
    assert (made.type.is_signed, made.type.size, sizeof(made)) == (signed, size, size)
    assert "unknown" not in made.type.name


def test_unions_bit_fields_and_declarations() -> None:
    world = World()
    world.union("both", [("all", "u32"), ("low", "u32", 5)])
    world.struct("holder", [("both", "union both"), ("hidden", "struct opaque *")])
    prog, _ = program_with(world.kernel())
    both = prog.type("union both")
    assert both.kind == TypeKind.UNION
    assert both.members[1].bit_field_size == 5
    opaque = prog.type("struct holder").member("hidden").type.type
    assert (opaque.type_name(), opaque.is_complete()) == ("struct opaque", False)


def test_types_without_end_are_refused() -> None:
    build = BtfBuilder("little")
    number = build.int_("int", 4, signed=True)
    deep = number
    for _ in range(300):
        deep = build.ptr(deep)
    btf, types = types_of(build)
    with pytest.raises(UnusableBtfError, match="nested too deep"):
        types.of(btf.type(deep))
    assert types.of(btf.type(number)).type_name() == "int"


def test_all_structs_of_a_kernel_are_as_large_and_as_full(program) -> None:
    prog = program("stock")
    kernel = attached(prog).open().kernel
    types = attached(prog).open()._types
    seen = 0
    for struct in kernel.btf.iter_types():
        if struct.id % 40 or struct.kind.name not in ("STRUCT", "UNION"):
            continue
        made = types.of(struct)
        assert (made.size, len(made.members)) == (struct.size, len(struct.members))
        for theirs, ours in zip(made.members, struct.members, strict=True):
            assert theirs.bit_offset == ours.bit_offset
            assert (theirs.name or "", theirs.bit_field_size or 0) == (ours.name, ours.bit_size)
            if not ours.bit_size and theirs.type.kind == TypeKind.STRUCT:
                assert theirs.type.size == kernel.btf.sizeof(ours.type)
        seen += 1
    assert seen > 100
