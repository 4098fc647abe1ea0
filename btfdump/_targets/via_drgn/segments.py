"""Corrections where drgn would read something other than the kernel's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn

from btfdump._targets import vmcoreinfo
from btfdump._targets.memory import FILTERED, UNMAPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from btfdump._targets.dumpfile import CoreFile

# What drgn raises for a read that fails, beside its FaultError: bad ints, and page tables it cannot
# walk.
READ_ERRORS: tuple[type[Exception], ...] = (
    drgn.FaultError,
    *((drgn.BadDataError,) if hasattr(drgn, "BadDataError") else ()),  # since 0.3
    drgn.OutOfBoundsError,
    OverflowError,
    ValueError,
    LookupError,
    OSError,
    NotImplementedError,
    MemoryError,
)
# The kernels of these live in the upper half of the address space; the lower half is user memory.
UPPER_HALF = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "riscv64", "loongarch64"})
HALF = 1 << 63
# s390x: what three and four levels of page tables map (arch/s390/include/asm/pgtable.h,
# _REGION2_SIZE, _REGION1_SIZE).
_S390X_LIMITS = (1 << 42, 1 << 53)
PPC64 = frozenset({"ppc64", "ppc64le"})
_PPC64_DIRECT_MAP = 0xC << 60
_PPC64_TABLE_REACH = 1 << 52
_MMU_FTR_TYPE_RADIX = 0x40
# An address that no ppc64 kernel uses.
_PPC64_CPU_SPEC = 0xE << 60


def fault_on_excluded(prog: drgn.Program, core: CoreFile) -> None:
    """Make drgn fault where an ELF dump has no data.

    makedumpfile -E marks excluded pages by p_filesz < p_memsz, and drgn reads them as zeros. QEMU
    writes physical addresses as p_vaddr; with these, small integers would be readable pointers.
    """
    unknown = (1 << 8 * core.pointer_size) - 1
    virtual = [(part.vaddr, part.filesz, part.memsz) for part in core.segments]
    physical = [(p.paddr, p.filesz, p.memsz) for p in core.segments if p.paddr != unknown]
    for segments, is_physical in ((virtual, False), (physical, True)):
        for start, end in _without_data(segments):
            prog.add_memory_segment(start, end - start, excluded, is_physical)
    if core.machine in UPPER_HALF and any(segment.vaddr < HALF for segment in core.segments):
        prog.add_memory_segment(0, HALF, unmapped, False)


def _without_data(segments: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the ranges of which segments (address, filesz, memsz) have no data.

    What one of them has is not hidden by another one that claims the same memory without data.
    """
    empty = _union((at + filesz, at + memsz) for at, filesz, memsz in segments)
    full = _union((at, at + filesz) for at, filesz, _ in segments)
    at = 0
    for start, end in empty:
        while at < len(full) and full[at][1] <= start:
            at += 1
        inside = at
        while inside < len(full) and full[inside][0] < end:
            if start < full[inside][0]:
                yield start, full[inside][0]
            start = full[inside][1]
            inside += 1
        if start < end:
            yield start, end
        at = max(at, inside - 1)


def _union(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what ranges (start, end) cover, in order and apart from each other."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif start < end:
            found.append((start, end))
    return found


def fault_beyond_s390x_tables(prog: drgn.Program, info: Mapping[str, str]) -> None:
    """Make drgn fault above what the page tables map.

    drgn ignores the address bits above the top level of the tables.
    """
    known = [vmcoreinfo.symbol(info, "_stext"), vmcoreinfo.symbol(info, "vmemmap")]
    start = info.get("NUMBER(VMALLOC_START)", "")
    if start.startswith("0x"):
        known.append(vmcoreinfo.parse_hex(start))
    limit = next((limit for limit in _S390X_LIMITS if max(known) < limit), None)
    if limit is not None:
        prog.add_memory_segment(limit, (1 << 64) - limit, unmapped, False)


def map_ppc64(
    prog: drgn.Program,
    core: CoreFile,
    memory: Iterable[tuple[int, int, Callable[[int, int, int, bool], bytes]]],
    info: Mapping[str, str],
) -> None:
    """Let drgn translate the addresses of a ppc64 kernel (book3s64) without debuginfo.

    The direct map, which holds the image, comes from `memory`: (physical address, size, reader).
    drgn asks the variable cur_cpu_spec whether there are page tables for the rest: not with a hash
    MMU. Mirrors arch/powerpc/include/asm/book3s/64/radix.h and cputable.h (struct cpu_spec).
    """
    for start, size, read in memory:
        prog.add_memory_segment(_PPC64_DIRECT_MAP + start, size, read, False)
    try:
        # The first entry maps the direct map; entries are big-endian on little-endian kernels too.
        first: bytes = prog.read(vmcoreinfo.symbol(info, "swapper_pg_dir"), 8)
    except READ_ERRORS:
        first = bytes(8)
    features = (_MMU_FTR_TYPE_RADIX if first[0] & 0x80 else 0).to_bytes(8, core.byteorder)
    word = prog.int_type("unsigned long", 8, False)
    cpu_spec = prog.struct_type("cpu_spec", 8, (drgn.TypeMember(word, "mmu_features"),))

    def find(
        prog: drgn.Program, name: str, flags: drgn.FindObjectFlags, filename: str | None
    ) -> drgn.Object | None:
        if name != "cur_cpu_spec":
            return None
        return drgn.Object(prog, prog.pointer_type(cpu_spec), value=_PPC64_CPU_SPEC)

    def read_features(address: int, count: int, offset: int, physical: bool) -> bytes:
        return features[offset : offset + count]

    prog.register_object_finder("btfdump", find, enable_index=0)
    # drgn ignores the address bits above the tables.
    prog.add_memory_segment(HALF, _PPC64_DIRECT_MAP - HALF, unmapped, False)
    end = _PPC64_DIRECT_MAP + _PPC64_TABLE_REACH
    prog.add_memory_segment(end, (1 << 64) - end, unmapped, False)
    prog.add_memory_segment(_PPC64_CPU_SPEC, 8, read_features, False)


def excluded(address: int, count: int, offset: int, physical: bool) -> bytes:
    """Fault: the dump leaves this out."""
    raise drgn.FaultError(FILTERED, address)


def unmapped(address: int, count: int, offset: int, physical: bool) -> bytes:
    """Fault: the kernel has nothing here."""
    raise drgn.FaultError(UNMAPPED, address)


def add_physical_segments(prog: drgn.Program, core: CoreFile) -> None:
    """Register physical memory where drgn takes p_paddr 0 for "unknown".

    No note, one PT_LOAD at 0.
    """
    if any(segment.paddr for segment in core.segments):
        return
    for segment in core.segments:
        prog.add_memory_segment(segment.paddr, segment.filesz, core.reader(segment), True)
