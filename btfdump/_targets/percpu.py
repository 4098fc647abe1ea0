"""Where each CPU keeps its copy of the per-CPU variables.

Mirrors include/asm-generic/percpu.h (__per_cpu_offset) and kernel/cpu.c (nr_cpu_ids,
__cpu_possible_mask).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from btfdump.errors import CorruptDataError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._targets.memory import Platform
    from btfdump._targets.symbols import SymbolFinder

# CONFIG_NR_CPUS goes up to 8192.
_MAX_CPUS = 1 << 16


def read_offsets(
    read: Callable[[int, int], bytes], symbols: SymbolFinder, platform: Platform
) -> tuple[int, ...]:
    """Return `__per_cpu_offset[]` for every possible CPU; (0,) for a kernel without SMP.

    Raises `MissingDataError` if the symbol table does not list variables, `FaultError` if the array
    cannot be read and `CorruptDataError` if the number of CPUs is absurd.
    """
    array = symbols.find("__per_cpu_offset")
    if array is None:
        if symbols.find("init_task") is None:
            raise MissingDataError(
                "the kernel's symbol table has functions only (CONFIG_KALLSYMS_ALL=n), "
                "so __per_cpu_offset is unknown",
                "give the symbols with --vmlinux FILE",
            )
        return (0,)
    word = platform.pointer_size
    count = _count(read, symbols, platform)
    room = symbols.extent("__per_cpu_offset") // word
    if not 0 < count <= _MAX_CPUS or (room and count > room):
        raise CorruptDataError(f"the kernel claims {count} possible CPUs", array)
    order = "<" if platform.byteorder == "little" else ">"
    return struct.unpack(f"{order}{count}{'Q' if word == 8 else 'I'}", read(array, count * word))


def _count(read: Callable[[int, int], bytes], symbols: SymbolFinder, platform: Platform) -> int:
    """Return the number of possible CPUs: nr_cpu_ids, or the highest bit of the possible mask."""
    address = symbols.find("nr_cpu_ids")
    if address is not None:
        return int.from_bytes(read(address, 4), platform.byteorder)  # unsigned int
    # CONFIG_FORCE_NR_CPUS makes nr_cpu_ids a constant (6.1, 6f9c07be9d02).
    address = symbols.find("__cpu_possible_mask")
    if address is None:
        return 1
    word = platform.pointer_size
    size = min(symbols.extent("__cpu_possible_mask") or word, _MAX_CPUS // 8) // word * word
    mask = read(address, size)
    longs = [
        int.from_bytes(mask[at : at + word], platform.byteorder) for at in range(0, size, word)
    ]
    return max(
        (at * word * 8 + value.bit_length() for at, value in enumerate(longs) if value), default=1
    )
