"""Kernel memory through drgn, without debuginfo: vmcores, the running kernel, QEMU guests.

Only this room uses drgn. It also does what drgn 0.3 does not do: determine the platform of any file
from its headers, find a lost VMCOREINFO (`opening.py`), and fault where drgn would return zeros or
the wrong memory (`segments.py`). `live.py` opens /proc/kcore, `qemu.py` a guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn

from btfdump._targets import dumpfile, vmcoreinfo
from btfdump._targets.base import KernelTarget
from btfdump._targets.memory import FILTERED, UNMAPPED, Platform
from btfdump._targets.via_drgn.opening import open_elf, open_kdump, read_vmcoreinfo
from btfdump._targets.via_drgn.segments import READ_ERRORS, fault_beyond_s390x_tables
from btfdump.errors import FaultError, TargetError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from btfdump._targets.dumpfile import CoreFile
    from btfdump._targets.memory import ByteOrder, UncheckedRead
    from btfdump._targets.running import RunningKernel

# A read larger than this is a corrupt length, not an object: the biggest honest ones are BTF and
# hash tables.
MAX_READ = 1 << 28
_KINDS = {
    "elf": "ELF",
    "kdump": "kdump-compressed",
    "flattened": "kdump-compressed, flattened",
}


def open_core(
    path: str | os.PathLike[str], *, vmlinux: str | os.PathLike[str] | None = None
) -> DrgnTarget:
    """Open the vmcore at `path`; `vmlinux` supplies symbols and BTF that the dump lacks.

    Raises `TargetError` if the file is not a vmcore that drgn can open, and `MissingDataError` if
    it has no VMCOREINFO. Symbols, per-CPU offsets and BTF are read when they are asked for, and
    that is when they raise if something is missing.
    """
    core = dumpfile.sniff(path)
    if core.user_process:
        raise TargetError(f"{core.path}: is the core dump of a user process; {dumpfile.EXPECTED}")
    prog, core = open_elf(core) if core.format == "elf" else open_kdump(core)
    info = read_vmcoreinfo(prog)
    if core.machine == "s390x":
        fault_beyond_s390x_tables(prog, info)
    cut = (", truncated" if core.truncated else "") + (
        ", marked as incomplete" if core.is_incomplete else ""
    )
    target = DrgnTarget(
        prog,
        describe_platform(prog, core.machine),
        info,
        f"vmcore ({_KINDS[core.format]}{cut})",
        vmlinux,
        cut=core.cut,
        is_incomplete=core.is_incomplete,
    )
    target.problems = tuple(_losses(core))
    target.cpu_statuses = core.cpu_statuses
    return target


def _losses(core: CoreFile) -> Iterator[str]:
    """Yield what is missing of a dump that can be read nevertheless."""
    if core.truncated:
        yield f"{core.cut}; what is behind its end is missing: copy it again"
    if core.is_incomplete:
        yield (
            f"{core.path}: is marked as incomplete: what wrote it had no room for all of the "
            "memory, so pages are missing; dump again, onto a larger disk"
        )


class DrgnTarget(KernelTarget):
    """One kernel, read through a drgn `Program`."""

    def __init__(
        self,
        prog: drgn.Program,
        platform: Platform,
        info: Mapping[str, str],
        description: str,
        vmlinux: str | os.PathLike[str] | None = None,
        *,
        running: RunningKernel | None = None,
        cut: str = "",
        is_incomplete: bool = False,
    ) -> None:
        self._prog: drgn.Program | None = prog
        self._read: Callable[[int, int], bytes] = prog.read
        self._is_truncated = bool(cut)
        self._is_incomplete = is_incomplete
        self.description = description
        self.page_size = vmcoreinfo.page_size(info)
        super().__init__(platform, info, vmlinux, running, cut)

    @property
    def program(self) -> drgn.Program | None:
        """What this reads through; None once it is closed."""
        return self._prog

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first byte that cannot be read and the reason, and nothing else
        for any int. More than `MAX_READ` bytes at once are refused.
        """
        if 0 < size <= MAX_READ:
            try:
                return self._read(address, size)
            except READ_ERRORS as error:
                raise self._fault(address, size, error) from None
        if size == 0:
            return b""
        reason = "negative size" if size < 0 else f"more than {MAX_READ} bytes at once"
        raise FaultError(address, size, reason)

    def unchecked_read(self) -> UncheckedRead:
        """Return drgn's own read, and what it raises: see `btfdump._targets.UncheckedMemory`."""
        return self._read, READ_ERRORS

    def _fault(self, address: int, size: int, error: Exception) -> FaultError:
        if self._prog is None:
            return FaultError(address, size, "the target is closed")
        end = address + size
        if address < 0 or end > 1 << 64:
            return FaultError(address, size, "outside the address space")
        # drgn names the start of the piece it was asking for, not the page that failed: look for
        # that.
        at = address
        page = self.page_size
        while at // page != (end - 1) // page:
            try:
                self._read(at, 1)
            except READ_ERRORS as first:
                error = first
                break
            at = (at // page + 1) * page
        return FaultError(at, end - at, self._reason(str(error)))

    def _reason(self, text: str) -> str:
        if FILTERED in text or "Excluded page" in text or "could not find physical" in text:
            return (
                f"{FILTERED}, or lost: the dump is incomplete" if self._is_incomplete else FILTERED
            )
        if UNMAPPED in text or "not present" in text or "No way to translate" in text:
            return UNMAPPED
        if "short read" in text or self._is_truncated:
            return "the dump file is truncated"
        if "Decompres" in text or "page data" in text:  # the first is libkdumpfile's spelling
            return "the dump file is truncated or damaged"
        return text.partition("\n")[0] or "not readable"

    def close(self) -> None:
        """Release the memory: every read faults from now on."""
        self._prog = None
        self._read = _read_closed


def _read_closed(address: int, size: int) -> bytes:
    raise ValueError("the target is closed")


def describe_platform(prog: drgn.Program, machine: str = "") -> Platform:
    """Return the platform of a program that has one; `machine` overrides drgn's name for it."""
    platform = prog.platform
    assert platform is not None
    little = drgn.PlatformFlags.IS_LITTLE_ENDIAN in platform.flags
    is_64 = drgn.PlatformFlags.IS_64_BIT in platform.flags
    byteorder: ByteOrder = "little" if little else "big"
    return Platform(byteorder, 8 if is_64 else 4, machine or platform.arch.name.lower())
