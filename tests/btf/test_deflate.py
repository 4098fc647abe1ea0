"""Type objects into records: numbers that do not fit are refused, and copies mean the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder
from btfdump._btf.deflate import deflate

if TYPE_CHECKING:
    from collections.abc import Callable

    Everything = Callable[..., BtfBuilder]


def test_void_is_not_to_be_added(b: BtfBuilder) -> None:
    with pytest.raises(ValueError, match="void"):
        deflate(b.parse().type(0), lambda _: 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.int_("a\0b", 4),
        lambda b: b.int_("int", 4, bits=256),
        lambda b: b.int_("int", 4, bit_offset=-1),
        lambda b: b.ptr(-1),
        lambda b: b.ptr(1 << 32),
        lambda b: b.struct("s", -1),
        lambda b: b.struct("s", 1, [("m", 1, 1 << 24, 1)]),
        lambda b: b.struct("s", 1, [("m", 1, 0, 256)]),
        lambda b: b.struct("s", 1, [("m", 1, -1)]),
        lambda b: b.enum("e", {"A": 1 << 32}),
        lambda b: b.enum("e", {"A": 1 << 31, "B": -1}),
        lambda b: b.enum("e", {"A": -1}, signed=False),
        lambda b: b.enum64("e", {"A": 1 << 64}),
        lambda b: b.func("f", 1, 1 << 24),
        lambda b: b.unknown(128),
        lambda b: b.unknown(42, trailer=b"123"),
    ],
)
def test_what_does_not_fit(call: Callable[[BtfBuilder], int]) -> None:
    b = BtfBuilder()
    with pytest.raises(ValueError, match=r"."):
        call(b)
    assert b.next_id == 1


def test_copies_into_another_byte_order(everything: Everything) -> None:
    little = everything("little").parse()
    builder = BtfBuilder("big")
    for type_ in little.iter_types():
        builder.add_type(type_)
    assert builder.build() == everything("big").build()


def test_copies_of_unknown_kinds_need_one_layout() -> None:
    first, second = BtfBuilder("little"), BtfBuilder("big")
    first.layout[42], second.layout[42] = (4, 0), (8, 0)
    first.unknown(42, trailer=b"1234")
    second.unknown(42, trailer=b"12345678")
    b = BtfBuilder("big")
    b.add_type(first.parse().type(1))
    assert b.layout == {42: (4, 0)}
    assert b"4321" in b.build()
    with pytest.raises(ValueError, match="another layout"):
        b.add_type(second.parse().type(1))
