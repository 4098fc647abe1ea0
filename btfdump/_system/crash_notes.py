"""Registers of CPUs as they were when the kernel stopped: in notes, the dump's or the kernel's own.

A kernel that crashes writes them into memory (kernel/crash_core.c: crash_save_cpu()).
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._system.cpus import cpus_in
from btfdump._targets.base import cpu_statuses_of
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context

_NT_PRSTATUS = 1
_HEADER = 12
"""Bytes of a `struct elf64_note`."""
_REGISTERS = 112
"""Offset of `pr_reg` in a `struct elf_prstatus` of 64 bits (include/linux/elfcore.h)."""
_AS_THEY_ARE = {"x86_64": 168, "aarch64": 272}
"""Bytes of an elf_gregset_t that are also the first of a `struct pt_regs`."""
_MOST = 2048


def saved_registers(kernel: Context, cpu: int) -> bytes:
    """Return the registers that a CPU had, as a `struct pt_regs`.

    They are in a note of the dump's own, or in the kernel's `crash_notes`. Raises
    `MissingDataError` if it saved none, and what reading them raises.
    """
    status = _in_dump(kernel, cpu) or _in_memory(kernel, cpu)
    return _as_pt_regs(kernel, status[_REGISTERS:])


def _in_dump(kernel: Context, cpu: int) -> bytes | None:
    """Return a CPU's `struct elf_prstatus` from the dump's notes; None if there is none of it.

    Those are of all CPUs, or of those that are online, in order.
    """
    statuses = cpu_statuses_of(kernel.target)
    if len(statuses) != len(kernel.target.per_cpu_offsets):
        try:
            online = cpus_in(value_at(kernel, "struct cpumask", "__cpu_online_mask"))
        except BtfdumpError:
            return None
        if len(statuses) != len(online) or cpu not in online:
            return None
        cpu = online.index(cpu)
    status = statuses[cpu] if cpu < len(statuses) else b""
    return status if len(status) > _REGISTERS else None


def _in_memory(kernel: Context, cpu: int) -> bytes:
    """Return a CPU's `struct elf_prstatus` from `crash_notes`."""
    platform = kernel.target.platform
    notes = find_global(kernel, "crash_notes")
    address = kernel.wrap(int(notes) + kernel.target.per_cpu_offsets[cpu])
    mark = "<" if platform.byteorder == "little" else ">"
    name_size, size, kind = unpack_from(f"{mark}3I", kernel.target.read(address, _HEADER))
    start = _HEADER + -(-name_size // 4) * 4
    if kind != _NT_PRSTATUS or not _REGISTERS < size <= _MOST or start > _MOST:
        raise MissingDataError(
            f"CPU {cpu} has saved no registers in crash_notes",
            "read a dump that the crashed kernel's successor made, or one of QEMU",
        )
    return kernel.target.read(address + start, size)


def _as_pt_regs(kernel: Context, saved: bytes) -> bytes:
    """Return registers as the kernel stores them on stacks, of those in a note."""
    machine, layout = kernel.target.platform.machine, kernel.struct("pt_regs")
    size = layout.size
    if machine in _AS_THEY_ARE:
        return saved[: min(_AS_THEY_ARE[machine], size)].ljust(size, b"\0")
    if machine == "s390x":  # a PSW and 16 registers, which stand elsewhere there
        registers = bytearray(size)
        psw, general = layout.offset("psw"), layout.offset("gprs")
        saved = saved[:144].ljust(144, b"\0")
        registers[psw : psw + 16] = saved[:16]
        registers[general : general + 128] = saved[16:]
        return bytes(registers)
    raise MissingDataError(
        f"what registers of {machine} look like in notes is not known",
        "x86-64, arm64 and s390x are",
    )
