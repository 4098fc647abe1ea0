"""Scalars: each kind, in both byte orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode.scalars import Category, Scalars

if TYPE_CHECKING:
    from btfdump._decode.scalars import ScalarLayout
    from btfdump._targets.memory import ByteOrder

ORDERS: list[ByteOrder] = ["little", "big"]


def layout_of(b: BtfBuilder, type_id: int, order: ByteOrder, pointer_size: int = 8) -> ScalarLayout:
    btf = b.parse()
    type_ = btf.type(type_id)
    return Scalars(order, pointer_size).of(type_, btf.skip_modifiers(type_))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_integers(order: ByteOrder, signed: bool, size: int) -> None:
    b = BtfBuilder(order)
    layout = layout_of(b, b.const(b.int_("number", size, signed=signed)), order)
    assert (layout.category, layout.size, layout.is_signed) == (Category.INT, size, signed)
    data = bytes(range(0xF0, 0x100)) * 2
    expected = int.from_bytes(data[3 : 3 + size], order, signed=signed)
    assert layout.decode(data, 3) == expected
    assert layout.decode_many(data, 3, 1) == [expected]
    assert bool(layout.code) == (size <= 8)


@pytest.mark.parametrize("order", ORDERS)
def test_bit_fields(order: ByteOrder) -> None:
    scalars = Scalars(order, 8)
    data = (0b1011 << 5).to_bytes(2, order)
    at = 5 if order == "little" else 16 - 9
    assert scalars.bits(at, 4, False)(data, 0) == 0b1011
    assert scalars.bits(at, 4, True)(data, 0) == 0b1011 - 16
    assert scalars.bits(at, 0, True)(data, 0) == 0


@pytest.mark.parametrize("order", ORDERS)
def test_all_other_kinds(order: ByteOrder) -> None:
    b = BtfBuilder(order)
    kinds = {
        b.int_("char", 1): (Category.CHAR, 1),
        b.int_("_Bool", 1, boolean=True): (Category.BOOL, 1),
        b.ptr(0): (Category.POINTER, 8),
        b.enum("e", {"A": 1}, size=2): (Category.ENUM, 2),
        b.enum64("e64", {"B": 1}): (Category.ENUM, 8),
        b.float_("double", 8): (Category.FLOAT, 8),
        b.float_("long double", 16): (Category.FLOAT, 16),
        b.fwd("somewhere"): (Category.OPAQUE, 0),
    }
    for type_id, expected in kinds.items():
        layout = layout_of(b, type_id, order)
        assert (layout.category, layout.size) == expected
    assert layout_of(b, 3, order, pointer_size=4).size == 4
