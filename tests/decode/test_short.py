"""Layouts of objects that are allocated shorter than their type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode.fields import Decoder
from btfdump._decode.layout import ArrayLayout, Layouts, StructLayout
from btfdump._decode.short import ShortLayouts
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._decode.layout import Layout


@pytest.fixture(params=["little", "big"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    world = World(request.param)
    world.struct("mask", [("bits", "u64[8]")])
    world.struct("plain", [("a", "u64"), ("b", "u64")])
    world.struct("ended", [("bits", "u64[8]"), ("n", "int")])
    world.struct("flexible", [("n", "u64"), ("rest", "u64[]")])
    world.struct("one", [("n", "u64"), ("rest", "u64[1]")])
    world.struct("flags", [("n", "u64"), ("low", "u32", 3), ("rest", "u32[4]")])
    world.union("regs", [("old", "u64[2]"), ("new", "u64"), ("room", "u8[64]")])
    world.union("either", [("far", "struct ended"), ("room", "u8[128]")])
    world.struct("inner", [("state", "u64"), ("regs", "union regs")])
    world.struct("outer", [("id", "u64"), ("inner", "struct inner"), ("mask", "struct mask[0]")])
    return world.kernel()


def ends_in_array(layouts: Layouts, layout: Layout) -> bool:
    return ShortLayouts(layouts).tail(layout) is not None


def shortened(layouts: Layouts, layout: Layout, room: int) -> Layout | None:
    return ShortLayouts(layouts).of(layout, room)


def layout_of(kernel: Kernel, name: str) -> Layout:
    keyword = "union" if name in ("regs", "either") else "struct"
    return kernel.layouts.of(kernel.type(f"{keyword} {name}"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mask", True), ("plain", False), ("ended", False), ("flexible", False), ("one", False),
        ("flags", True), ("regs", True), ("either", True), ("inner", True),
    ],
)  # fmt: skip
def test_which_types_end_in_an_array(kernel: Kernel, name: str, expected: bool) -> None:
    assert ends_in_array(kernel.layouts, layout_of(kernel, name)) == expected
    assert ends_in_array(kernel.layouts, kernel.layouts.of(kernel.type("u8[2]")))


@pytest.mark.parametrize(
    ("name", "room", "size"),
    [
        ("mask", 64, 64), ("mask", 24, 24), ("mask", 27, 27), ("mask", 0, None), ("mask", 100, 64),
        ("plain", 8, None), ("plain", 16, 16), ("ended", 64, None),
        ("flags", 12, 12), ("flags", 8, None), ("flags", 20, 20),
        ("regs", 16, 16), ("regs", 15, 15),
        ("either", 66, None), ("either", 71, 71), ("either", 72, 72),
        ("inner", 24, 24), ("inner", 7, None), ("outer", 30, 30),
    ],
)  # fmt: skip
def test_only_elements_may_be_missing(
    kernel: Kernel, name: str, room: int, size: int | None
) -> None:
    layout = layout_of(kernel, name)
    found = shortened(kernel.layouts, layout, room)
    assert (found and found.size) == size
    if found is not None:
        assert found.type is layout.type
        assert isinstance(found, StructLayout)
        assert [m.offset for m in found.members] == [
            m.offset
            for m in layout.members  # type: ignore[union-attr]
        ]


def test_what_a_short_array_is_called(kernel: Kernel) -> None:
    found = shortened(kernel.layouts, layout_of(kernel, "outer"), 30)
    assert isinstance(found, StructLayout)
    room = kernel.layouts.locate(found, "inner.regs.room")
    assert isinstance(room.layout, ArrayLayout)
    assert (room.layout.length, room.layout.declared) == (14, 64)
    assert str(room.layout.type) == str(room.type) == "u8[14 of 64]"
    again = shortened(kernel.layouts, room.layout, 3)
    assert again is not None
    assert str(again.type) == "u8[3 of 64]"
    whole = kernel.layouts.locate(layout_of(kernel, "outer"), "inner.regs.room")  # type: ignore[arg-type]
    assert str(whole.type) == "u8[64]"
    array = kernel.layouts.of(kernel.type("struct plain[4]"))
    two = shortened(kernel.layouts, array, 40)
    assert two is not None
    assert (str(two.type), two.size) == ("struct plain[2 of 4]", 32)


@pytest.mark.parametrize("zero", [False, True])
def test_no_byte_past_the_room_is_decoded(kernel: Kernel, zero: bool) -> None:
    found = shortened(kernel.layouts, layout_of(kernel, "inner"), 27)
    assert found is not None
    decoder = Decoder(kernel.layouts, zero=zero)
    _, regs = decoder.fields(found, b"\1" * 27)
    assert isinstance(regs.value, list)
    old, _, room = regs.value
    assert [old.value, room.value] == [  # type: ignore[union-attr]
        [0x0101010101010101] * 2,
        [1] * 19,
    ]


def test_malformed_types_end() -> None:
    b = BtfBuilder()
    (struct,) = (b.struct("s", 64),)
    b.set_members(struct, [("s", struct, 0)])
    btf = b.parse(check=False)
    layouts = Layouts("little", 8)
    layout = layouts.of(btf.type(struct))
    assert not ends_in_array(layouts, layout)
    assert shortened(layouts, layout, 32) is None


def test_a_union_of_unions_costs_no_more_than_its_types() -> None:
    """Forty deep, it has 3**40 members at its end."""
    b = BtfBuilder()
    inner = b.array(b.int_("u8", 1), 64)
    for depth in range(40):
        inner = b.union(f"u{depth}", 64, [(name, inner, 0) for name in "abc"])
    layouts = Layouts("little", 8)
    layout = layouts.of(b.parse(check=False).type(inner))
    short = ShortLayouts(layouts)
    assert short.tail(layout) == 0
    found = short.of(layout, 16)
    assert found is not None
    assert found.size == 16


def test_where_elements_may_be_missing(kernel: Kernel) -> None:
    short = ShortLayouts(kernel.layouts)
    tails = {
        name: short.tail(layout_of(kernel, name)) for name in ("mask", "plain", "flags", "inner")
    }
    assert tails == {"mask": 0, "plain": None, "flags": 12, "inner": 8}
