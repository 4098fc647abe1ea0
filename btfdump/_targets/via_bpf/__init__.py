"""The running kernel's memory through bpf(2), where /proc/kcore is missing or forbidden.

A small program in the kernel copies what it is asked for (`programs.py`, written in `asm.py`,
loaded by `syscall.py`, served by `reader.py`). `kernel_map.py` knows what is memory, and `guard.py`
makes sure that nothing else is read (docs/decisions/0003-guard-of-the-bpf-reader.md). `opening.py`
puts these together. Nothing in the kernel is changed or attached to, and nothing is left behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from btfdump._targets.base import KernelTarget
from btfdump._targets.via_bpf import privileges
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from btfdump._targets.memory import Platform
    from btfdump._targets.running import RunningKernel
    from btfdump._targets.via_bpf.guard import GuardedMemory


class BpfTarget(KernelTarget):
    """The running kernel, read through BPF programs."""

    is_live = True
    description = "live kernel (via bpf)"

    def __init__(
        self,
        memory: GuardedMemory,
        platform: Platform,
        info: Mapping[str, str],
        running: RunningKernel,
        vmlinux: str | os.PathLike[str] | None = None,
    ) -> None:
        self._memory = memory
        super().__init__(platform, info, vmlinux, running)

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first byte that cannot be read, or that is not known to be
        memory, and the reason.
        """
        return self._memory.read(address, size)

    def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read every (address, size) in as few system calls as possible; None where that fails."""
        return self._memory.read_many(requests)

    def copy_chain(
        self,
        holder: int,
        stop: int,
        size: int,
        *,
        link_offset: int = 0,
        next_offset: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Follow a chain inside the kernel: see `btfdump._targets.ChainMemory`."""
        return self._memory.copy_chain(
            holder, stop, size, link_offset=link_offset, next_offset=next_offset
        )

    def drop_privileges(self) -> None:
        """Give up root and every capability of this process, for good; reading goes on.

        What needs privileges is read before: /proc/kallsyms, on kernels before 6.0. Kernels before
        5.19 require CAP_BPF for every run of a program if kernel.unprivileged_bpf_disabled is set
        (c8644cd0efe7); there it is kept. Raises `TargetError` if privileges cannot be dropped.
        """
        with suppress(BtfdumpError):  # who asks for a symbol will be told
            self.symbols.find("init_task")
        privileges.drop(self._memory.try_run)

    def close(self) -> None:
        """Release the maps and programs; every read faults from now on."""
        self._memory.close()
