"""Unwinders of our own, for kernels that drgn does not read.

Each reads a stack as the kernel's own unwinder does: `arch/*/kernel/{unwind_orc,stacktrace}.c`.
They find what drgn's find, frame by frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import MissingDataError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._system.unwinding.steps import Unwinder


def unwinder_of(kernel: Context) -> Unwinder:
    """Return the unwinder of a kernel's machine; raises `MissingDataError` if there is none."""
    machine = kernel.target.platform.machine
    if machine == "x86_64":
        from btfdump._system.unwinding.x86 import X86Unwinder

        return X86Unwinder(kernel)
    if machine == "aarch64":
        from btfdump._system.unwinding.arm64 import Arm64Unwinder

        return Arm64Unwinder(kernel)
    if machine == "s390x":
        from btfdump._system.unwinding.s390x import S390Unwinder

        return S390Unwinder(kernel)
    raise MissingDataError(
        f"how stacks of {machine or 'this machine'} look is not known",
        "those of x86-64, arm64 and s390x are",
    )
