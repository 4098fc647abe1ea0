"""Records that the check refuses, with a reason; and loops."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._btf import Btf, BtfBuilder
from btfdump.errors import BtfFormatError
from tests.support.btf_blobs import try_to_use

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda b: b.ptr(9), r"type \[1\]: refers to \[9\]"),
        (lambda b: b.array(9, 1), r"refers to \[9\]"),
        (lambda b: b.array(0, 1, 9), r"refers to \[9\]"),
        (lambda b: b.struct("s", 0, [("a", 0, 0), ("b", 9, 0)]), r"refers to \[9\]"),
        (lambda b: b.union("u", 0, [("a", 9, 0, 1)]), r"refers to \[9\]"),
        (lambda b: b.func_proto(9), r"refers to \[9\]"),
        (lambda b: b.func_proto(0, [("a", 0), ("b", 9)]), r"refers to \[9\]"),
        (lambda b: b.func("f", 9), r"refers to \[9\]"),
        (lambda b: b.func("f", 0), r"function of \[0\], not a prototype"),
        (lambda b: b.func("f", 1), r"function of \[1\], not a prototype"),
        (lambda b: b.var("v", 9), r"refers to \[9\]"),
        (lambda b: b.datasec(".data", [(9, 0, 1)]), r"refers to \[9\]"),
        (lambda b: b.decl_tag("t", 9), r"refers to \[9\]"),
        (lambda b: b.type_tag("t", 9), r"refers to \[9\]"),
        (lambda b: b.unknown(20), "kind 20 is unknown, and no layout section"),
        (lambda b: b.unknown(0), "kind 0 is unknown"),
        (lambda b: b.unknown(1), "ends 4 bytes after"),
        (lambda b: b.unknown(4, vlen=2, trailer=bytes(12)), "ends 12 bytes after"),
    ],
)
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_records(byteorder: Any, make: Callable[[BtfBuilder], int], reason: str) -> None:
    b = BtfBuilder(byteorder)
    make(b)
    with pytest.raises(BtfFormatError, match=reason):
        b.parse()
    assert try_to_use(b.build()) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda b: b.int_("A", 4),
        lambda b: b.enum("e", {"A": 1}),
        lambda b: b.enum64("e", {"A": 1}),
        lambda b: b.struct("e", 4, [("A", 0, 0)]),
        lambda b: b.func_proto(0, [("A", 0)]),
    ],
)
def test_strings_beyond_the_section(make: Callable[[BtfBuilder], int]) -> None:
    b = BtfBuilder()
    make(b)
    data = bytearray(b.build()[: -len(b"A\0")])
    (str_len,) = struct.unpack_from("<I", data, 20)
    struct.pack_into("<I", data, 20, str_len - len(b"A\0"))
    with pytest.raises(BtfFormatError, match=r"type \[1\]: no string has offset"):
        Btf.from_bytes(bytes(data))
    assert try_to_use(bytes(data)) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda b: b.ptr(1),
        lambda b: b.typedef("t", 1),
        lambda b: (b.const(2), b.volatile(1)),
        lambda b: (b.type_tag("a", 2), b.type_tag("b", 1)),
        lambda b: b.array(1, 1),
        lambda b: b.array(1, 0xFFFFFFFF),
        lambda b: (b.array(2, 2), b.typedef("t", 1)),
        lambda b: b.var("v", 1),
        lambda b: b.decl_tag("t", 1),
        lambda b: b.struct("s", 4, [("s", 1, 0)]),
        lambda b: b.func_proto(1, [("p", 1), ("q", 1)]),
        lambda b: (b.ptr(2), b.func_proto(1, [("p", 1)] * 300)),
        lambda b: (b.int_("i", 4, bits=3), b.typedef("t", 2), b.struct("s", 4, [("m", 2, 0)])),
    ],
)
def test_loops(make: Callable[[BtfBuilder], object]) -> None:
    b = BtfBuilder()
    make(b)
    try_to_use(b.build())


def test_loops_have_no_size() -> None:
    b = BtfBuilder()
    b.array(1, 1)
    b.typedef("t", 2)
    btf = b.parse()
    with pytest.raises(BtfFormatError, match=r"type \[1\] is nested more than 64 deep"):
        btf.sizeof(1)
    for ask in (btf.sizeof, btf.skip_modifiers, btf.type_tags):
        with pytest.raises(BtfFormatError, match=r"type \[2\]: the type is made of itself"):
            ask(2)
