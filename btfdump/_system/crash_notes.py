"""Registers that CPUs saved in memory when the kernel crashed (kernel/crash_core.c)."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from btfdump._kernel.variables import find_global
from btfdump.errors import MissingDataError

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
    """Return the registers of a CPU as a `struct pt_regs`, from its note in `crash_notes`.

    Raises `MissingDataError` if it saved none, and what reading them raises.
    """
    platform = kernel.target.platform
    notes = find_global(kernel, "crash_notes")
    address = kernel.wrap(int(notes) + kernel.target.per_cpu_offsets[cpu])
    size = kernel.struct("pt_regs").size
    mark = "<" if platform.byteorder == "little" else ">"
    name_size, desc_size, kind = unpack_from(f"{mark}3I", kernel.target.read(address, _HEADER))
    start = _HEADER + -(-name_size // 4) * 4
    if kind != _NT_PRSTATUS or not _REGISTERS < desc_size <= _MOST or start > _MOST:
        raise MissingDataError(
            f"CPU {cpu} has saved no registers in crash_notes",
            "read a dump that the crashed kernel's successor made, or one of QEMU",
        )
    saved = kernel.target.read(address + start + _REGISTERS, desc_size - _REGISTERS)
    if platform.machine in _AS_THEY_ARE:
        return saved[: min(_AS_THEY_ARE[platform.machine], size)].ljust(size, b"\0")
    if platform.machine == "s390x":  # a PSW and 16 registers, which stand elsewhere there
        layout = kernel.struct("pt_regs")
        registers = bytearray(size)
        psw, general = layout.offset("psw"), layout.offset("gprs")
        registers[psw : psw + 16] = saved[:16]
        registers[general : general + 128] = saved[16:144]
        return bytes(registers)
    raise MissingDataError(
        f"what registers of {platform.machine} look like in notes is not known",
        "x86-64, arm64 and s390x are",
    )
