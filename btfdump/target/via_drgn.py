"""Kernel memory through drgn: vmcores, ELF and kdump-compressed, without debuginfo.

The only place that uses drgn. What drgn 0.3 does not do is done here: deciding the platform of any
file from its headers, finding a lost VMCOREINFO, and faulting where it would return zeros or the
wrong memory.
"""

from __future__ import annotations

import importlib
import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import drgn

from btfdump.errors import FaultError, MissingDataError, TargetError
from btfdump.target import FILTERED, UNMAPPED, Platform, dumpfile, percpu, vmcoreinfo
from btfdump.target.kernel_symbols import KernelSymbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from btfdump.target import UncheckedRead
    from btfdump.target.dumpfile import CoreFile

# A read larger than this is a corrupt length, not an object: the biggest honest ones are BTF and
# hash tables.
MAX_READ = 1 << 28
_PGTABLE_READER = "DRGN_PREFER_PGTABLE_READER"
_ARCHITECTURES = {
    "x86_64": drgn.Architecture.X86_64,
    "i386": drgn.Architecture.I386,
    "aarch64": drgn.Architecture.AARCH64,
    "arm": drgn.Architecture.ARM,
    "ppc64": drgn.Architecture.PPC64,
    "ppc64le": drgn.Architecture.PPC64,
    "riscv64": drgn.Architecture.RISCV64,
    "s390x": drgn.Architecture.S390X,
}
# The kernels of these live in the upper half of the address space; the lower half is user memory.
_UPPER_HALF = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "riscv64", "loongarch64"})
_HALF = 1 << 63
# s390x: what three and four levels of page tables map (arch/s390/include/asm/pgtable.h,
# _REGION2_SIZE, _REGION1_SIZE).
_S390X_LIMITS = (1 << 42, 1 << 53)
# What drgn raises for a read that fails, beside its FaultError: bad ints, and page tables it cannot
# walk.
_READ_ERRORS = (
    drgn.FaultError,
    drgn.BadDataError,
    drgn.OutOfBoundsError,
    OverflowError,
    ValueError,
    LookupError,
    OSError,
    NotImplementedError,
    MemoryError,
)
_PPC64 = frozenset({"ppc64", "ppc64le"})
_PPC64_DIRECT_MAP = 0xC << 60
_PPC64_TABLE_REACH = 1 << 52
_MMU_FTR_TYPE_RADIX = 0x40
# An address that no ppc64 kernel uses.
_PPC64_CPU_SPEC = 0xE << 60
# What drgn and libkdumpfile want to know before they read physical memory; any values will do.
_PHYSICAL_ONLY = b"""\
OSRELEASE=6.1.0
PAGESIZE=
SYMBOL(swapper_pg_dir)=ffffffff82000000
SYMBOL(_stext)=ffffffff81000000
NUMBER(VA_BITS)=48
NUMBER(kimage_voffset)=0
NUMBER(PHYS_OFFSET)=0
"""
_BLOCK_CACHE = 256
_DUMP_AGAIN = "dump again with it (QEMU: -device vmcoreinfo, and qemu_fw_cfg in the guest)"
_KINDS = {
    "elf": "ELF",
    "kdump": "kdump-compressed",
    "flattened": "kdump-compressed, flattened",
}


def open_core(
    path: str | os.PathLike[str], *, vmlinux: str | os.PathLike[str] | None = None
) -> DrgnTarget:
    """Open the vmcore at `path`; `vmlinux` supplies symbols and BTF where the dump lacks them.

    Raises `TargetError` if the file is no vmcore that drgn can open and `MissingDataError` if it
    has no VMCOREINFO. Symbols, per-CPU offsets and BTF are read when asked for, and say then what
    is missing.
    """
    core = dumpfile.sniff(path)
    if core.user_process:
        raise TargetError(f"{core.path}: is the core dump of a user process; {dumpfile.EXPECTED}")
    prog, core = _open_elf(core) if core.format == "elf" else _open_kdump(core)
    info = _vmcoreinfo(prog)
    if core.machine == "s390x":
        _fault_beyond_s390x_tables(prog, info)
    return DrgnTarget(prog, core, info, vmlinux)


