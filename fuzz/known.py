"""Faults that are known and not fixed yet: counted apart, so that others are seen.

A line is taken off in the commit that fixes its fault. Why one stays for ever is in SECURITY.md.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Known(NamedTuple):
    """The harness, a pattern of the fault's key, and why it is here."""

    harness: str
    key: str
    why: str


KNOWN: tuple[Known, ...] = (
    Known(
        "headers",
        "killed by SIG(BUS|SEGV|FPE|ABRT).*",
        "drgn and libkdumpfile parse the file in native code: see SECURITY.md",
    ),
)


def why_known(harness: str, key: str) -> str:
    """Return why a fault is known, or ""."""
    for known in KNOWN:
        if known.harness == harness and re.fullmatch(known.key, key, re.S):
            return known.why
    return ""
