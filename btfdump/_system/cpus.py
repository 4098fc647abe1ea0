"""CPUs: which there are, and which task each was running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def of_cpu(kernel: Context, name: str, cpu: int) -> Value:
    """Return one CPU's instance of a per-CPU variable.

    Raises `CorruptDataError` for a CPU that does not exist, and what `Context.own_variable()` does.
    """
    offsets = kernel.target.per_cpu_offsets
    if not 0 <= cpu < len(offsets):
        raise CorruptDataError(f"CPU {cpu}: this kernel has CPUs 0 to {len(offsets) - 1}")
    variable = find_global(kernel, name)
    return value_at(kernel, variable.type_, kernel.wrap(variable.address_ + offsets[cpu]))


def running_on(kernel: Context, cpu: int) -> Value:
    """Return the task that a CPU runs: `curr` of its `struct rq` (kernel/sched/sched.h).

    Raises what `of_cpu()` does, and `FaultError`.
    """
    return of_cpu(kernel, "runqueues", cpu).member_("curr").deref_()


def cpus_in(mask: Value) -> list[int]:
    """Return the numbers of the CPUs in a `struct cpumask`; raises `FaultError`."""
    kernel = mask._context_
    word = kernel.layouts.pointer_size
    possible = len(kernel.target.per_cpu_offsets)
    size = min(-(-possible // (word * 8)) * word, mask.size_)
    data = kernel.target.read(mask.address_, size)
    order = kernel.target.platform.byteorder
    found = []
    for start in range(0, size, word):
        bits = int.from_bytes(data[start : start + word], order)
        found += [start * 8 + bit for bit in range(word * 8) if bits >> bit & 1]
    return found
