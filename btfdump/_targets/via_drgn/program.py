"""The kernel of a `drgn.Program` that somebody else has opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn

from btfdump._targets.running import RunningKernel
from btfdump._targets.via_drgn import DrgnTarget, describe_platform
from btfdump._targets.via_drgn.opening import read_vmcoreinfo
from btfdump._targets.via_drgn.segments import READ_ERRORS
from btfdump.errors import MissingDataError, TargetError

if TYPE_CHECKING:
    import os

    from btfdump._targets.memory import Target


def target_of(
    prog: drgn.Program, *, vmlinux: str | os.PathLike[str] | None = None
) -> ProgramTarget:
    """Return the kernel that a program debugs; it is read as drgn reads it.

    `vmlinux` supplies symbols and BTF that it lacks. Raises `TargetError` for a program that debugs
    no kernel, and `MissingDataError` for one without VMCOREINFO.
    """
    if not is_kernel(prog):
        raise TargetError(
            "this program is no Linux kernel; expected one that was opened by set_core_dump(), "
            "set_kernel() or set_linux_kernel_custom()"
        )
    try:
        info = read_vmcoreinfo(prog)
    except READ_ERRORS as error:
        raise MissingDataError(f"drgn has no VMCOREINFO: {error}", "open a whole vmcore") from None
    return ProgramTarget(prog, info, vmlinux)


def is_kernel(prog: drgn.Program) -> bool:
    """Whether a program debugs a Linux kernel."""
    return drgn.ProgramFlags.IS_LINUX_KERNEL in prog.flags


def program_of(target: Target) -> drgn.Program:
    """Return the program that a target reads through; raises `TargetError` if it reads otherwise.

    Also if it has been closed.
    """
    if not isinstance(target, DrgnTarget):
        raise TargetError(
            f"{target.description or 'this kernel'}: is not read through drgn, so that it has no "
            "drgn.Program; open a vmcore, /proc/kcore or a guest"
        )
    if target.program is None:
        raise TargetError(f"{target.description}: is closed")
    return target.program


class ProgramTarget(DrgnTarget):
    """A kernel in a program that is not ours: closing the target leaves the program as it is."""

    def __init__(
        self,
        prog: drgn.Program,
        info: dict[str, str],
        vmlinux: str | os.PathLike[str] | None = None,
    ) -> None:
        flags = prog.flags
        self.is_live = drgn.ProgramFlags.IS_LIVE in flags
        is_here = self.is_live and drgn.ProgramFlags.IS_LOCAL in flags
        platform = describe_platform(prog)
        if platform.machine == "ppc64" and platform.byteorder == "little":
            platform = describe_platform(prog, "ppc64le")
        described = "live kernel" if self.is_live else "vmcore"
        super().__init__(
            prog,
            platform,
            info,
            f"{described} (drgn)",
            vmlinux,
            running=RunningKernel() if is_here else None,
        )
