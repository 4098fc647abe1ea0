"""The running kernel through drgn and /proc/kcore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn

from btfdump._targets.running import RunningKernel
from btfdump._targets.via_drgn import DrgnTarget, describe_platform
from btfdump._targets.via_drgn.opening import read_vmcoreinfo, without_plugins
from btfdump._targets.via_drgn.segments import READ_ERRORS
from btfdump.errors import TargetError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


def open_kcore(
    running: RunningKernel | None = None, *, vmlinux: str | os.PathLike[str] | None = None
) -> LiveTarget:
    """Open the memory of the running kernel; needs root.

    Raises `TargetError` saying what is missing: root, the file, or the kernel's permission.
    """
    running = running or RunningKernel()
    running.check_kcore()
    prog = drgn.Program()
    try:
        with without_plugins():
            prog.set_core_dump(running.kcore)
    except READ_ERRORS as error:
        text = str(error).partition("\n")[0]
        raise TargetError(f"{running.kcore}: drgn cannot open it: {text}") from None
    return LiveTarget(prog, read_vmcoreinfo(prog), running, vmlinux)


class LiveTarget(DrgnTarget):
    """The running kernel: types come from sysfs, and the memory changes while it is read."""

    is_live = True

    def __init__(
        self,
        prog: drgn.Program,
        info: Mapping[str, str],
        running: RunningKernel,
        vmlinux: str | os.PathLike[str] | None,
    ) -> None:
        platform = describe_platform(prog)
        super().__init__(prog, platform, info, "live kernel", vmlinux, running=running)
