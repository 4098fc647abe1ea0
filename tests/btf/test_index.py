"""Indexes as bytes: sealed, so that what is read back is what was written."""

from __future__ import annotations

import pytest

from btfdump._btf import BtfBuilder
from btfdump._btf.index import KEY, Index

DIGEST = b"d" * 32
MINE, OTHER = b"k" * KEY, b"o" * KEY


@pytest.fixture(scope="module")
def index() -> Index:
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    for number in range(20):
        b.struct(f"s{number}", 4, [("m", u32, 0)])
    return b.parse().index()


def test_what_was_written_is_read_back(index: Index) -> None:
    assert Index.from_bytes(index.to_bytes(DIGEST, MINE), DIGEST, MINE) == index


def test_nothing_is_believed_that_was_not_written_with_the_key(index: Index) -> None:
    data = index.to_bytes(DIGEST, MINE)
    assert Index.from_bytes(data, DIGEST, OTHER) is None
    assert Index.from_bytes(data, b"x" * 32, MINE) is None
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        assert Index.from_bytes(bytes(changed), DIGEST, MINE) is None
    for end in range(0, len(data), 7):
        assert Index.from_bytes(data[:end], DIGEST, MINE) is None
    assert Index.from_bytes(data + bytes(8), DIGEST, MINE) is None
