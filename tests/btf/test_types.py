"""Every kind: what is built is what is read, in both byte orders."""

from __future__ import annotations

import pytest

from btfdump._btf import (
    Array,
    BtfBuilder,
    Const,
    Datasec,
    DeclTag,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Kind,
    Member,
    Param,
    Ptr,
    Restrict,
    SecVar,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Var,
    Void,
    Volatile,
)


def test_void(b: BtfBuilder) -> None:
    btf = b.parse()
    void = btf.type(0)
    assert isinstance(void, Void)
    assert (void.id, void.name, void.kind, str(void)) == (0, "", Kind.UNKN, "void")
    assert len(btf) == 1
    assert list(btf.iter_types()) == []


def test_int(b: BtfBuilder) -> None:
    b.int_("int", 4, signed=True)
    b.int_("char", 1, char=True)
    b.int_("_Bool", 1, boolean=True)
    b.int_("u5", 4, bits=5, bit_offset=3)
    signed, char, boolean, odd = b.parse().iter_types()
    assert isinstance(signed, Int)
    assert (signed.size, signed.bits, signed.bit_offset, signed.encoding) == (4, 32, 0, 1)
    assert (signed.is_signed, signed.is_char, signed.is_bool) == (True, False, False)
    assert isinstance(char, Int)
    assert isinstance(boolean, Int)
    assert (char.is_char, char.is_bool, boolean.is_char, boolean.is_bool) == (1, 0, 0, 1)
    assert isinstance(odd, Int)
    assert (odd.size, odd.bits, odd.bit_offset) == (4, 5, 3)


@pytest.mark.parametrize(
    ("method", "cls"),
    [
        ("ptr", Ptr),
        ("const", Const),
        ("volatile", Volatile),
        ("restrict", Restrict),
    ],
)
def test_nameless_references(
    b: BtfBuilder, method: str, cls: type[Ptr | Const | Volatile | Restrict]
) -> None:
    target = b.int_("int", 4)
    type_id = getattr(b, method)(target)
    btf = b.parse()
    reference = btf.type(type_id)
    assert type(reference) is cls
    assert (reference.type_id, reference.name) == (target, "")
    assert reference.target is btf.type(target)


def test_typedef(b: BtfBuilder) -> None:
    type_id = b.typedef("u32", b.int_("unsigned int", 4))
    typedef = b.parse().type(type_id)
    assert isinstance(typedef, Typedef)
    assert (typedef.name, typedef.target.name) == ("u32", "unsigned int")
    assert repr(typedef) == "<Typedef [2] u32>"


def test_array(b: BtfBuilder) -> None:
    char, index = b.int_("char", 1), b.int_("index", 4)
    b.array(char, 16)
    b.array(char, 3, index)
    btf = b.parse()
    array, other = btf.iter_types(Kind.ARRAY)
    assert isinstance(array, Array)
    assert isinstance(other, Array)
    assert (array.type_id, array.index_type_id, array.length) == (char, char, 16)
    assert (other.index_type_id, other.length) == (index, 3)
    assert array.element is btf.type(char)
    assert other.index_type is btf.type(index)


@pytest.mark.parametrize(("method", "cls"), [("struct", Struct), ("union", Union)])
def test_composite(b: BtfBuilder, method: str, cls: type[Struct | Union]) -> None:
    u32 = b.int_("u32", 4)
    type_id = getattr(b, method)("foo", 8, [("a", u32, 0), ("", u32, 32)])
    btf = b.parse()
    foo = btf.type(type_id)
    assert type(foo) is cls
    assert (foo.name, foo.size, foo.kind_flag, foo.keyword) == ("foo", 8, False, method)
    assert foo.members == (Member(btf, "a", u32, 0), Member(btf, "", u32, 32))
    assert [m.offset for m in foo.members] == [0, 4]
    assert foo.members[0].type is btf.type(u32)


