"""Btf: ids, names, split BTF, sizes, tags."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder, Int, Kind, Member, Struct
from btfdump.errors import (
    AmbiguousTypeError,
    BtfFormatError,
    TypeNotFoundError,
    UnusableBtfError,
)
from tests.support.btf_blobs import sample
from tests.support.effort import effort

# Ids


def test_the_same_id_is_the_same_object(b: BtfBuilder) -> None:
    btf = sample(b)
    assert btf.type(3) is btf.type(3)
    assert [t.id for t in btf.iter_types()] == list(range(1, len(btf)))
    assert [t.id for t in btf.iter_types(Kind.STRUCT)] == [3, 6, 9, 10]
    assert [t.id for t in btf.composites()] == [3, 6, 9, 10]
    assert btf.kind(4) == Kind.FWD
    assert btf.kind(0) == Kind.UNKN


@pytest.mark.parametrize("type_id", [-1, 11, 1 << 40])
def test_no_such_id(b: BtfBuilder, type_id: int) -> None:
    btf = sample(b)
    with pytest.raises(TypeNotFoundError, match="no type"):
        btf.type(type_id)
    with pytest.raises(TypeNotFoundError, match="no type"):
        btf.kind(type_id)
    with pytest.raises(TypeNotFoundError, match="no type"):
        btf.skip_modifiers(type_id)


def test_string(b: BtfBuilder) -> None:
    btf = sample(b)
    assert btf.string(0) == ""
    assert btf.string(1) == "unsigned int"
    assert btf.string(10) == "int"  # the tail of another
    for offset in (-1, btf.strings.end, 1 << 32):
        with pytest.raises(BtfFormatError, match="no string"):
            btf.string(offset)


def test_repr(b: BtfBuilder) -> None:
    assert repr(sample(b)) == "<Btf sample: ids 1 to 10>"


def test_from_bytes_takes_any_buffer(b: BtfBuilder) -> None:
    data = sample(b).data
    assert Btf.from_bytes(bytearray(data)).data == data
    assert Btf.from_bytes(memoryview(data)).find("enum", "e").id == 7


# Split BTF


def test_split(b: BtfBuilder) -> None:
    base = sample(b)
    s = BtfBuilder(b.byteorder, base)
    assert s.next_id == len(base)
    mine = s.struct("module_file", 16, [("f_flags", 1, 0), ("file", 3, 64)])
    s.struct("twice", 4)
    split = s.parse("module")
    assert (split.base, split.start_id, len(split)) == (base, len(base), len(base) + 2)
    assert split.type(3) is base.type(3)
    assert split.type(0) is base.type(0)
    assert [t.id for t in split.iter_types()] == [mine, mine + 1]
    own = split.find("struct", "module_file")
    assert isinstance(own, Struct)
    assert own.btf is split
    assert own.members == (Member(split, "f_flags", 1, 0), Member(split, "file", 3, 64))
    assert own.members[1].type is base.find("struct", "file")
    assert split.find("struct", "file") is base.find("struct", "file")
    assert split.pointer_size == 8
    with pytest.raises(AmbiguousTypeError) as caught:
        split.find("struct", "twice")
    assert caught.value.type_ids == (9, 10, mine + 1)
    assert b"f_flags" not in split.data  # the base has that string
    assert BtfBuilder.from_btf(split).build() == split.data


def test_split_of_split(b: BtfBuilder) -> None:
    middle = BtfBuilder(b.byteorder, sample(b))
    one = middle.struct("one", 4)
    top = BtfBuilder(b.byteorder, middle.parse())
    two = top.struct("two", 4, [("one", one, 0), ("f_flags", 1, 0)])
    btf = top.parse()
    assert btf.find("struct", "one").id == one
    assert btf.type(1).name == "unsigned int"
    struct = btf.type(two)
    assert isinstance(struct, Struct)
    assert [m.name for m in struct.members] == ["one", "f_flags"]


def test_split_without_its_base(b: BtfBuilder) -> None:
    s = BtfBuilder(b.byteorder, sample(b))
    s.struct("mine", 4)
    with pytest.raises(BtfFormatError, match="split BTF, without its base"):
        Btf.from_bytes(s.build())


def test_split_needs_no_strings(b: BtfBuilder) -> None:
    base = sample(b)
    s = BtfBuilder(b.byteorder, base)
    s.ptr(1)
    assert str(s.parse().type(len(base))) == "unsigned int *"


def test_split_in_another_byte_order(b: BtfBuilder) -> None:
    base = sample(b)
    other = BtfBuilder("big" if b.byteorder == "little" else "little")
    with pytest.raises(BtfFormatError, match="its base is not"):
        Btf.from_bytes(other.build(), base=base)
    with pytest.raises(ValueError, match="base"):
        BtfBuilder(other.byteorder, base)


# Sizes and modifiers


def test_sizeof(b: BtfBuilder) -> None:
    u32 = b.int_("unsigned int", 4)
    b.int_("long int", 8, signed=True)
    s = b.struct("s", 24)
    matrix = b.array(b.typedef("row", b.array(b.const(u32), 5)), 3)
    var = b.var("v", matrix)
    cases = {
        u32: 4,
        s: 24,
        b.ptr(0): 8,
        matrix: 60,
        b.array(s, 0): 0,
        var: 60,
        b.decl_tag("tag", var): 60,
        b.enum("e", size=1): 1,
        b.enum64("e64"): 8,
        b.float_("double", 8): 8,
        b.datasec(".data", size=100): 100,
        b.volatile(b.restrict(b.type_tag("user", s))): 24,
    }
    btf = b.parse()
    assert {type_id: btf.sizeof(type_id) for type_id in cases} == cases
    assert btf.sizeof(btf.type(matrix)) == 60


def test_what_has_no_size(b: BtfBuilder) -> None:
    proto = b.func_proto(0)
    sizeless = [0, proto, b.func("f", proto), b.fwd("s"), b.array(0, 3), b.ptr(0)]
    btf = b.parse()
    assert btf.pointer_size is None
    for type_id in sizeless:
        with pytest.raises(BtfFormatError, match="has no size"):
            btf.sizeof(type_id)


def test_arrays_beyond_4_gib(b: BtfBuilder) -> None:
    u32 = b.int_("u32", 4)
    most = b.array(u32, 0xFFFFFFFF // 4)
    large = b.array(u32, 1 << 30)
    btf = b.parse()
    assert btf.sizeof(most) == 0xFFFFFFFC
    with pytest.raises(BtfFormatError, match="too large"):
        btf.sizeof(large)


def test_pointer_size(b: BtfBuilder) -> None:
    assert b.parse().pointer_size is None
    pointer = b.ptr(0)
    assert b.parse(pointer_size=8).sizeof(pointer) == 8
    b.int_("long int", 4)
    assert b.parse().pointer_size == 4
    assert b.parse(pointer_size=8).pointer_size == 8


def test_skip_modifiers(b: BtfBuilder) -> None:
    s = b.struct("s", 4)
    inner = b.type_tag("rcu", b.type_tag("percpu", b.const(s)))
    outer = b.typedef("t", b.volatile(inner))
    pointer = b.ptr(outer)
    btf = b.parse()
    assert btf.skip_modifiers(outer) is btf.type(s)
    assert btf.skip_modifiers(btf.type(pointer)) is btf.type(pointer)
    assert btf.skip_modifiers(0) is btf.type(0)
    assert btf.type_tags(outer) == ("rcu", "percpu")
    assert btf.type_tags(btf.type(inner)) == ("rcu", "percpu")
    assert btf.type_tags(pointer) == ()


def test_the_tags_of_each_type_in_a_long_chain_are_found_once(b: BtfBuilder) -> None:
    """`tags` walked the rest of the chain for each of 20,000 typedefs: a minute."""
    last = b.type_tag("rcu", b.int_("int", 4))
    for number in range(3000):
        last = b.typedef(f"t{number}", last)
    btf = b.parse()
    with effort(600_000):
        assert {btf.type_tags(type_id) for type_id in range(2, len(btf))} == {("rcu",)}


def test_more_tags_on_one_type_than_anybody_writes(b: BtfBuilder) -> None:
    last = b.int_("int", 4)
    for _ in range(64):
        last = b.type_tag("rcu", last)
    outer = b.const(b.type_tag("user", last))
    btf = b.parse()
    assert len(btf.type_tags(last)) == 64
    with pytest.raises(UnusableBtfError, match=r"^type \[66\] has more than 64 type tags$"):
        btf.type_tags(outer)


def test_errors_say_which_btf_it_is(b: BtfBuilder) -> None:
    sample(b)
    blob = b.build()
    with pytest.raises(BtfFormatError, match=r"^a\.btf: malformed BTF at offset 0x10: "):
        Btf.from_bytes(blob[:100], name="a.btf")
    with pytest.raises(BtfFormatError, match=r"^malformed BTF at offset 0x10: "):
        Btf.from_bytes(blob[:100])
    b.const(b.next_id)
    btf = b.parse(name="b.btf", check=False)
    with pytest.raises(BtfFormatError, match=r"^b\.btf: malformed BTF at offset .* made of itself"):
        btf.skip_modifiers(len(btf) - 1)


@pytest.mark.parametrize("kind", ["void", "file"])
def test_what_has_no_size_is_not_malformed(b: BtfBuilder, kind: str) -> None:
    btf = sample(b)
    type_id = 0 if kind == "void" else btf.find("fwd", "file").id
    with pytest.raises(UnusableBtfError, match="has no size") as error:
        btf.sizeof(type_id)
    assert "malformed" not in str(error.value)


def test_another_version_is_not_malformed(b: BtfBuilder) -> None:
    sample(b)
    blob = bytearray(b.build())
    blob[2] = 2
    with pytest.raises(UnusableBtfError, match=r"^a: BTF of version 2; expected version 1$"):
        Btf.from_bytes(blob, name="a")


def test_a_long_chain_of_modifiers(b: BtfBuilder) -> None:
    last = b.int_("int", 4)
    for _ in range(20_000):
        last = b.const(last)
    btf = b.parse()
    assert all(btf.sizeof(type_id) == 4 for type_id in range(len(btf) - 1, 0, -1))


def test_decl_tags(b: BtfBuilder) -> None:
    s, t = b.struct("s", 4, [("m", b.int_("int", 4), 0)]), b.struct("t", 0)
    b.decl_tag("first", s)
    b.decl_tag("member", s, 0)
    b.decl_tag("other", t)
    base = b.parse()
    assert [(tag.text, tag.component_index) for tag in base.decl_tags(s)] == [
        ("first", -1),
        ("member", 0),
    ]
    assert base.decl_tags(base.type(1)) == ()
    more = BtfBuilder(b.byteorder, base)
    more.decl_tag("late", s)
    split = more.parse()
    assert [tag.text for tag in split.decl_tags(s)] == ["first", "member", "late"]
    assert split.decl_tags(s)[0] is base.decl_tags(s)[0]


def test_checking_later(b: BtfBuilder) -> None:
    good = b.int_("int", 4)
    bad = b.struct("bad", 4, [("m", 99, 0)])
    blob = b.build()
    with pytest.raises(BtfFormatError, match=r"type \[2\]: refers to \[99\]") as eager:
        Btf.from_bytes(blob)
    btf = Btf.from_bytes(blob, check=False)
    assert isinstance(btf.type(good), Int)
    with pytest.raises(BtfFormatError) as late:
        btf.type(bad)
    assert late.value.offset == eager.value.offset == 24 + 16 + 12 + 4
    with pytest.raises(BtfFormatError):
        btf.find("struct", "bad")
