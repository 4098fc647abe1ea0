"""Open the running kernel through BPF, or say what is missing."""

from __future__ import annotations

import errno
import mmap
import platform
import sys
from typing import TYPE_CHECKING

from btfdump._btf.reader import Btf
from btfdump._targets.memory import Platform
from btfdump._targets.running import RunningKernel
from btfdump._targets.via_bpf import BpfTarget, privileges
from btfdump._targets.via_bpf.guard import GuardedMemory
from btfdump._targets.via_bpf.kernel_map import Survey
from btfdump._targets.via_bpf.reader import BpfReader
from btfdump._targets.via_bpf.syscall import MAP_CREATE, BpfError, SystemBpf
from btfdump.errors import MissingDataError, TargetError

if TYPE_CHECKING:
    import os

    from btfdump._targets.symbols import SymbolSource

_ENOTSUPP = 524  # include/linux/errno.h: not for user space, but it gets out
_OTHERWISE = "use another source, or take a vmcore"
_GRANT = (
    "run as root, or give them: sudo setpriv --reuid=$USER --regid=$(id -g) --init-groups "
    "--inh-caps=+bpf,+perfmon,+syslog --ambient-caps=+bpf,+perfmon,+syslog btfdump live ..."
)


def open_live_bpf(
    running: RunningKernel | None = None, *, vmlinux: str | os.PathLike[str] | None = None
) -> BpfTarget:
    """Open the memory of the running kernel through bpf(2).

    Needs CAP_BPF, CAP_PERFMON and CAP_SYSLOG until it is open: see `BpfTarget.drop_privileges()`.
    `vmlinux` supplies symbols if the kernel shows none. Raises `TargetError`, which says which of
    these is missing, or what in the kernel is in the way.
    """
    running = running or RunningKernel()
    _require_capabilities(running)
    _require_accepted_memory(running)
    symbols = _symbols(running, vmlinux)
    blob = running.btf()
    if blob is None:
        raise MissingDataError(
            "the kernel has no BTF (/sys/kernel/btf/vmlinux: CONFIG_DEBUG_INFO_BTF=n), which tells "
            "where its memory is",
            "use another source",
        )
    kind = Platform(sys.byteorder, 8, platform.machine())
    reader = _open_reader(running)
    try:
        survey = Survey(
            reader,
            symbols.find,
            Btf.from_bytes(blob, name="vmlinux", check=False),
            machine=kind.machine,
            page_size=mmap.PAGESIZE,
            note_at=_vmcoreinfo_note(running),
        )
        memory = GuardedMemory(reader, survey)
        return BpfTarget(memory, kind, survey.info, running, vmlinux)
    except BaseException:
        reader.close()
        raise


def _require_capabilities(running: RunningKernel) -> None:
    """Raise `TargetError` where bpf(2) will be refused; CAP_SYSLOG alone may not be needed."""
    missing = privileges.missing(running.root / "proc/self/status")
    if set(missing) - {"CAP_SYSLOG"}:
        raise _not_permitted(missing)


def _not_permitted(missing: list[str]) -> TargetError:
    return TargetError(f"bpf(2) is not permitted: {', '.join(missing)} missing; {_GRANT}")


def _require_accepted_memory(running: RunningKernel) -> None:
    """Raise `TargetError` where a touch of RAM may end the guest (drivers/firmware/efi)."""
    try:
        lines = (running.root / "proc/meminfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        key, _, amount = line.partition(":")
        if key == "Unaccepted" and amount.split()[:1] != ["0"]:
            raise TargetError(
                f"this confidential guest has not accepted {amount.strip()} of its memory yet, and "
                "reading there would end it; use another source, or accept_memory=eager"
            )


def _symbols(running: RunningKernel, vmlinux: str | os.PathLike[str] | None) -> SymbolSource:
    """Return symbols of variables: kallsyms', or the vmlinux file's where that has none."""
    table = running.kallsyms()
    if table.find("init_task") is not None:
        return table
    if vmlinux is None:
        raise MissingDataError(
            "/proc/kallsyms lists functions only (CONFIG_KALLSYMS_ALL=n)",
            "give the symbols with --vmlinux FILE",
        )
    from btfdump._targets.elf import ElfSymbols

    symbols = ElfSymbols(vmlinux)
    symbols.relocate({"SYMBOL(_stext)": f"{table.find('_stext') or 0:x}"})
    return symbols


def _vmcoreinfo_note(running: RunningKernel) -> tuple[int, int] | None:
    """Return the physical (address, size) of VMCOREINFO, None where the kernel does not tell."""
    try:
        address, size = (running.root / "sys/kernel/vmcoreinfo").read_text("ascii").split()
        return int(address, 16), int(size, 16)
    except (OSError, ValueError):
        return None


def _open_reader(running: RunningKernel) -> BpfReader:
    """Make a reader and try it; raises `TargetError` saying why it cannot be had."""
    try:
        reader = BpfReader(SystemBpf())
        try:
            reader.try_run()
        except BaseException:
            reader.close()
            raise
    except BpfError as error:
        raise refusal(error, running) from None
    return reader


def refusal(error: BpfError, running: RunningKernel) -> TargetError:
    """Say why the kernel refuses, and what to do."""
    if error.errno == errno.ENOSYS:
        return MissingDataError("the kernel has no bpf(2) (CONFIG_BPF_SYSCALL=n)", _OTHERWISE)
    if error.errno == _ENOTSUPP:
        return MissingDataError(
            "the kernel cannot run raw tracepoint programs by itself (BPF_PROG_TEST_RUN)",
            "it takes Linux 5.10 or newer; use another source",
        )
    if running.lockdown == "confidentiality":
        return TargetError(
            "bpf(2): the kernel is locked down (confidentiality) and lets nobody read its memory; "
            "boot without lockdown=confidentiality, or take a vmcore"
        )
    if error.errno == errno.EPERM and error.command == MAP_CREATE:
        return TargetError(
            "bpf(2) is not permitted: kernels before 5.11 count maps as locked memory; allow this "
            "process 4 MiB of it (ulimit -l 4096), or run as root"
        )
    if error.errno == errno.EPERM:
        return TargetError(
            "bpf(2) is not permitted, with all capabilities: in a user namespace, or forbidden by "
            f"seccomp or a security module ({error.strerror}); run on the host, outside of the "
            "container"
        )
    said = f"; the verifier said: {error.log.strip().splitlines()[-1]}" if error.log.strip() else ""
    if "bpf_probe_read_kernel" in error.log or "unknown func" in error.log:
        said += " (locked down? see /sys/kernel/security/lockdown)"
    return TargetError(f"bpf(2): {error.strerror}{said}; {_OTHERWISE}")
