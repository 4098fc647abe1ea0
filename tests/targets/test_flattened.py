"""Flattened dumps: whether they are whole."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from btfdump._targets.flattened import FlatFile, is_cut
from btfdump._targets.via_drgn import open_core
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = b"makedumpfile".ljust(4096, b"\0")


def record(start: int, data: bytes) -> bytes:
    return struct.pack(">qq", start, len(data)) + data


@pytest.mark.parametrize("keep", [0.4, 0.9])
def test_a_dump_that_is_cut_is_said_to_be(
    tmp_path: Path, sample: Callable[[str], Path], keep: float
) -> None:
    """The advice was to rebuild it, which a cut file cannot be, and a whole one need not be."""
    data = sample("flattened").read_bytes()
    path = tmp_path / "cut"
    there = int(len(data) * keep)
    path.write_bytes(data[:there])
    with pytest.raises(TargetError) as caught:
        open_core(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: is truncated: it ends at byte {there}, before the record that")
    assert text.endswith("copy it again")
    assert "makedumpfile" not in text


@pytest.mark.parametrize(
    ("records", "cut"),
    [
        (b"", True),
        (record(0, b"abcd"), True),
        (record(0, b"abcde")[:-1], True),
        (record(0, b"abcd") + struct.pack(">q", -1), True),
        (record(0, b"abcd") + struct.pack(">qq", -1, -1), False),
        (struct.pack(">qqqq", -1, -1, 0, 0), False),
        (struct.pack(">qq", 0, -7), False),  # damaged, which is something else
    ],
)
def test_what_is_cut(records: bytes, cut: bool) -> None:
    assert is_cut(BytesIO(HEAD + records)) is cut


def test_pieces_in_any_order() -> None:
    whole = record(4, b"efgh") + record(0, b"abcd") + struct.pack(">qq", -1, -1)
    flat = FlatFile(BytesIO(HEAD + whole))
    assert flat.read_at(2, 8) == b"cdefgh\0\0"
    assert flat.read_at(100, 2) == b"\0\0"
