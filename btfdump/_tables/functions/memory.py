"""Columns of the areas of an address space: what /proc/PID/maps prints (fs/proc/task_mmu.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.value_at import value_at
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
    """The file of an area, or `[heap]`, `[stack]`, `[vdso]`, `[vvar]`, `[anon:NAME]`.

    The arguments are the area's file, start and end, of its address space `start_brk`, `brk` and
    `start_stack`, the area's `vm_ops`, and, where there is one, the address of the vDSO. Mirrors
    get_vma_name() (fs/proc/task_mmu.c).
    """
    path = path_reader(kernel)
    is_special: dict[int, bool] = {}

    def special(area: Value, operations: int) -> str | None:
        """Return the name of a mapping of the kernel's: special_mapping_name() (mm/mmap.c)."""
        if operations not in is_special:
            name = int(area.vm_ops.member_("name"))
            is_special[operations] = kernel.symbolize(name) == "special_mapping_name"
        if not is_special[operations]:
            return None
        found = value_at(kernel, "struct vm_special_mapping", int(area.member_("vm_private_data")))
        return found.member_("name").string_()

    def of(area: Value, file: int | None, *numbers: int | None) -> str | None:
        if file:
            return path(area.vm_file)
        start, end, start_brk, brk, stack, operations, vdso = numbers
        if start is None or end is None:
            return None
        if operations and (name := special(area, operations)):
            return name
        if vdso and start == vdso:
            return "[vdso]"
        if start_brk is not None and brk is not None and start < brk and end > start_brk:
            return "[heap]"
        if stack is not None and start <= stack <= end:
            return "[stack]"
        if area.has_member_("anon_name") and area.anon_name:  # PR_SET_VMA_ANON_NAME, since 5.17
            return f"[anon:{area.anon_name.name.string_()}]"
        return None

    return of
