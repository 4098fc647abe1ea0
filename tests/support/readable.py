"""Whether there is memory at an address."""

from __future__ import annotations

from btfdump.errors import FaultError


def readable(target, address):
    try:
        target.read(address, 1)
    except FaultError:
        return False
    return True
