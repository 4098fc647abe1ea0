"""Stacks that belong to CPUs, not to tasks: those of interrupts and exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.variables import find_global
from btfdump._system.cpus import of_cpu
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context

_IRQ = "IRQ"
_X86_IRQ_SIZE = 1 << 14
"""IRQ_STACK_SIZE (arch/x86/include/asm/page_64_types.h), without KASAN."""
_S390_STACKS = {
    "async_stack": _IRQ,
    "nodat_stack": "nodat",
    "mcck_stack": "machine check",
    "restart_stack": "restart",
}
"""Members of `struct lowcore` (arch/s390/include/asm/lowcore.h)."""


class CpuStack(NamedTuple):
    """A stack, from `start` up to before `end`: what runs on it, and of which CPU it is."""

    start: int
    end: int
    name: str
    cpu: int


class CpuStacks:
    """The stacks of interrupts and exceptions of one kernel, by address.

    `size` is that of a task's stack in bytes.
    """

    def __init__(self, kernel: Context, size: int) -> None:
        self._stacks: list[CpuStack] = []
        find = _FINDERS.get(kernel.target.platform.machine)
        if find is None:
            return
        try:
            cpus = len(kernel.target.per_cpu_offsets)
        except BtfdumpError:
            return
        for cpu in range(cpus):
            try:
                self._stacks += find(kernel, cpu, size)
            except BtfdumpError:  # that CPU never ran, or its memory is not in the dump
                continue

    def at(self, address: int | None) -> CpuStack | None:
        """Return the stack that a virtual address is on, None if it is on none of these."""
        if address is None:
            return None
        return next((one for one in self._stacks if one.start <= address < one.end), None)


def _of_x86(kernel: Context, cpu: int, size: int) -> Iterator[CpuStack]:
    """Yield those of arch/x86/include/asm/{processor,cpu_entry_area}.h."""
    del size
    top = _x86_irq_stack(kernel, cpu)
    if top:
        yield CpuStack(top + 8 - _X86_IRQ_SIZE, top + 8, _IRQ, cpu)
    start = int(of_cpu(kernel, "cea_exception_stacks", cpu))
    if not start:
        return
    layout = kernel.struct("cea_exception_stacks")
    for name in ("DF", "NMI", "DB", "MCE", "VC", "VC2"):
        if (member := f"{name}_stack") in layout:
            first = start + layout.offset(member)
            yield CpuStack(first, first + layout.sizeof(member), name, cpu)


def _x86_irq_stack(kernel: Context, cpu: int) -> int:
    """Return the last word of the stack of interrupts.

    From Linux 6.2 until 6.14 it stands in `pcpu_hot` (arch/x86/include/asm/current.h).
    """
    try:
        return int(of_cpu(kernel, "pcpu_hot", cpu).hardirq_stack_ptr)
    except BtfdumpError:
        return int(of_cpu(kernel, "hardirq_stack_ptr", cpu))


def _of_arm64(kernel: Context, cpu: int, size: int) -> Iterator[CpuStack]:
    start = int(of_cpu(kernel, "irq_stack_ptr", cpu))
    if start:
        yield CpuStack(start, start + size, _IRQ, cpu)


def _of_s390x(kernel: Context, cpu: int, size: int) -> Iterator[CpuStack]:
    lowcore = find_global(kernel, "lowcore_ptr")[cpu].deref_()
    for member, name in _S390_STACKS.items():
        if lowcore.has_member_(member) and (inside := int(lowcore.member_(member))):
            start = inside & -size
            yield CpuStack(start, start + size, name, cpu)


_FINDERS: dict[str, Callable[[Context, int, int], Iterator[CpuStack]]] = {
    "x86_64": _of_x86,
    "aarch64": _of_arm64,
    "s390x": _of_s390x,
}
