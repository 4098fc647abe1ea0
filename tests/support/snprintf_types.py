"""Types to be printed as the kernel prints them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from btfdump._btf import BtfBuilder
from btfdump._render.show.snprintf import snprintf_btf

SELECTED = Path(__file__).parents[1] / "data" / "snprintf"
ALL_FLAGS: list[dict[str, Any]] = [
    {},
    *({flag: True} for flag in ("compact", "noname", "ptr_raw", "zero")),
]


class Types(BtfBuilder):
    """A builder with some scalars."""

    def __init__(self, byteorder: Any = "little") -> None:
        super().__init__(byteorder)
        self.u8 = self.int_("u8", 1)
        self.s8 = self.int_("s8", 1, signed=True)
        self.u16 = self.int_("u16", 2)
        self.int = self.int_("int", 4, signed=True)
        self.u64 = self.int_("long unsigned int", 8)
        self.u128 = self.int_("u128", 16)
        self.float = self.float_("float", 4)
        self.ptr_int = self.ptr(self.int)

    def pack(self, *values: tuple[int, int]) -> bytes:
        """Return (value, bytes) one after another."""
        return b"".join((v % (1 << 8 * n)).to_bytes(n, self.byteorder) for v, n in values)

    def show(self, type_id: int, data: bytes, **flags: Any) -> str:
        return snprintf_btf(self.parse(), type_id, data, **flags).decode("latin-1")


def nested(t: Types, levels: int) -> int:
    inner = t.int
    for level in range(levels):
        inner = t.struct(f"level{level}", 4, [("m", inner, 0)])
    return inner
