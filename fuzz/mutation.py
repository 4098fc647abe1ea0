"""Bytes changed at random: what harnesses share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random
    from typing import Literal

NUMBERS = (
    0, 1, 2, 3, 4, 7, 8, 0x20, 0x40, 0x100, 0x122, 0x1000, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
    0xFFFFFF, 0x1000000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40,
    0xDEAD_0000_0000_0100, 0xDEAD_0000_0000_0122, (1 << 63) - 1, 1 << 63, (1 << 64) - 4096,
    (1 << 64) - 1,
)  # fmt: skip
"""Numbers on which code turns: counts, poison, the ends of ranges."""

HOSTILE = (
    "x", "next", "a'b", 'a"b', "a\\", "\\N{BELL}", "a\nb", "a\rb", "a\x1b[31mb", "\x1b]0;x\x07",
    "\u202eabc", "\u200b", "\u2028", "a\u0085b", "class", "def", "None", "__class__", "__import__",
    "%s%n", "{0}", "{{", "}", "{", "#", "'''", '"""', "", "b[bold red]x[/]", "x" * 3000, "é",
    "\x7f", "\t", " ", "a b", "a.b", "->", "*", "a[0]", "0", "\\x00", "_", "f'{1/0}'", "1/0",
    "\\\n", "\udcff", "\ufeff",
)  # fmt: skip
"""Texts that mean something to somebody: Python, terminals, markup, formats, paths."""


def number(rng: Random, size: int, byteorder: Literal["little", "big"]) -> bytes:
    """Return one of `NUMBERS`, or one near it, cut to `size` bytes."""
    value = rng.choice(NUMBERS) + rng.choice((0, 0, 0, 0, 1, -1, 8))
    return (value & (1 << size * 8) - 1).to_bytes(size, byteorder)


def mutate(
    rng: Random,
    data: bytes,
    changes: int = 0,
    *,
    byteorder: Literal["little", "big"] = "little",
    others: Sequence[bytes] = (),
) -> bytes:
    """Return `data` with some places changed, cut, doubled, or taken from one of `others`."""
    changed = bytearray(data)
    for _ in range(changes or rng.choice((1, 1, 1, 2, 2, 4, 8, 16))):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(9)
        if kind == 0:
            changed[at : at + 1] = rng.randbytes(1)
        elif kind <= 2:
            size = rng.choice((1, 2, 4, 4, 8))
            at -= at % size
            changed[at : at + size] = number(rng, size, byteorder)
        elif kind == 3:
            del changed[at : at + rng.choice((1, 1, 4, 12, 64))]
        elif kind == 4:
            changed[at:at] = rng.randbytes(rng.randrange(1, 13))
        elif kind == 5:
            size = rng.choice((1, 4, 12, 24))
            there = rng.randrange(len(changed) + 1)
            changed[at : at + size] = changed[there : there + size]
        elif kind == 6 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 7:
            size = rng.choice((4, 16, 40))
            changed[at:at] = changed[at : at + size] * rng.choice((1, 1, 2, 20))
        elif others:
            other = rng.choice(others)
            there = rng.randrange(len(other) + 1)
            changed[at:at] = other[there : there + rng.choice((4, 16, 100))]
    return bytes(changed)
