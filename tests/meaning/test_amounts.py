"""Amounts and moments in words."""

from __future__ import annotations

import pytest

from btfdump._meaning.amounts import (
    KTIME_MAX,
    after_boot,
    date,
    duration,
    from_timespec,
    relative,
    size,
    without_relative,
)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.5 us"),
        (244_000_000, "244 ms"),
        (999_999_999, "999.999 ms"),  # cut: never a second that has not passed
        (3_552_000_000, "3.552 s"),
        (60_000_000_000, "1 min 0 s"),
        (3_725_000_000_000, "1 h 2 min"),
        (273_000_000_000_000, "3 d 3 h"),
        (-5_000_000, "-5 ms"),
        (KTIME_MAX, "for ever"),
    ],
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "now"),
        (1_200_000_000, "in 1.2 s"),
        (-244_000_000, "244 ms ago"),
        (3_725_000_000_000, "in 1 h 2 min"),
        (-273_000_000_000_000, "3 d 3 h ago"),
        (-60_000_000_000, "1 min 0 s ago"),
    ],
)
def test_moments_seen_from_now(nanoseconds: int, text: str) -> None:
    assert relative(nanoseconds) == text
    line = f"├── [0] 0x10 f {text}  x 1"
    assert without_relative(line) == without_relative("├── [0] 0x10 f in 5 us  x 1")


def test_other_text_keeps_its_amounts() -> None:
    for line in ("utime 5 5 ns", "x 0.252 s after boot", "nowhere", "main 5 s", "5 s agora"):
        assert without_relative(line) == line


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, ""),
        (252_000_000, "0.252 s after boot"),
        (90_000_000_000, "1 min 30 s after boot"),
        (KTIME_MAX, "never"),
    ],
)
def test_moments_after_boot(nanoseconds: int, text: str) -> None:
    assert after_boot(nanoseconds) == text


def test_dates() -> None:
    assert date(1_795_000_000) == "2026-11-18 11:06:40 UTC"
    assert date(1_795_000_000, 250_000_000) == "2026-11-18 11:06:40.25 UTC"
    assert date(0) == date(-1) == date(1 << 62) == ""


def test_timespecs() -> None:
    assert from_timespec(b"\1" + bytes(7) + b"\2" + bytes(7), "little") == (1, 2)
    assert from_timespec(b"\xff" * 8 + bytes(7) + b"\2", "big") == (-1, 2)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (4096, "4 KiB"),
        (1536, "1.5 KiB"),
        (200 << 10, "200 KiB"),
        (5 << 30, "5 GiB"),
        ((1 << 64) - 1, "15.9 EiB"),
    ],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text
