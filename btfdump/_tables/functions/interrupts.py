"""Columns of interrupts: what /proc/interrupts prints of them (kernel/irq/proc.c)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from btfdump._system.cpus import cpus_in
from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MOST_ACTIONS = 1 << 10


@column()
def irq_counts(kernel: Context) -> Callable[[Value], list[int] | None]:
    """How often an interrupt has come on each possible CPU: `kstat_irqs`, a `__percpu` pointer.

    What it leads to is a struct since 6.10 (86d2a2f51fba: genirq: Convert kstat_irqs to a struct).
    """
    cpus = range(len(kernel.target.per_cpu_offsets))

    def of(desc: Value) -> list[int] | None:
        if not desc.kstat_irqs:
            return None
        counts = (desc.kstat_irqs[cpu] for cpu in cpus)
        return [int(one.cnt if one.has_member_("cnt") else one) for one in counts]

    return of


@column()
def irq_total(kernel: Context) -> Callable[[Value], int | None]:
    """How often an interrupt has come, on all CPUs."""
    counts = irq_counts(kernel)

    def of(desc: Value) -> int | None:
        found = counts(desc)
        return sum(found) if found is not None else None

    return of


@column()
def irq_actions(kernel: Context) -> Callable[[Value], list[str]]:
    """The names of those who handle an interrupt."""
    del kernel

    def of(desc: Value) -> list[str]:
        if not desc.action:
            return []
        actions = islice(desc.action.walk_(), _MOST_ACTIONS)
        return [one.name.string_() if one.name else "-" for one in actions]

    return of


@column()
def irq_handlers(kernel: Context) -> Callable[[Value], list[str]]:
    """The functions that handle an interrupt, those of threads included: `i8042_interrupt`."""

    def of(desc: Value) -> list[str]:
        if not desc.action:
            return []
        actions = islice(desc.action.walk_(), _MOST_ACTIONS)
        found = [int(pointer) for one in actions for pointer in (one.handler, one.thread_fn)]
        return [kernel.symbolize(address) or hex(address) for address in found if address]

    return of


@column()
def irq_affinity(kernel: Context) -> Callable[[Value], str]:
    """The CPUs that an interrupt may come on: `0-1,3`; the mask is in the struct or behind it."""
    possible = len(kernel.target.per_cpu_offsets)

    def of(desc: Value) -> str:
        mask = desc.irq_common_data.affinity
        found = cpus_in(mask.deref_() if mask.is_pointer_ else mask[0])
        return ranges(cpu for cpu in found if cpu < possible)

    return of


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers, which ascend, as the kernel prints masks (%*pbl): `0-3,8`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in found)
