"""Unwinders of our own, for kernels that drgn does not read.

Each reads a stack as the kernel's own unwinder does: `arch/*/kernel/{unwind_orc,stacktrace}.c`.
They find what drgn's find, frame by frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from btfdump._kernel.context import Context
    from btfdump._kernel.unwound import Unwound
    from btfdump._kernel.value import Value

    Unwind: TypeAlias = Callable[[Value, bytes | None], Unwound]


def unwinder_of(kernel: Context) -> Unwind:
    """Return the unwinder of a kernel's machine.

    It takes a `struct task_struct`, and the bytes of a `struct pt_regs` if the task runs and they
    are known; else it begins where the task was switched out. Raises `MissingDataError` if there is
    none, and what reading where it begins does.
    """
    machine = kernel.target.platform.machine
    if machine == "x86_64":
        from btfdump._system.unwinding.x86 import X86Unwinder

        return X86Unwinder(kernel).unwind
    if machine == "aarch64":
        from btfdump._system.unwinding.arm64 import Arm64Unwinder

        return Arm64Unwinder(kernel).unwind
    if machine == "s390x":
        from btfdump._system.unwinding.s390x import S390Unwinder

        return S390Unwinder(kernel).unwind
    raise MissingDataError(
        f"how stacks of {machine or 'this machine'} look is not known",
        "those of x86-64, arm64 and s390x are",
    )
