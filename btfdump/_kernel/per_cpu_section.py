"""The section of per-CPU variables in the kernel's image: what every CPU's area was copied from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError, MissingDataError, SymbolNotFoundError

if TYPE_CHECKING:
    from btfdump._targets.memory import Target

MAX_PER_CPU = 1 << 28
"""Bytes of the longest section of per-CPU variables that is believed."""


def contains(target: Target, address: int) -> bool:
    """Whether a virtual address of vmlinux, one of a variable, lies in the section.

    BTF describes per-CPU variables since pahole 1.16, and never all of them. On x86-64 the section
    began at 0 until 6.15 (9d7de2aa8b41): where only exported symbols are known, as before 6.0, no
    other symbol is that low.
    """
    try:
        return _lies_within(target, address)
    except (MissingDataError, SymbolNotFoundError):
        return target.platform.machine == "x86_64" and address < MAX_PER_CPU


def is_template(target: Target, address: int) -> bool:
    """Whether a virtual address is in the section as memory that was freed at the end of the boot.

    Without SMP it is what the kernel uses.
    """
    try:
        if not target.symbol("__per_cpu_start"):  # x86-64 before 6.15: nothing is there
            return False
        is_smp = tuple(target.per_cpu_offsets) != (0,)
        return is_smp and _lies_within(target, address)
    except BtfdumpError:
        return False


def _lies_within(target: Target, address: int) -> bool:
    start = target.symbol("__per_cpu_start")
    if not start <= address < start + MAX_PER_CPU:
        return False
    return address < target.symbol("__per_cpu_end")
