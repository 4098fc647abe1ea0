"""Layouts: of BTF that lies, of any BTF, and of real kernels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._btf import BtfBuilder
from btfdump._decode.fields import Decoder, to_python
from btfdump._decode.layout import ArrayLayout, Layouts, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump.errors import BtfdumpError, BtfFormatError
from tests.support.decoded import python


def every_reader(b: BtfBuilder, type_id: int, data: bytes) -> list[str]:
    """Run every reader; return the errors, all of which must be our own."""
    errors = []
    btf = b.parse(check=False)
    for zero in (False, True):
        layouts = Layouts(b.byteorder, 8)
        try:
            Decoder(layouts, zero=zero).fields(layouts.of(btf.type(type_id)), data)
        except BtfFormatError as error:
            errors.append(str(error))
    layouts = Layouts(b.byteorder, 8)
    try:
        to_python(layouts, layouts.of(btf.type(type_id)), data)
    except BtfFormatError as error:
        errors.append(str(error))
    return errors


def test_a_struct_that_contains_itself(b):
    struct_ = b.next_id
    b.struct("s", 8, [("a", struct_, 0), ("b", struct_, 0)])
    errors = every_reader(b, struct_, b"\1" * 8)
    assert len(errors) == 3
    assert all("s" in error for error in errors)


def test_an_array_of_the_struct_that_holds_it(b):
    struct_ = b.next_id
    b.struct("s", 8, [("a", struct_ + 2, 0), ("n", struct_ + 1, 0)])
    int_ = b.int_("int", 4)
    b.array(struct_, 1, int_)
    assert len(every_reader(b, struct_, b"\1" * 8)) == 3


def test_an_array_of_itself(b):
    b.int_("int", 4)
    array = b.next_id
    b.array(array, 1)
    assert len(every_reader(b, array, b"\1" * 8)) == 3


def test_unions_of_unions_of_unions(b):
    """Each level doubles the work; 2 ** 60 fields must not be built."""
    type_id = b.int_("int", 8)
    for level in range(60):
        type_id = b.union(f"u{level}", 8, [("a", type_id, 0), ("b", type_id, 0)])
    assert every_reader(b, type_id, b"\1" * 8)


def test_a_member_beyond_its_struct(b):
    int_ = b.int_("int", 4)
    struct_ = b.struct("s", 4, [("in", int_, 0), ("out", int_, 64)])
    errors = every_reader(b, struct_, b"\1" * 4)
    assert errors
    assert all("out" in error for error in errors)


def test_a_bit_field_wider_than_its_type(b):
    """Compiled text wrote such a number in decimal, as a small one, the reference in hex."""
    u32 = b.int_("unsigned int", 4)
    struct_ = b.struct("s", 32, [("a", u32, 0, 33)])
    errors = every_reader(b, struct_, b"\xff" * 32)
    assert len(errors) == 3
    said = (
        "malformed BTF at offset 0x28: type [2]: struct s member a is a bit field of 33 bits, more"
    )
    assert all(said in error for error in errors)
    b.struct("whole", 4, [("a", u32, 0, 32)])
    assert every_reader(b, struct_ + 1, b"\xff" * 4) == []


def test_an_enum_of_thousands_of_bytes(b):
    """Its value has more digits than Python prints."""
    struct_ = b.struct("s", 6144, [("a", b.enum("state", {"A": 1}, size=6144), 0)])
    errors = every_reader(b, struct_, b"\xff" * 6144)
    assert len(errors) == 3
    assert all("enum state has 6144 bytes, an enum has 8 at most" in e for e in errors)


def test_a_bit_field_beyond_its_struct(b):
    int_ = b.int_("int", 4)
    struct_ = b.struct("s", 4, [("out", int_, 24, 16)])
    assert every_reader(b, struct_, b"\1" * 4)


def test_a_huge_array_in_a_small_struct(b):
    int_ = b.int_("int", 4)
    small = b.struct("small", 4, [("x", int_, 0)])
    for element in (int_, small):
        array = b.array(element, 1 << 31)
        struct_ = b.struct("s", 8, [("huge", array, 0)])
        assert every_reader(b, struct_, b"\1" * 8)


def test_flexible_arrays_at_the_end_are_fine(b):
    int_ = b.int_("int", 4)
    flexible = b.array(int_, 0)
    struct_ = b.struct("s", 4, [("n", int_, 0), ("items", flexible, 32)])
    assert every_reader(b, struct_, b"\1" * 4) == []
    assert python(b, struct_, b"\0" * 4) == {"n": 0, "items": []}


def test_types_that_lead_nowhere(b):
    typedef = b.next_id
    b.typedef("t", typedef)
    struct_ = b.struct("s", 4, [("t", typedef, 0)])
    missing = b.struct("m", 4, [("x", 9999, 0)])
    assert len(every_reader(b, struct_, b"\1" * 4)) == 3
    assert len(every_reader(b, missing, b"\1" * 4)) == 3


@st.composite
def random_types(draw: Any) -> BtfBuilder:
    """Types whose ids, offsets and sizes mean nothing."""
    b = BtfBuilder(draw(st.sampled_from(["little", "big"])))
    ids = st.integers(0, 14)
    small = st.integers(0, 20)
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["struct", "union", "array", "ptr", "typedef", "int", "enum"]))
        if kind in ("struct", "union"):
            members = draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(["", "a", "b"]),
                        ids,
                        st.integers(0, 200),
                        st.one_of(st.just(0), st.integers(0, 70)),
                    ),
                    max_size=4,
                )
            )
            getattr(b, kind)("s", draw(small), members, kind_flag=True)
        elif kind == "array":
            b.array(draw(ids), draw(st.one_of(small, st.integers(0, (1 << 32) - 1))), 0)
        elif kind == "ptr":
            b.ptr(draw(ids))
        elif kind == "typedef":
            b.typedef("t", draw(ids))
        elif kind == "int":
            b.int_(
                "char" if draw(st.booleans()) else "x",
                draw(st.integers(0, 20)),
                signed=draw(st.booleans()),
                bits=draw(st.integers(0, 160)),
                bit_offset=draw(st.integers(0, 20)),
            )
        else:
            b.enum("e", {"A": 1}, size=draw(small))
    return b


@settings(max_examples=400)
@given(b=random_types(), data=st.binary(min_size=64, max_size=64))
def test_random_types(b, data):
    """Any BTF and any bytes: only our own errors, and an end."""
    btf = b.parse(check=False)
    for type_id in range(1, b.next_id):
        for zero in (False, True):
            layouts = Layouts(b.byteorder, 8)
            try:
                layout = layouts.of(btf.type(type_id))
                if layout.size > len(data):
                    continue
                Decoder(layouts, zero=zero).fields(layout, data[: layout.size])
                to_python(layouts, layout, data[: layout.size])
                if isinstance(layout, StructLayout):
                    layouts.find_member(layout, "b")
                assert isinstance(layout, StructLayout | ArrayLayout | ScalarLayout)
            except BtfdumpError:
                pass


@pytest.mark.parametrize("name", ["tagged", "s390x"])
def test_every_struct_of_a_kernel_makes_sense(opened, name):
    """What is refused above never happens in real BTF."""
    kernel = opened(name)
    layouts = Layouts(kernel.target.platform.byteorder, 8)
    structs = 0
    for btf in (kernel.btf, *kernel.modules.btfs()):
        for type_ in btf.composites():
            layout = layouts.of(type_)
            assert isinstance(layout, StructLayout)
            for member in layout.members:
                layouts.of_member(member, layout)
            structs += 1
    assert structs > 5000


def test_who_declares_a_member():
    """The offset alone is not enough: structs end there, lie next to it, or on top of it."""
    b = BtfBuilder()
    u64 = b.int_("u64", 8)
    pair = b.struct("pair", 16, [("a", u64, 0), ("b", u64, 64)])
    flexible = b.struct("flexible", 16, [("n", u64, 0), ("tail", b.array(u64, 0), 128)])
    cell = b.struct("cell", 24, [("first", pair, 0), ("n", u64, 128)])
    either = b.union("either", 24, [("pair", pair, 0), ("cell", cell, 0)])
    members = [("p", pair, 0), ("e", either, 128), ("cells", b.array(b.array(cell, 2), 2), 320)]
    outer = b.struct("outer", 160, [*members, ("f", flexible, 1152)])
    btf = b.parse("layouts")
    layouts = Layouts("little", 8)
    layout = layouts.of(btf.type(outer))

    def found(name: str, offset: int) -> tuple[str, int] | None:
        declared = layouts.declarers(layout, name, offset)
        return (declared[0][0].base.name, declared[0][1]) if declared else None

    assert found("p", 0) == ("outer", 0)
    assert found("a", 0) == ("pair", 0)
    assert found("e", 16) == ("outer", 0)
    assert found("a", 16) == ("pair", 16)
    assert found("n", 32) == ("cell", 16)  # of the union's second member, behind its first
    assert [found("n", 56 + 24 * i) for i in range(4)] == [("cell", 40 + 24 * i) for i in range(4)]
    assert found("b", 48 + 24 * 2) == ("pair", 40 + 24 * 2)
    assert found("n", 144) == ("flexible", 144)
    assert found("tail", 160) == ("flexible", 144)
    assert found("n", 145) is None
    around = layouts.declarers(layout, "a", 16)
    assert [(struct.base.name, at) for struct, at in around] == [
        ("pair", 16), ("either", 16), ("outer", 0),
    ]  # fmt: skip
    assert found("z", 0) is None