def test_bit_fields_with_kind_flag(b: BtfBuilder) -> None:
    u32 = b.int_("u32", 4)
    b.struct("s", 12, [("whole", u32, 0), ("lo", u32, 32, 3), ("hi", u32, 51, 13)])
    b.struct("plain", 4, [("whole", u32, 0)], kind_flag=True)
    s, plain = b.parse().iter_types(Kind.STRUCT)
    assert isinstance(s, Struct)
    assert isinstance(plain, Struct)
    assert s.kind_flag
    assert plain.kind_flag
    assert [(m.bit_offset, m.bit_size, m.offset) for m in s.members] == [
        (0, 0, 0),
        (32, 3, 4),
        (51, 13, 6),
    ]


def test_fwd(b: BtfBuilder) -> None:
    b.fwd("s")
    b.fwd("u", union=True)
    struct, union = b.parse().iter_types(Kind.FWD)
    assert isinstance(struct, Fwd)
    assert isinstance(union, Fwd)
    assert (struct.keyword, struct.is_union) == ("struct", False)
    assert (union.keyword, union.is_union) == ("union", True)


def test_functions(b: BtfBuilder) -> None:
    integer = b.int_("int", 4)
    proto_id = b.func_proto(integer, [("fmt", integer)], variadic=True)
    func_id = b.func("printk", proto_id, 2)
    b.func_proto(0)
    btf = b.parse()
    func = btf.type(func_id)
    assert isinstance(func, Func)
    assert (func.name, func.linkage) == ("printk", 2)
    proto = func.proto
    assert isinstance(proto, FuncProto)
    assert proto.params == (Param(btf, "fmt", integer), Param(btf, "", 0))
    assert proto.is_variadic
    assert proto.return_type is btf.type(integer)
    assert proto.params[0].type is btf.type(integer)
    empty = btf.type(func_id + 1)
    assert isinstance(empty, FuncProto)
    assert (empty.params, empty.is_variadic, empty.type_id) == ((), False, 0)


def test_var_and_datasec(b: BtfBuilder) -> None:
    integer = b.int_("int", 4)
    one, two = b.var("one", integer), b.var("two", integer, 0)
    b.datasec(".data", [(one, 0, 4), (two, 8, 4)])
    b.datasec(".bss", size=64)
    btf = b.parse()
    data, bss = btf.iter_types(Kind.DATASEC)
    assert isinstance(data, Datasec)
    assert isinstance(bss, Datasec)
    assert (data.name, data.size) == (".data", 12)
    assert data.variables == (SecVar(btf, one, 0, 4), SecVar(btf, two, 8, 4))
    assert (bss.size, bss.variables) == (64, ())
    var = data.variables[1].type
    assert isinstance(var, Var)
    assert (var.name, var.linkage, var.target) == ("two", 0, btf.type(integer))


def test_float(b: BtfBuilder) -> None:
    type_id = b.float_("double", 8)
    number = b.parse().type(type_id)
    assert isinstance(number, Float)
    assert (number.name, number.size) == ("double", 8)


def test_tags(b: BtfBuilder) -> None:
    s = b.struct("s", 0)
    b.decl_tag("on the struct", s)
    b.decl_tag("on a member", s, 3, attribute=True)
    b.type_tag("rcu", s)
    b.type_tag("address_space(1)", s, attribute=True)
    whole, member, rcu, space = list(b.parse().iter_types())[1:]
    assert isinstance(whole, DeclTag)
    assert isinstance(member, DeclTag)
    assert (whole.text, whole.component_index, whole.is_attribute) == ("on the struct", -1, False)
    assert (member.text, member.component_index, member.is_attribute) == ("on a member", 3, True)
    assert whole.target.name == "s"
    assert isinstance(rcu, TypeTag)
    assert isinstance(space, TypeTag)
    assert (rcu.name, rcu.is_attribute, space.is_attribute) == ("rcu", False, True)


def test_type_objects_have_no_dict_and_say_what_they_are(b: BtfBuilder) -> None:
    b.struct("s", 0)
    btf = b.parse()
    assert not hasattr(btf.type(1), "__dict__")
    assert repr(btf.type(1)) == "<Struct [1] s>"
    assert repr(btf.type(0)) == "<Void [0]>"
    assert repr(Member(btf, "m", 1, 8)) == ("Member(name='m', type_id=1, bit_offset=8, bit_size=0)")
