"""A struct whose names try to end the string that they are in, and bytes for it."""

from __future__ import annotations

import random

from btfdump._btf import BtfBuilder
from btfdump._decode.layout import Layouts, StructLayout

HOSTILE = "a'}{\\\n\"%s'); raise SystemExit(1) #"


def struct_of(builder: BtfBuilder, members: list[tuple[str, int, int]]) -> StructLayout:
    """Return a little-endian struct of members (name, type, size), then two bit fields."""
    bits = builder.int_(HOSTILE, 4)
    placed: list[tuple[str, int, int] | tuple[str, int, int, int]] = []
    end = 0
    for name, type_, size in members:
        placed.append((name, type_, end * 8))
        end += -(-size // 8) * 8
    placed += [(HOSTILE, bits, end * 8, 5), ("{b}", bits, end * 8 + 5, 3)]
    outer = builder.struct(HOSTILE, end + 8, placed)
    layout = Layouts("little", 8).of(builder.parse().type(outer))
    assert isinstance(layout, StructLayout)
    return layout


def hostile() -> tuple[Layouts, StructLayout]:
    """Return a struct whose names, of types too, all try to end the string that they are in."""
    builder = BtfBuilder()
    name = HOSTILE
    long_ = builder.int_("long unsigned int", 8)
    int_ = builder.typedef(name, builder.int_(name, 4))
    float_ = builder.float_(name, 4)
    enum = builder.enum(name, [(name, 0), ("{e}", 1)])
    text = builder.array(builder.int_("char", 1, char=True), 8)
    inner = builder.struct(name, 8, [(name, long_, 0)])
    union = builder.union(name, 8, [(name, int_, 0), ("{x}", float_, 0), (name, text, 0)])
    bits = builder.struct(name, 4, [(name, int_, 0, 3), ("{b}", int_, 3, 7)])
    large = builder.struct(
        name,
        40,
        [(f"{name}{i}", type_, 64 * i) for i, type_ in enumerate((int_, enum, text, inner, union))],
    )
    layout = struct_of(
        builder,
        [
            (name, long_, 8),
            ("{x}", inner, 8),
            (name, builder.ptr(inner), 8),
            (name, bits, 4),
            (name, union, 8),
            ("rows", builder.array(builder.array(inner, 2), 2), 32),
            (name, builder.array(inner, 3), 24),
            (name, builder.array(inner, 20), 160),
            (name, builder.array(large, 3), 120),
            (name, builder.array(int_, 4), 16),
            (name, builder.array(int_, 40), 160),
            (name, text, 8),
            (name, float_, 4),
            (name, enum, 4),
            ("", large, 40),
        ],
    )
    return Layouts("little", 8), layout


def some_bytes(size: int, seed: int, density: float) -> bytes:
    rng = random.Random(seed)
    noise = rng.randbytes(size)
    if density >= 1:
        return noise
    mask = rng.randbytes(size)
    return bytes(n if m < 256 * density else 0 for n, m in zip(noise, mask, strict=True))
