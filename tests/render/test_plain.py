"""One object as text: whole, or as much as there is of it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from btfdump._decode.compiled.source import HOT
from btfdump._render.plain import Formatter, ScalarFacts, reference_text
from btfdump.errors import BtfFormatError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


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


def shown_twice(kernel: Kernel, type_: str, data: bytes) -> str:
    """Return the text of an object, by the reference and by compiled code alike."""
    layout = kernel.layouts.of(kernel.type(type_))
    formatter = Formatter(kernel.layouts, ScalarFacts(kernel.facts))
    texts = {formatter.text(layout, data) for _ in range(HOT + 1)}
    assert formatter.is_compiled(layout)
    (text,) = texts
    return text


def test_annotations_say_how_scalars_are_shown() -> None:
    """Hexadecimal, the bits of flags, characters, and what leads elsewhere than to the kernel."""
    world = World()
    world.enum("color", {"RED": 1, "BLUE": 2})
    world.struct(
        "told",
        [
            ("a", "u32"),
            ("b", "u64[3]"),
            ("c", "u8[4]"),
            ("d", "u32"),
            ("e", "void *"),
            ("f", "u32"),
        ],
        {
            "a": "show:hex",
            "b": "show:hex",
            "c": "string",
            "d": "flags:color",
            "e": "space:user",
        },
    )
    data = struct.pack("<I4x3Q4sIQII", 255, 1, 0, 16, b"abc", 3, 4096, 255, 0)
    text = shown_twice(world.kernel(), "struct told", data)
    assert text == (
        "(struct told){\n  .a = (u32)0xff,\n  .b = (u64[3]){ 0x1, 0x0, 0x10 },\n"
        '  .c = (u8[4])"abc",\n  .d = (u32)0x3, /* RED|BLUE */\n'
        "  .e = (void *)0x1000, /* __user */\n  .f = (u32)255,\n}"
    )


def test_an_array_of_nothing_but_zeros_says_so() -> None:
    world = World()
    world.struct("one", [("a", "u64")])
    world.struct("many", [("ones", "struct one[3]")])
    at = world.room(24)
    kernel = world.kernel()
    value = kernel.value("struct many", at)
    assert kernel.format(value.ones) == "(struct one[3]){} /* all zero */"
    assert kernel.format(value.ones, zero=True).count(".a = 0") == 3
