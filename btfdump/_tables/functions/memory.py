"""Columns of the areas of an address space: what /proc/PID/maps prints (fs/proc/task_mmu.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._tables.functions import column
from btfdump._tables.functions.files import path_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_READ, _WRITE, _EXEC, _MAYSHARE = 0x1, 0x2, 0x4, 0x80


@column()
def permissions(kernel: Context) -> Callable[[int | None], str | None]:
    """What may be done with an area, by its flags: `rw-p`."""
    del kernel

    def of(flags: int | None) -> str | None:
        if flags is None:
            return None
        letters = (("r", _READ), ("w", _WRITE), ("x", _EXEC))
        allowed = "".join(letter if flags & bit else "-" for letter, bit in letters)
        return f"{allowed}{'s' if flags & _MAYSHARE else 'p'}"

    return of


@column()
def mapping(kernel: Context) -> Callable[..., str | None]:
    """The file of an area, or `[heap]`, `[stack]`, `[vdso]`.

    The arguments are the area's file, start and end, and of its address space `start_brk`, `brk`,
    `start_stack` and, where there is one, the address of the vDSO.
    """
    path = path_reader(kernel)

    def of(area: Value, file: int | None, *numbers: int | None) -> str | None:
        if file:
            return path(area.vm_file)
        start, end, start_brk, brk, stack, vdso = numbers
        if start is None or end is None:
            return None
        if vdso and start == vdso:
            return "[vdso]"
        if start_brk is not None and brk is not None and start < brk and end > start_brk:
            return "[heap]"
        return "[stack]" if stack is not None and start <= stack <= end else None

    return of
