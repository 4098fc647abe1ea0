"""Open a vmcore with drgn: which platform, which VMCOREINFO, and what to do if drgn gives up."""

from __future__ import annotations

import importlib
import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import drgn

from btfdump._files import open_file
from btfdump._targets import vmcoreinfo
from btfdump._targets.dumpfile import EXPECTED
from btfdump._targets.flattened import is_cut
from btfdump._targets.via_drgn.segments import (
    HALF,
    PPC64,
    READ_ERRORS,
    UPPER_HALF,
    add_physical_segments,
    fault_on_excluded,
    map_ppc64,
    unmapped,
)
from btfdump.errors import MissingDataError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from btfdump._targets.dumpfile import CoreFile

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
# Hypervisors write the two lines of which they know: OSRELEASE and PAGESIZE.
_INCOMPLETE = "an incomplete VMCOREINFO (no address of the kernel in it)"
_DUMP_AGAIN = "dump again with it (QEMU: -device vmcoreinfo, and qemu_fw_cfg in the guest)"


def read_vmcoreinfo(prog: drgn.Program) -> dict[str, str]:
    """Return the VMCOREINFO that drgn found or was given."""
    return vmcoreinfo.parse(prog["VMCOREINFO"].string_())


def open_kdump(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    """Open a kdump-compressed dump, flattened or not."""
    if core.truncated:  # libkdumpfile maps the file: a page beyond its end kills the process
        if not core.whole_size:
            raise TargetError(
                f"{core.path}: is cut inside its headers, and has none of the memory; "
                "expected a whole vmcore; copy it again"
            )
        raise TargetError(
            f"{core.path}: is truncated: its pages end at byte {core.whole_size}; copy it again, "
            f"or fill a copy up with zeros to read the rest: truncate -s {core.whole_size} COPY"
        )
    page_size = vmcoreinfo.page_size(vmcoreinfo.parse(core.vmcoreinfo))
    is_whole = vmcoreinfo.plausible(core.vmcoreinfo)
    if core.block_count and (not is_whole or core.block_size != page_size):
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
    """Open a kdump-compressed dump that libkdumpfile can read, but not translate addresses in.

    Hypervisors write such dumps, with the few lines of VMCOREINFO that they know. QEMU writes them
    without any if it was started without `-device vmcoreinfo`, and on AArch64 with blocks that are
    larger than the guest's pages, which libkdumpfile mistakes for the pages. Here libkdumpfile
    reads physical memory, and drgn walks the page tables.
    """
    from btfdump._targets.lostinfo import find_vmcoreinfo_in_blocks

    size = core.block_size
    read = _block_reader(core)

    def block(address: int) -> bytes:
        try:
            return read(address, size)
        except READ_ERRORS:
            return b""

    seen = "none in its memory"
    is_whole = vmcoreinfo.plausible(core.vmcoreinfo)
    found = find_vmcoreinfo_in_blocks(block, size, core.block_count)
    for raw in (core.vmcoreinfo,) if is_whole else found:
        info = vmcoreinfo.parse(raw)
        kernel = replace(core, machine=core.machine or vmcoreinfo.guess_machine(info, "big"))
        for one in _byte_orders(kernel):
            prog = _program(one, raw)
            with _OpenErrors(core), without_plugins():
                prog.set_linux_kernel_custom(raw, False)

            def physical(address: int, count: int, offset: int, is_physical: bool) -> bytes:
                return read(address, count)

            end = size * core.block_count
            prog.add_memory_segment(0, end, physical, True)
            if one.machine in UPPER_HALF:
                prog.add_memory_segment(0, HALF, unmapped, False)
            if one.machine in PPC64:
                map_ppc64(prog, one, [(0, end, lambda at, n, off, _: read(off, n))], info)
            if _is_right_kernel(prog, info, one):
                return prog, one
        seen = "what its memory holds does not fit"
    if is_whole:
        raise TargetError(
            f"{core.path}: its VMCOREINFO does not fit its memory, in blocks of {size} bytes; "
            "expected a whole vmcore; dump again in ELF format (QEMU: without format=kdump-...)"
        )
    what = _INCOMPLETE if core.vmcoreinfo else "no VMCOREINFO"
    raise MissingDataError(f"{core.path}: {what} in the dump, and {seen}", _DUMP_AGAIN)


def _block_reader(core: CoreFile) -> Callable[[int, int], bytes]:
    """Return a function (physical address, size) -> bytes that reads through libkdumpfile.

    libkdumpfile must be given a VMCOREINFO, of which only PAGESIZE matters here: the unit in which
    the file counts.
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


def open_elf(core: CoreFile) -> tuple[drgn.Program, CoreFile]:
    """Open an ELF dump, with a VMCOREINFO note, with a part of one, or without."""
    prog = drgn.Program(_platform(core))
    note = "no VMCOREINFO note"
    try:
        _set_core_dump(prog, core)
    except MissingDataError:  # drgn lacks a line that it needs
        note = _INCOMPLETE
    except TargetError as error:
        if "QEMU memory dump" not in str(error):  # what drgn says without a VMCOREINFO note
            raise
    is_known = drgn.ProgramFlags.IS_LINUX_KERNEL in prog.flags
    if not is_known or not vmcoreinfo.plausible(prog["VMCOREINFO"].string_()):
        try:
            prog, core = _open_without_note(core, note)
        except MissingDataError:
            if not is_known:
                raise
    elif core.machine in PPC64:
        map_ppc64(prog, core, (), read_vmcoreinfo(prog))
    fault_on_excluded(prog, core)
    return prog, core


def _open_without_note(core: CoreFile, note: str) -> tuple[drgn.Program, CoreFile]:
    """Open an ELF dump without a whole VMCOREINFO note with the VMCOREINFO found in its memory.

    `note` says for the error what there is of a note.
    """
    from btfdump._targets.lostinfo import find_vmcoreinfo

    seen = f"{note}, and none in its memory"
    for raw in find_vmcoreinfo(core):
        info = vmcoreinfo.parse(raw)
        for one in _byte_orders(core):
            prog = _set_core_dump(_program(one, raw), one)
            add_physical_segments(prog, one)
            if one.machine in PPC64:
                pieces = [(part.paddr, part.filesz, one.reader(part)) for part in one.segments]
                map_ppc64(prog, one, pieces, info)
            if _is_right_kernel(prog, info, one):
                return prog, one
        seen = f"{note}, and what its memory holds does not fit"
    if core.truncated:
        raise MissingDataError(f"{core.cut}: {seen}", "copy it again")
    raise MissingDataError(f"{core.path}: {seen}", _DUMP_AGAIN)


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
    with _OpenErrors(core), without_plugins(), _without_flattened_warning():
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
        if exc_type is Exception or isinstance(exc, READ_ERRORS):
            raise _open_error(self._core, str(exc).partition("\n")[0]) from None


def _open_error(core: CoreFile, text: str) -> TargetError:
    if "vmcoreinfo" in text.lower() and "QEMU" not in text:
        return MissingDataError(
            f"{core.path}: no VMCOREINFO in the dump ({text})",
            _DUMP_AGAIN,
        )
    if core.format == "flattened":
        with open_file(core.path, EXPECTED, devices=True) as file:
            if is_cut(file):
                size = core.path.stat().st_size
                return TargetError(
                    f"{core.path}: is truncated: it ends at byte {size}, before the record that "
                    "marks the end of a flattened dump; copy it again"
                )
        remedy = f"rebuild it first: makedumpfile -R NEWFILE < {core.path}"
    else:
        remedy = "expected a whole vmcore; the file is damaged or truncated, copy it again"
    return TargetError(f"{core.path}: drgn cannot open it: {text}; {remedy}")


@contextmanager
def without_plugins() -> Iterator[None]:
    """Keep drgn from searching the installed packages for plugins, which takes 30 to 100 ms.

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
    info = read_vmcoreinfo(prog)
    try:
        prog.read(vmcoreinfo.symbol(info, "init_uts_ns") or vmcoreinfo.symbol(info, "_stext"), 8)
    except drgn.FaultError as error:
        return "translate" not in str(error)
    return True


def _is_right_kernel(prog: drgn.Program, info: Mapping[str, str], core: CoreFile) -> bool:
    """Whether init_uts_ns, where this VMCOREINFO puts it, names the release that it names.

    For ppc64, also whether it names the right byte order. Mirrors include/uapi/linux/utsname.h
    (struct new_utsname: sysname, nodename, release, version, machine).
    """
    names = vmcoreinfo.symbol(info, "init_uts_ns")
    offset = info.get("OFFSET(uts_namespace.name)", "")
    if not names or not offset.isdecimal():
        return True
    try:
        raw: bytes = prog.read(names + int(offset) + 2 * 65, 3 * 65)
    except READ_ERRORS:
        return False
    if raw.partition(b"\0")[0] != info["OSRELEASE"].encode():
        return False
    return core.machine not in PPC64 or raw[130:].partition(b"\0")[0] == core.machine.encode()
