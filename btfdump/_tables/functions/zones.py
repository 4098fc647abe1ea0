"""Columns of the zones of memory: what /proc/zoneinfo prints of them (mm/vmstat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._system.meminfo import item
from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


@column()
def zone_free(kernel: Context) -> Callable[[Value], int]:
    """Bytes of a zone that are free: its counter NR_FREE_PAGES."""
    return _in_bytes(kernel, "vm_stat", item(kernel, "zone_stat_item", "NR_FREE_PAGES"))


@column()
def watermark_min(kernel: Context) -> Callable[[Value], int]:
    """Bytes of a zone that are kept for emergencies: WMARK_MIN."""
    return _in_bytes(kernel, "_watermark", 0)


@column()
def watermark_low(kernel: Context) -> Callable[[Value], int]:
    """Bytes that are free when a zone's kswapd wakes: WMARK_LOW."""
    return _in_bytes(kernel, "_watermark", 1)


@column()
def watermark_high(kernel: Context) -> Callable[[Value], int]:
    """Bytes that are free when a zone's kswapd sleeps again: WMARK_HIGH."""
    return _in_bytes(kernel, "_watermark", 2)


def _in_bytes(kernel: Context, array: str, index: int) -> Callable[[Value], int]:
    """Return what reads a number of pages in an array of a zone, in bytes."""
    page = KernelSurroundings(kernel).page_size

    def of(zone: Value) -> int:
        found = zone.member_(array)[index]
        return int(found.counter if found.has_member_("counter") else found) * page

    return of
