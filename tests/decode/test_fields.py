"""Layouts and the reference reader: every kind of scalar, both byte orders, and BTF that lies."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._btf import BtfBuilder
from btfdump._decode.fields import ALL_ZERO, Decoder, Field, decode_text, is_zero, to_python
from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import Category
from btfdump.errors import MemberNotFoundError
from tests.support.decoded import layout_of, plain, python

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder


def names(field: Field) -> list[str]:
    """Return the names of the fields of a struct, or of an array of structs."""
    assert isinstance(field.value, list)
    inner = [one for one in field.value if isinstance(one, Field)]
    assert len(inner) == len(field.value)
    return [one.name for one in inner]


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_integers(b, order, size, signed):
    int_ = b.int_("x", size, signed=signed)
    low, high = (
        (-(1 << size * 8 - 1), (1 << size * 8 - 1) - 1) if signed else (0, (1 << size * 8) - 1)
    )
    for value in (low, high, 0, 1, 0x5A):
        assert python(b, int_, value.to_bytes(size, order, signed=signed)) == value


def test_odd_sizes(b, order):
    int_ = b.int_("x", 8, signed=True, bits=24)
    struct_ = b.struct("s", 8, [("x", int_, 0)])
    value = -5
    data = (value & 0xFFFFFF).to_bytes(3, order)
    assert python(b, struct_, data + bytes(5)) == {"x": -5}


def test_bool_and_char(b):
    bool_ = b.int_("_Bool", 1, boolean=True)
    char = b.int_("char", 1, signed=True)
    assert python(b, bool_, b"\1") is True
    assert python(b, bool_, b"\0") is False
    assert python(b, char, b"\xff") == -1
    _layouts, layout = layout_of(b, char)
    assert layout.category is Category.CHAR


def test_bool_bit_fields_are_bools(b, order):
    bool_ = b.int_("_Bool", 1, boolean=True)
    struct_ = b.struct("s", 1, [("a", bool_, 0, 1), ("b", bool_, 1, 1)])
    value = python(b, struct_, b"\x02" if order == "little" else b"\x40")
    assert value == {"a": False, "b": True}
    assert type(value["b"]) is bool


@pytest.mark.parametrize(("size", "code"), [(2, "e"), (4, "f"), (8, "d")])
def test_floats(b, order, size, code):
    float_ = b.float_("f", size)
    mark = "<" if order == "little" else ">"
    for value in (0.0, -1.5, math.inf, 2.0**-10):
        assert python(b, float_, struct.pack(mark + code, value)) == value
    assert math.isnan(python(b, float_, struct.pack(mark + code, math.nan)))


@pytest.mark.parametrize("size", [12, 16])
def test_long_doubles_are_bytes(b, size):
    data = bytes(range(1, size + 1))
    assert python(b, b.float_("long double", size), data) == data


def test_enums(b, order):
    small = b.enum("small", {"A": 1, "B": 200}, size=1)
    signed = b.enum("signed", {"N": -5, "P": 5}, size=2)
    wide = b.enum64("wide", {"HUGE": 0xFEDCBA9876543210})
    minus = b.enum64("minus", {"LOW": -(1 << 63)})
    forward = b.enum("ahead", {}, size=4)
    assert python(b, small, b"\xc8") == 200
    assert python(b, signed, (-5).to_bytes(2, order, signed=True)) == -5
    assert python(b, wide, (0xFEDCBA9876543210).to_bytes(8, order)) == 0xFEDCBA9876543210
    assert python(b, minus, (-(1 << 63)).to_bytes(8, order, signed=True)) == -(1 << 63)
    assert python(b, forward, (7).to_bytes(4, order)) == 7


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_pointers(b, order, pointer_size):
    proto = b.func_proto(0, [("x", 0)], variadic=True)
    function = b.ptr(proto)
    void = b.ptr(0)
    data = (0x1234).to_bytes(pointer_size, order)
    for pointer in (function, void, b.const(b.ptr(b.type_tag("user", 0)))):
        assert python(b, pointer, data, pointer_size) == 0x1234
        _, layout = layout_of(b, pointer, pointer_size)
        assert (layout.category, layout.size) == (Category.POINTER, pointer_size)


def test_what_has_no_size(b):
    int_ = b.int_("int", 4)
    proto = b.func_proto(int_)
    for opaque in (0, b.fwd("ahead"), proto, b.func("f", proto), b.typedef("t", 0)):
        _, layout = layout_of(b, opaque)
        assert (layout.category, layout.size) == (Category.OPAQUE, 0)
        assert python(b, opaque, b"") == b""


# Bit fields


BITS = [("a", 3), ("b", 5), ("c", 12), ("d", 1), ("e", 11), ("f", 40), ("g", 24)]


def pack_bits(values: dict[str, int], order: ByteOrder) -> bytes:
    """Lay bit fields out one after the other as compilers do."""
    total = sum(width for _, width in BITS)
    word = at = 0
    for name, width in BITS:
        value = values[name] & ((1 << width) - 1)
        word |= value << (at if order == "little" else total - at - width)
        at += width
    return word.to_bytes(total // 8, order)


@settings(max_examples=50)
@given(st.data())
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_bit_fields(byteorder, signed, data):
    values = {}
    for name, width in BITS:
        low = -(1 << width - 1) if signed else 0
        values[name] = data.draw(st.integers(low, low + (1 << width) - 1), name)
    b = BtfBuilder(byteorder)
    word = b.int_("u64", 8, signed=signed)
    at, by_flag, by_int = 0, [], []
    for name, width in BITS:
        by_flag.append((name, word, at, width))
        by_int.append((name, b.int_(f"u64:{width}", 8, signed=signed, bits=width), at))
        at += width
    flagged = b.struct("flagged", 12, by_flag)
    older = b.struct("older", 12, by_int)
    raw = pack_bits(values, byteorder)
    assert python(b, flagged, raw) == values
    assert python(b, older, raw) == values
    layouts, layout = layout_of(b, flagged)
    assert plain(Decoder(layouts, zero=True).fields(layout, raw)) == values


def test_zero_bit_fields_are_skipped_alone(b, order):
    u8 = b.int_("u8", 1)
    struct_ = b.struct("s", 1, [("a", u8, 0, 4), ("b", u8, 4, 4)])
    layouts, layout = layout_of(b, struct_)
    decoder = Decoder(layouts)
    assert plain(decoder.fields(layout, b"\x10")) == {"b" if order == "little" else "a": 1}
    assert decoder.skipped == 1


# Structs, unions, arrays


def test_anonymous_members(b, order):
    u32, u64 = b.int_("u32", 4), b.int_("u64", 8)
    halves = b.struct("", 8, [("low", u32, 0), ("high", u32, 32)])
    either = b.union("", 8, [("whole", u64, 0), ("", halves, 0)])
    outer = b.struct("outer", 12, [("first", u32, 0), ("", either, 32)])
    data = (1).to_bytes(4, order) + (2).to_bytes(4, order) + (3).to_bytes(4, order)
    whole = int.from_bytes(data[4:], order)
    assert python(b, outer, data) == {"first": 1, "whole": whole, "low": 2, "high": 3}
    layouts, layout = layout_of(b, outer)
    assert plain(Decoder(layouts).fields(layout, data)) == {
        "first": 1,
        "whole": whole,
        "low": 2,
        "high": 3,
    }
    owner, index, bits = layouts.find_member(layout, "high")
    assert (owner.members[index].name, bits + owner.members[index].bit_offset) == ("high", 64)
    with pytest.raises(MemberNotFoundError, match="struct outer has no member 'no'"):
        layouts.find_member(layout, "no")


def test_a_named_member_comes_before_an_anonymous_ones(b):
    u32 = b.int_("u32", 4)
    inner = b.struct("", 4, [("x", u32, 0)])
    outer = b.struct("outer", 8, [("", inner, 0), ("x", u32, 32)])
    layouts, layout = layout_of(b, outer)
    owner, index, _bits = layouts.find_member(layout, "x")
    assert owner is layout
    assert owner.members[index].offset == 4


def test_arrays(b, order):
    u16 = b.int_("u16", 2)
    row = b.array(u16, 3)
    matrix = b.array(row, 2)
    data = b"".join(i.to_bytes(2, order) for i in range(6))
    assert python(b, matrix, data) == [[0, 1, 2], [3, 4, 5]]
    assert python(b, b.array(u16, 0), b"") == []
    structs = b.array(b.struct("s", 2, [("x", u16, 0)]), 3)
    assert python(b, structs, data[:6]) == [{"x": 0}, {"x": 1}, {"x": 2}]
    nothing = b.array(b.struct("nothing", 0), 1000)
    assert python(b, nothing, b"") == []


def test_arrays_of_structs_leave_out_zero_elements(b, order):
    u16 = b.int_("u16", 2)
    array = b.array(b.struct("s", 2, [("x", u16, 0)]), 100)
    data = b"".join(((i % 10 == 3) * i).to_bytes(2, order) for i in range(100))
    layouts, layout = layout_of(b, array)
    (field,) = Decoder(layouts, elements=4).fields(layout, data)
    assert names(field) == ["[3]", "[13]", "[23]", "[33]"]
    assert field.elided == 100 - 43
    (field,) = Decoder(layouts, zero=True, elements=4).fields(layout, data)
    assert names(field) == ["[0]", "[1]", "[2]", "[3]"]
    assert field.elided == 96


def test_text(b):
    text = b.array(b.const(b.int_("char", 1, signed=True)), 8)
    assert python(b, text, b"abc\0def\0") == "abc"
    assert python(b, text, b"abcdefgh") == "abcdefgh"
    assert python(b, text, b"\xff\x1b[0m\0\0\0") == "\\xff\x1b[0m"
    _layouts, layout = layout_of(b, text)
    assert isinstance(layout, ArrayLayout)
    assert layout.is_text
    assert decode_text(b"\xe2\x82\0") == "\\xe2\\x82"


def test_selection(b, order):
    u32 = b.int_("u32", 4)
    inner = b.struct("inner", 8, [("a", u32, 0), ("b", u32, 32)])
    outer = b.struct("outer", 16, [("x", u32, 0), ("y", u32, 32), ("in", inner, 64)])
    data = b"".join(i.to_bytes(4, order) for i in (1, 0, 3, 4))
    layouts, layout = layout_of(b, outer)
    decoder = Decoder(layouts)
    assert plain(decoder.fields(layout, data)) == {"x": 1, "in": {"a": 3, "b": 4}}
    assert decoder.skipped == 1
    # What was asked for is shown, zero or not.
    assert plain(decoder.fields(layout, data, {"y": {}})) == {"y": 0}
    assert plain(decoder.fields(layout, data, {"in": {"b": {}}})) == {"in": {"b": 4}}


def test_selection_and_anonymous_members(b, order):
    """An anonymous member of which nothing was selected is not there at all."""
    u32 = b.int_("u32", 4)
    inner = b.struct("", 8, [("a", u32, 0), ("b", u32, 32)])
    outer = b.struct("outer", 12, [("x", u32, 0), ("", inner, 32)])
    data = b"".join(i.to_bytes(4, order) for i in (1, 2, 3))
    layouts, layout = layout_of(b, outer)
    assert [f.name for f in Decoder(layouts).fields(layout, data, {"x": {}})] == ["x"]
    assert plain(Decoder(layouts).fields(layout, data, {"b": {}})) == {"b": 3}


def test_what_is_selected_is_there_though_it_is_zero(b):
    """Wherever it stands: in anonymous structs, too, which are not counted if it is not there."""
    u32 = b.int_("u32", 4)
    pair = b.struct("", 8, [("a", u32, 0), ("b", u32, 32)])
    either = b.union("", 8, [("c", u32, 0), ("", pair, 0)])
    other = b.struct("", 4, [("d", u32, 0)])
    whole = b.struct("whole", 8, [("e", u32, 0)])
    cells = b.array(whole, 2, u32)
    numbers = b.array(u32, 2, u32)
    members = [("", either, 0), ("", other, 64), ("w", whole, 96), ("cells", cells, 160)]
    outer = b.struct("outer", 44, [*members, ("n", numbers, 288)])
    layouts, layout = layout_of(b, outer)
    decoder = Decoder(layouts)
    for name in "abcd":
        found = decoder.fields(layout, bytes(44), {name: {}})
        assert plain(found) == {name: 0}
        assert decoder.skipped == 0
    zero, none, numbers = decoder.fields(layout, bytes(44), {"w": {}, "cells": {}, "n": {}})
    assert (zero.remark, zero.value) == (none.remark, none.value) == (ALL_ZERO, [])
    assert (numbers.remark, numbers.value) == ("", [0, 0])
    assert decoder.skipped == 1
    some = decoder.fields(layout, bytes(24) + b"\1" + bytes(19), {"w": {}, "cells": {}})
    assert [field.remark for field in some] == [ALL_ZERO, ""]
    cut = Decoder(layouts, elements=0).fields(layout, bytes(24) + b"\1" * 20, {"cells": {}})
    assert [field.remark for field in cut] == [""]  # not zero, but not looked at


def test_offsets_within_a_larger_buffer(b, order):
    u32 = b.int_("u32", 4)
    outer = b.struct("outer", 8, [("x", u32, 0), ("y", u32, 32)])
    data = bytes(8) + (7).to_bytes(4, order) + (9).to_bytes(4, order)
    layouts, layout = layout_of(b, outer)
    fields = Decoder(layouts).fields(layout, data, at=8)
    assert [(f.name, f.offset, f.value) for f in fields] == [("x", 8, 7), ("y", 12, 9)]
    assert to_python(layouts, layout, data, 8) == {"x": 7, "y": 9}


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 10_000, 65_536, 200_000])
def test_is_zero(size):
    assert is_zero(bytes(size), 0, size)
    assert is_zero(b"", 0, size)
    assert is_zero(b"\1", 2, size)
    assert is_zero(bytes(size) + b"\1", 0, size)
    if size:
        assert not is_zero(bytes(size - 1) + b"\1", 0, size)
        assert is_zero(b"\1" + bytes(size), 1, size)
