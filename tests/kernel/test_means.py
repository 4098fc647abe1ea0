"""What values mean, for users of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.errors import FaultError
from tests.support.annotated import overlay
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value
    from btfdump._targets.memory import ByteOrder

LINES = overlay(
    """
[scalar]
mask = "bitmap"
wrapped = "flags:color"
[struct.box]
state = "flags:color"
time = [["cond:kind == 1", "unit:ms"], ["cond:kind == 2", "unit:s"]]
mac = "mac"
"""
)


def box(byteorder: ByteOrder = "little", **members: int) -> Value:
    world = World(byteorder)
    world.enum("color", {"RED": 1, "BLUE": 2})
    world.struct("mask", [("bits", "unsigned long[2]")])
    world.struct("wrapped", [("bits", "u32")])
    world.struct("inner", [("state", "u32")], {"state": "enum:color"})
    world.struct(
        "box",
        [
            ("kind", "u32"),
            ("state", "u32"),
            ("time", "u64"),
            ("mask", "struct mask"),
            ("wrapped", "struct wrapped"),
            ("mac", "u8[6]"),
            ("inner", "struct inner"),
            ("to", "struct inner *"),
        ],
    )
    world.id("enum color")
    address = world.new("box", **members)
    world.set(address, "box.mask", world.pack(6, 8) + world.pack(1, 8))
    world.set(address, "box.wrapped", world.pack(3, 4))
    world.set(address, "box.mac", b"\xf6\x4f\xe0\x33\xa1\xa9")
    world.set(address, "box.inner", world.pack(2, 4))
    return world.kernel([LINES]).value("struct box", address)


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_what_values_mean(byteorder: ByteOrder) -> None:
    value = box(byteorder, state=7)
    assert (value.state.meaning_(), value.state.flags_()) == (
        "RED|BLUE|0x4",
        ["RED", "BLUE", "0x4"],
    )
    assert value["mask"].meaning_() == "1-2,64"
    assert value.wrapped.flags_() == ["RED", "BLUE"]
    assert value.wrapped.meaning_() == "RED|BLUE"
    assert value.mac.meaning_() == "f6:4f:e0:33:a1:a9"
    assert (value.inner.state.meaning_(), value.inner.state.flags_()) == ("BLUE", [])


def test_what_nothing_is_stated_of_means_nothing() -> None:
    value = box()
    for one in (value, value.kind, value.to, value.mac[0]):
        assert (one.meaning_(), one.flags_()) == ("", [])


def test_conditions_decide() -> None:
    assert box(kind=1, time=5).time.meaning_() == "5 ms"
    assert box(kind=2, time=5).time.meaning_() == "5 s"
    assert box(kind=3, time=5).time.meaning_() == ""


def test_what_cannot_be_read_is_a_fault() -> None:
    value = box(to=0xDEAD0000)
    with pytest.raises(FaultError):
        value.to.state.meaning_()
