"""Make a failing input smaller while it fails in the same way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30
"""What it may take: an input that is larger than it might be is no reason to stop looking."""


def minimise(
    data: bytes, fails: Callable[[bytes], bool], *, is_lines: bool, seconds: float = SECONDS
) -> bytes:
    """Return a part of `data` that `fails()` in the same way, as small as `seconds` allow.

    Pieces are left out, large ones first: bytes, or lines if `is_lines`.
    """
    parts = data.splitlines(keepends=True) if is_lines else [bytes((byte,)) for byte in data]
    size = max(1, len(parts) // 2)
    end = time.monotonic() + seconds
    while True:
        at = 0
        found = False
        while at < len(parts):
            if time.monotonic() >= end:
                return b"".join(parts)
            fewer = parts[:at] + parts[at + size :]
            if fails(b"".join(fewer)):
                parts, found = fewer, True
            else:
                at += size
        if size == 1 and not found:
            return b"".join(parts)
        if not found or size > len(parts):
            size = max(1, min(size, len(parts)) // 2)