class DrgnTarget:
    """One kernel, read through a drgn `Program`: implements `btfdump.target.Target`."""

    def __init__(
        self,
        prog: drgn.Program,
        core: CoreFile,
        info: Mapping[str, str],
        vmlinux: str | os.PathLike[str] | None = None,
    ) -> None:
        self._prog: drgn.Program | None = prog
        self._read: Callable[[int, int], bytes] = prog.read
        self._core = core
        self.vmcoreinfo = info
        self.platform = _describe_platform(prog, core)
        self.page_size = vmcoreinfo.page_size(info)
        self.symbols = KernelSymbols(self.read, info, self.platform, vmlinux)
        self._per_cpu_offsets: tuple[int, ...] | None = None

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` naming the first byte that cannot be read and why; no int raises
        anything else. More than `MAX_READ` bytes at once are refused.
        """
        if 0 < size <= MAX_READ:
            try:
                return self._read(address, size)
            except _READ_ERRORS as error:
                raise self._fault(address, size, error) from None
        if size == 0:
            return b""
        reason = "negative size" if size < 0 else f"more than {MAX_READ} bytes at once"
        raise FaultError(address, size, reason)

    def unchecked_read(self) -> UncheckedRead:
        """Return drgn's own read, and what it raises: see `btfdump.target.UncheckedMemory`."""
        return self._read, _READ_ERRORS

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
            except _READ_ERRORS as first:
                error = first
                break
            at = (at // page + 1) * page
        return FaultError(at, end - at, self._reason(str(error)))

    def _reason(self, text: str) -> str:
        if FILTERED in text or "Excluded page" in text or "could not find physical" in text:
            return FILTERED
        if UNMAPPED in text or "not present" in text or "No way to translate" in text:
            return UNMAPPED
        if "short read" in text or self._core.truncated:
            return "the dump file is truncated"
        if "Decompres" in text or "page data" in text:  # the first is libkdumpfile's spelling
            return "the dump file is truncated or damaged"
        return text.partition("\n")[0] or "not readable"

    def symbol(self, name: str) -> int:
        """Return the address of the vmlinux symbol `name`; raises `SymbolNotFoundError`."""
        return self.symbols.symbol(name)

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, None otherwise."""
        return self.symbols.symbolize(address)

    def btf_bytes(self) -> bytes:
        """Return the raw vmlinux BTF; raises `MissingDataError` saying why there is none."""
        return self.symbols.btf()

    @property
    def per_cpu_offsets(self) -> tuple[int, ...]:
        """Offset of each possible CPU's area, by CPU number (`__per_cpu_offset[]`); (0,) on UP.

        Sums with it wrap at the pointer size. Raises what `percpu.read_offsets` raises.
        """
        if self._per_cpu_offsets is None:
            self._per_cpu_offsets = percpu.read_offsets(self.read, self.symbols, self.platform)
        return self._per_cpu_offsets

    @property
    def release(self) -> str:
        """Kernel release as in `uname -r`, from VMCOREINFO."""
        return self.vmcoreinfo.get("OSRELEASE", "")

    @property
    def description(self) -> str:
        """What this is, for a heading: "vmcore (kdump-compressed)"."""
        if self._prog is not None and drgn.ProgramFlags.IS_LIVE in self._prog.flags:
            return "live kernel"
        return (
            f"vmcore ({_KINDS[self._core.format]}{', truncated' if self._core.truncated else ''})"
        )

    def close(self) -> None:
        """Release the dump: every read faults from now on."""
        self._prog = None
        self._read = _read_closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _read_closed(address: int, size: int) -> bytes:
    raise ValueError("the target is closed")


def _vmcoreinfo(prog: drgn.Program) -> dict[str, str]:
    return vmcoreinfo.parse(prog["VMCOREINFO"].string_())


def _describe_platform(prog: drgn.Program, core: CoreFile) -> Platform:
    platform = prog.platform
    if platform is None:
        return Platform(core.byteorder, core.pointer_size, core.machine)
    little = drgn.PlatformFlags.IS_LITTLE_ENDIAN in platform.flags
    is_64 = drgn.PlatformFlags.IS_64_BIT in platform.flags
    machine = core.machine or platform.arch.name.lower()
    return Platform("little" if little else "big", 8 if is_64 else 4, machine)


# Opening


def _open_kdump(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    """Open a kdump-compressed dump, flattened or not."""
    if core.truncated:  # libkdumpfile maps the file: a page beyond its end kills the process
        raise TargetError(
            f"{core.path}: is truncated: its pages end at byte {core.whole_size}; copy it again, "
            f"or fill a copy up with zeros to read the rest: truncate -s {core.whole_size} COPY"
        )
    page_size = vmcoreinfo.page_size(vmcoreinfo.parse(core.vmcoreinfo))
    if core.block_count and (not core.vmcoreinfo or core.block_size != page_size):
        return _open_blocks(core)
    if not core.machine:
        try:
            return _set_core_dump(drgn.Program(), core), core
        except MissingDataError:
            raise
        except TargetError as error:
            raise TargetError(
                f"{core.path}: neither its header nor its VMCOREINFO tells the architecture; "
                f"expected a machine name in the header; write it again with makedumpfile ({error})"
            ) from None
    prog = _set_core_dump(drgn.Program(_platform(core)), core)
    if core.machine == "s390x" and not _translates(prog):
        # libkdumpfile cannot translate the addresses of s390x kernels since 6.10; drgn's own page
        # table walk can, and is chosen by this variable when the dump is opened.
        with _environment(_PGTABLE_READER, "1"), suppress(TargetError):
            other = _set_core_dump(drgn.Program(_platform(core)), core)
            if _translates(other):
                return other, core
        raise TargetError(
            f"{core.path}: libkdumpfile cannot translate the addresses of this s390x kernel; "
            f"set {_PGTABLE_READER}=1 in the environment, or convert the dump: makedumpfile -E"
        )
    return prog, core


def _open_blocks(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    """Open a kdump-compressed dump that libkdumpfile can read, but whose addresses it cannot walk.

    QEMU writes such dumps: without VMCOREINFO if it was started without `-device vmcoreinfo`, and
    with blocks larger than the guest's pages on AArch64, which libkdumpfile takes for the pages.
    Here it reads physical memory, and drgn walks the page tables.
    """
    from btfdump.target.lostinfo import find_vmcoreinfo_in_blocks

    size = core.block_size
    read = _block_reader(core)

    def block(address: int) -> bytes:
        try:
            return read(address, size)
        except _READ_ERRORS:
            return b""

    seen = "none in its memory"
    found = find_vmcoreinfo_in_blocks(block, size, core.block_count)
    for raw in (core.vmcoreinfo,) if core.vmcoreinfo else found:
        info = vmcoreinfo.parse(raw)
        kernel = replace(core, machine=core.machine or vmcoreinfo.guess_machine(info, "big"))
        for one in _byte_orders(kernel):
            prog = _program(one, raw)
            with _OpenErrors(core), _without_plugins():
                prog.set_linux_kernel_custom(raw, False)

            def physical(address: int, count: int, offset: int, is_physical: bool) -> bytes:
                return read(address, count)

            end = size * core.block_count
            prog.add_memory_segment(0, end, physical, True)
            if one.machine in _UPPER_HALF:
                prog.add_memory_segment(0, _HALF, _unmapped, False)
            if one.machine in _PPC64:
                _map_ppc64(prog, one, [(0, end, lambda at, n, off, _: read(off, n))], info)
            if _is_right_kernel(prog, info, one):
                return prog, one
        seen = "what its memory holds does not fit"
    if core.vmcoreinfo:
        raise TargetError(
            f"{core.path}: its VMCOREINFO does not fit its memory, in blocks of {size} bytes; "
            "expected a whole vmcore; dump again in ELF format (QEMU: without format=kdump-...)"
        )
    raise MissingDataError(f"{core.path}: no VMCOREINFO in the dump, and {seen}", _DUMP_AGAIN)


def _block_reader(core: CoreFile) -> Callable[[int, int], bytes]:
    """Return a function (physical address, size) -> bytes that reads through libkdumpfile.

    That has to be told a VMCOREINFO, of which only PAGESIZE matters here: what the file counts in.
    """
    info = _PHYSICAL_ONLY.replace(b"PAGESIZE=", b"PAGESIZE=%d" % core.block_size)
    fallback = "x86_64" if core.byteorder == "little" else "ppc64"
    any_machine = replace(core, machine=core.machine or fallback)
    prog = _set_core_dump(_program(any_machine, info), core)
    size = core.block_size
    block = lru_cache(_BLOCK_CACHE)(lambda address: prog.read(address, size, True))

    def read(address: int, count: int) -> bytes:
        start = address // size * size
        data = b"".join(block(at) for at in range(start, address + count, size))
        return data[address - start : address - start + count]

    return read


def _open_elf(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    prog = drgn.Program(_platform(core))
    try:
        _set_core_dump(prog, core)
    except TargetError as error:
        if "QEMU memory dump" not in str(error):  # what drgn says without a VMCOREINFO note
            raise
    if drgn.ProgramFlags.IS_LINUX_KERNEL not in prog.flags:
        prog, core = _open_without_note(core)
    elif core.machine in _PPC64:
        _map_ppc64(prog, core, (), _vmcoreinfo(prog))
    _fault_on_excluded(prog, core)
    return prog, core


def _open_without_note(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    """Open an ELF dump without VMCOREINFO note with the VMCOREINFO found in its memory."""
    from btfdump.target.lostinfo import find_vmcoreinfo

    seen = "no VMCOREINFO note, and none in its memory"
    for raw in find_vmcoreinfo(core):
        info = vmcoreinfo.parse(raw)
        for one in _byte_orders(core):
            prog = _set_core_dump(_program(one, raw), one)
            _add_physical_segments(prog, one)
            if one.machine in _PPC64:
                pieces = [(part.paddr, part.filesz, one.reader(part)) for part in one.segments]
                _map_ppc64(prog, one, pieces, info)
            if _is_right_kernel(prog, info, one):
                return prog, one
        seen = "no VMCOREINFO note, and what its memory holds does not fit"
    cut = " (the file is truncated)" if core.truncated else ""
    raise MissingDataError(f"{core.path}: {seen}{cut}", _DUMP_AGAIN)


def _byte_orders(core: CoreFile) -> Iterator[CoreFile]:
    """Yield `core` as its header has it, then as it may be instead.

    QEMU writes big-endian headers for little-endian ppc64 guests.
    """
    yield core
    if core.machine == "ppc64":
        yield replace(core, machine="ppc64le", byteorder="little")


def _platform(core: CoreFile) -> drgn.Platform:
    architecture = _ARCHITECTURES.get(core.machine)
    if architecture is None:
        raise TargetError(
            f"{core.path}: is of {core.machine or 'an unknown architecture'}; "
            f"expected one that drgn can read: {', '.join(_ARCHITECTURES)}"
        )
    flags = drgn.PlatformFlags(0)
    if core.pointer_size == 8:
        flags |= drgn.PlatformFlags.IS_64_BIT
    if core.byteorder == "little":
        flags |= drgn.PlatformFlags.IS_LITTLE_ENDIAN
    return drgn.Platform(architecture, flags)


def _program(core: CoreFile, raw: bytes) -> drgn.Program:
    """Make a program that knows this VMCOREINFO; raises `TargetError` if drgn finds it wanting."""
    with _OpenErrors(core):
        return drgn.Program(_platform(core), vmcoreinfo=raw)


def _set_core_dump(prog: drgn.Program, core: CoreFile) -> drgn.Program:
    """Let drgn open the file; raises `TargetError` for whatever it does not like."""
    with _OpenErrors(core), _without_plugins(), _without_flattened_warning():
        prog.set_core_dump(core.path)
    return prog


class _OpenErrors:
    """Turns what drgn raises on opening a dump into `TargetError`.

    drgn raises plain `Exception` for what libkdumpfile reports, and Python's own errors otherwise.
    """

    def __init__(self, core: CoreFile) -> None:
        self._core = core

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is Exception or isinstance(exc, _READ_ERRORS):
            raise _open_error(self._core, str(exc).partition("\n")[0]) from None


def _open_error(core: CoreFile, text: str) -> TargetError:
    if "vmcoreinfo" in text.lower() and "QEMU" not in text:
        return MissingDataError(
            f"{core.path}: no VMCOREINFO in the dump ({text})",
            _DUMP_AGAIN,
        )
    if core.format == "flattened":
        remedy = f"rebuild it first: makedumpfile -R NEWFILE < {core.path}"
    else:
        remedy = "expected a whole vmcore; the file is damaged or truncated, copy it again"
    return TargetError(f"{core.path}: drgn cannot open it: {text}; {remedy}")


@contextmanager
def _without_plugins() -> Iterator[None]:
    """Keep drgn from searching the installed packages for plugins: 30 to 100 ms for nothing.

    DRGN_PLUGINS still loads what it names.
    """
    hooks = None
    if not os.environ.get("DRGN_PLUGINS"):
        with suppress(ImportError, AttributeError):
            hooks = importlib.import_module("_drgn_util.plugins")._hooks
    if hooks is None or "drgn_prog_set" in hooks:
        yield
        return
    hooks["drgn_prog_set"] = []
    try:
        yield
    finally:
        hooks.pop("drgn_prog_set", None)


@contextmanager
def _without_flattened_warning() -> Iterator[None]:
    """Keep drgn's advice about flattened files off stderr.

    The description and the errors say it.
    """

    def keep(record: logging.LogRecord) -> bool:
        return "flattened" not in record.getMessage()

    logger = logging.getLogger("drgn")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    old = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if old is None:
            del os.environ[name]
        else:
            os.environ[name] = old


def _translates(prog: drgn.Program) -> bool:
    """Tell whether kernel addresses can be translated.

    Whether the kernel's text or data faults for that.
    """
    info = _vmcoreinfo(prog)
    try:
        prog.read(vmcoreinfo.symbol(info, "init_uts_ns") or vmcoreinfo.symbol(info, "_stext"), 8)
    except drgn.FaultError as error:
        return "translate" not in str(error)
    return True


def _is_right_kernel(prog: drgn.Program, info: Mapping[str, str], core: CoreFile) -> bool:
    """Tell whether init_uts_ns, where this VMCOREINFO puts it, names the release that it names.

    For ppc64, whether it names the byte order too. Mirrors include/uapi/linux/utsname.h (struct
    new_utsname: sysname, nodename, release, version, machine).
    """
    names = vmcoreinfo.symbol(info, "init_uts_ns")
    offset = info.get("OFFSET(uts_namespace.name)", "")
    if not names or not offset.isdecimal():
        return True
    try:
        raw: bytes = prog.read(names + int(offset) + 2 * 65, 3 * 65)
    except _READ_ERRORS:
        return False
    if raw.partition(b"\0")[0] != info["OSRELEASE"].encode():
        return False
    return core.machine not in _PPC64 or raw[130:].partition(b"\0")[0] == core.machine.encode()


# Where drgn would read something else than the kernel's memory


def _fault_on_excluded(prog: drgn.Program, core: CoreFile) -> None:
    """Make drgn fault where an ELF dump has no data.

    makedumpfile -E marks excluded pages by p_filesz < p_memsz; drgn reads them as zeros. QEMU
    writes physical addresses as p_vaddr; with them small integers would be readable pointers.
    """
    unknown = (1 << 8 * core.pointer_size) - 1
    for segment in core.segments:
        tail = segment.memsz - segment.filesz
        if tail > 0:
            prog.add_memory_segment(segment.vaddr + segment.filesz, tail, _excluded, False)
            if segment.paddr != unknown:
                prog.add_memory_segment(segment.paddr + segment.filesz, tail, _excluded, True)
    if core.machine in _UPPER_HALF and any(segment.vaddr < _HALF for segment in core.segments):
        prog.add_memory_segment(0, _HALF, _unmapped, False)


def _fault_beyond_s390x_tables(prog: drgn.Program, info: Mapping[str, str]) -> None:
    """Make drgn fault above what the page tables map.

    It ignores the address bits beyond their levels.
    """
    known = [vmcoreinfo.symbol(info, "_stext"), vmcoreinfo.symbol(info, "vmemmap")]
    start = info.get("NUMBER(VMALLOC_START)", "")
    if start.startswith("0x"):
        known.append(vmcoreinfo.parse_hex(start))
    limit = next((limit for limit in _S390X_LIMITS if max(known) < limit), None)
    if limit is not None:
        prog.add_memory_segment(limit, (1 << 64) - limit, _unmapped, False)


def _map_ppc64(
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
    except _READ_ERRORS:
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
    prog.add_memory_segment(_HALF, _PPC64_DIRECT_MAP - _HALF, _unmapped, False)
    end = _PPC64_DIRECT_MAP + _PPC64_TABLE_REACH
    prog.add_memory_segment(end, (1 << 64) - end, _unmapped, False)
    prog.add_memory_segment(_PPC64_CPU_SPEC, 8, read_features, False)


def _excluded(address: int, count: int, offset: int, physical: bool) -> bytes:
    raise drgn.FaultError(FILTERED, address)


def _unmapped(address: int, count: int, offset: int, physical: bool) -> bytes:
    raise drgn.FaultError(UNMAPPED, address)


def _add_physical_segments(prog: drgn.Program, core: CoreFile) -> None:
    """Register physical memory where drgn takes p_paddr 0 for "unknown".

    No note, one PT_LOAD at 0.
    """
    if any(segment.paddr for segment in core.segments):
        return
    for segment in core.segments:
        prog.add_memory_segment(segment.paddr, segment.filesz, core.reader(segment), True)
