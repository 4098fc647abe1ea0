"""One object as text: whole, or as much as there is of it."""

from __future__ import annotations

import pytest

from btfdump._decode.compiled.source import HOT
from btfdump._render.plain import Formatter, reference_text
from btfdump.errors import BtfFormatError
from tests.support.synthetic import World


def test_what_is_not_there_is_left_out() -> None:
    world = World()
    world.struct("three", [("a", "u64"), ("b", "u32"), ("c", "u32")])
    kernel = world.kernel()
    layout = kernel.layouts.of(kernel.type("struct three"))
    formatter = Formatter(kernel.layouts)
    whole = bytes(range(1, 17))
    for _ in range(HOT + 1):
        assert formatter.text(layout, whole).count("\n") == 4
        short = formatter.text(layout, whole[:12], zero=True)
        assert short == "(struct three){\n  .a = (u64)0x807060504030201,\n  .b = (u32)202050057,\n}"
    assert formatter.is_compiled(layout)
    assert formatter.text(layout, b"", zero=True) == "(struct three){\n}"


def test_what_is_too_large_to_be_real() -> None:
    world = World()
    world.struct("vast", [("a", "u64[500000000]")])
    kernel = world.kernel()
    layout = kernel.layouts.of(kernel.type("struct vast"))
    with pytest.raises(BtfFormatError, match="too large to be real"):
        reference_text(kernel.layouts, layout, bytes(8))
