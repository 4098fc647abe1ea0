"""What ends a walk, as walkers and BPF maps tell it."""

from __future__ import annotations

import pytest

from btfdump._walk.entries import UNWALKABLE, Anomaly, anomaly_of, unreadable
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError, MemberNotFoundError


@pytest.mark.parametrize(
    ("error", "message", "address"),
    [
        (FaultError(0x20, 8, "not in the dump"), "0x20 is unreadable: not in the dump", 0x20),
        (FaultError(0, 0, "next is NULL"), "next is NULL", 0),
        (CorruptDataError("no such thing", 0x30), "no such thing", 0x30),
        (CorruptDataError("no such thing"), "no such thing", 0x10),
        (MemberNotFoundError("no member"), "struct x cannot be walked: no member", 0x10),
    ],
)
def test_an_error_ends_the_walk(error: BtfdumpError, message: str, address: int) -> None:
    assert isinstance(error, UNWALKABLE)
    assert anomaly_of(error, "struct x", 0x10) == Anomaly(message, address, ends=True)


def test_what_cannot_be_read_is_told_in_one_way() -> None:
    error = FaultError(0x24, 8, "not in the dump")
    expected = Anomaly("node at 0x20 is unreadable: not in the dump", 0x20, ends=True)
    assert unreadable("node", 0x20, error) == expected
