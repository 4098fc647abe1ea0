"""Amounts and moments: nanoseconds, jiffies, pages, seconds since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

NS = 1_000_000_000
KTIME_MAX = (1 << 63) - 1
"""The moment that never comes (include/linux/ktime.h)."""
USER_HZ = 100
"""What a clock_t counts in a second (include/asm-generic/param.h: USER_HZ)."""
_LAST_YEAR = 253_402_300_800
"""The first second of the year 10000."""


def duration(nanoseconds: int) -> str:
    """Return a duration in the unit that suits it: `244 ms`, `3 h 25 min`."""
    if nanoseconds < 0:
        known = duration(-nanoseconds)
        return f"-{known}" if known else ""
    if nanoseconds >= KTIME_MAX:  # beyond it, what is negative and has no sign
        return "for ever" if nanoseconds == KTIME_MAX else ""
    for limit, divisor, unit in ((1_000, 1, "ns"), (1_000_000, 1_000, "us"), (NS, 1_000_000, "ms")):
        if nanoseconds < limit:
            return f"{_short(nanoseconds, divisor)} {unit}"
    if nanoseconds < 60 * NS:
        return f"{_short(nanoseconds, NS)} s"
    return _long(nanoseconds // NS)


def relative(nanoseconds: int) -> str:
    """Return a moment as seen from now: `in 1.2 s`, `3 s ago`."""
    if not nanoseconds:
        return "now"
    away = duration(abs(nanoseconds))
    if not away:
        return ""
    return f"in {away}" if nanoseconds > 0 else f"{away} ago"


def without_relative(text: str) -> str:
    """Return a text with a mark for each moment that `relative()` spelled.

    Those change while the values that they tell do not.
    """
    import re

    amount = r"\d+(?:\.\d+)? (?:ns|us|ms|s|min \d+ s|h \d+ min|d \d+ h)\b|for ever"
    return re.sub(rf"\bin (?:{amount})|(?:\b{amount}) ago\b|\bnow\b", "\0", text)


def _short(number: int, divisor: int) -> str:
    """Return a quotient below a thousand with at most three decimals, cut rather than rounded."""
    whole, rest = divmod(number, divisor)
    decimals = f"{rest * 1000 // divisor:03}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _long(seconds: int) -> str:
    if seconds < 3_600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3_600} h"


def after_boot(nanoseconds: int) -> str:
    """Return a moment on a clock that began when the kernel did: `0.252 s after boot`."""
    if not nanoseconds:
        return ""
    if nanoseconds >= KTIME_MAX:
        return "never"
    whole = f"{_short(nanoseconds, NS)} s" if 0 < nanoseconds < 60 * NS else duration(nanoseconds)
    return f"{whole} after boot"


def at(nanoseconds: int, clock: str) -> str:
    """Return a moment on a clock of which nobody says when it began: `at 18.655 s of its clock`."""
    moment = after_boot(nanoseconds)
    return f"at {moment.removesuffix(' after boot')} {clock}" if moment.endswith("boot") else moment


def date(seconds: int, nanoseconds: int = 0) -> str:
    """Return a moment since 1970 in UTC: `2026-11-28 12:00:00 UTC`; "" for none."""
    if not 0 < seconds < _LAST_YEAR:
        return ""
    from datetime import datetime, timedelta, timezone

    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    decimals = f".{nanoseconds:09}".rstrip("0") if 0 < nanoseconds < NS else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{decimals} UTC"


def from_timespec(data: bytes, byteorder: Literal["little", "big"]) -> tuple[int, int]:
    """Return (seconds, nanoseconds) of a `struct timespec64`: two numbers of eight bytes."""
    seconds = int.from_bytes(data[:8], byteorder, signed=True)
    return seconds, int.from_bytes(data[8:16], byteorder, signed=True)


def size(number: int) -> str:
    """Return a number of bytes in the unit that suits it: `4 KiB`; "" below one KiB."""
    if number < 1024:
        return f"{number} bytes" if number != 1 else "1 byte"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        whole, rest = divmod(number, 1024)
        if whole < 1024 or unit == "EiB":
            decimals = f"{rest * 10 // 1024}" if whole < 100 else "0"
            return f"{whole}{f'.{decimals}' if decimals != '0' else ''} {unit}"
        number = whole
    return ""
