"""Headers: what they may hold, and what is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from btfdump._btf import Btf
from btfdump.errors import BtfFormatError
from tests.support.btf_blobs import blob, with_layout


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("changes", "offset", "reason"),
    [
        ({"magic": 0x9FEC}, 0, "magic"),
        ({"version": 2}, 2, "version 2"),
        ({"hdr_len": 23}, 4, "below the minimum"),
        ({"hdr_len": 26}, 4, "exceeds the 25 bytes"),
        ({"hdr_len": 0xFFFFFFFF}, 4, "exceeds"),
        ({"type_off": 2, "str_off": 4}, 8, "multiple of 4"),
        ({"type_off": 4}, 8, "run into strings"),
        ({"type_len": 4}, 8, "run into strings"),
        ({"type_len": 0xFFFFFFFF}, 8, "run into strings"),
        ({"str_len": 2}, 16, "exceed the 1 bytes left"),
        ({"str_off": 1}, 16, "exceed"),
        ({"str_len": 0}, 20, "empty"),
        ({"strings": b"a"}, 24, "end with a NUL"),
        ({"strings": b"a\0"}, 24, "start with a NUL"),
        ({"types": b"12", "str_off": 2}, 12, "multiple of 4"),
        ({"types": b"1234"}, 24, "cut short"),
    ],
)
def test_headers(order: str, changes: dict[str, Any], offset: int, reason: str) -> None:
    with pytest.raises(BtfFormatError, match=reason) as caught:
        Btf.from_bytes(blob(order, **changes))
    assert caught.value.offset == offset


@pytest.mark.parametrize("length", range(24))
def test_a_header_cut_short(length: int) -> None:
    with pytest.raises(BtfFormatError, match="too short") as caught:
        Btf.from_bytes(blob()[:length])
    assert caught.value.offset == 0


def test_what_headers_may_hold() -> None:
    assert len(Btf.from_bytes(blob(flags=255))) == 1
    assert len(Btf.from_bytes(blob() + b"trailing")) == 1
    # A longer header, of a length that isn't even aligned, whose layout_len is zero.
    assert len(Btf.from_bytes(blob(strings=b"\xff" * 4 + b"\0" * 6 + b"\0", hdr_len=34, str_len=1)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layout_off": 14}, "layout_off 14 is not a multiple"),
        ({"layout_len": 3}, "layout_len 3 is not a multiple"),
        ({"layout_off": 8}, "not between types and strings"),
        ({"layout_len": 88}, "not between types and strings"),
        ({"layout_off": 0xFFFFFFFC}, "not between types and strings"),
        ({"layout_len": 80}, "kind 20 is unknown"),
        ({"layout_len": 0}, "kind 20 is unknown"),
        ({"hdr_len": 24, "type_off": 8, "str_off": 104}, "kind 20 is unknown"),
    ],
)
def test_layouts(changes: dict[str, int], reason: str) -> None:
    types = struct.pack("<3I", 0, 20 << 24, 0)
    layout = bytes(84)
    assert len(Btf.from_bytes(with_layout(types, layout))) == 2
    with pytest.raises(BtfFormatError, match=reason):
        Btf.from_bytes(with_layout(types, layout, **changes))
