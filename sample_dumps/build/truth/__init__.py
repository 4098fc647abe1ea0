"""What is in a dump, by drgn and DWARF: the truth that btfdump is held against.

Nothing here uses btfdump. Addresses are hexadecimal strings, bytes are hexadecimal without 0x,
lists are in the kernel's order.
"""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any

import drgn
from elftools.elf.elffile import ELFFile

from . import bpf, files, garden, meanings, objects, system, tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PARTS: dict[str, Callable[[drgn.Program], Any]] = {
    "kernel": system.kernel,
    "symbols": system.symbols,
    "vmlinux_btf": bpf.vmlinux_btf,
    "btfs": bpf.btfs,
    "maps": bpf.maps,
    "progs": bpf.programs,
    "tasks": tasks.tasks,
    "modules": system.modules,
    "supers": files.super_blocks,
    "mounts": files.mounts,
    "netdevs": system.network_devices,
    "cgroups": system.cgroups,
    "inode_storage": files.inode_storage,
    "sk_storage": files.sockets,
    "workq": system.workqueues,
    "caches": system.slab_caches,
    "garden": garden.garden,
    "samples": objects.samples,
    "meanings": meanings.meanings,
}


def open_dump(dump: Path, *debug_files: Path, vmcoreinfo: bytes | None = None) -> drgn.Program:
    """Open a dump with the DWARF of vmlinux and, where there are some, of modules.

    `vmcoreinfo` is for dumps of machines whose guests cannot leave theirs with QEMU.
    """
    prog = drgn.Program(vmcoreinfo=vmcoreinfo)
    prog.set_core_dump(dump)
    if vmcoreinfo is not None:  # only with the note does drgn take addresses for physical ones
        _add_physical_memory(prog, dump)
    with contextlib.suppress(drgn.MissingDebugInfoError):  # modules that no file was given for
        prog.load_debug_info([str(path) for path in debug_files])
    return prog


def _add_physical_memory(prog: drgn.Program, dump: Path) -> None:
    file = dump.open("rb")  # as long as the program lives
    for segment in ELFFile(file).iter_segments("PT_LOAD"):
        start = segment.header.p_offset

        def read(_: int, count: int, offset: int, __: bool, start: int = start) -> bytes:
            file.seek(start + offset)
            return file.read(count)

        header = segment.header
        prog.add_memory_segment(header.p_paddr, header.p_filesz, read, physical=True)


def read(dump: Path, *debug_files: Path) -> dict[str, Any]:
    """Open a dump and read everything out of it."""
    return read_all(open_dump(dump, *debug_files))


def read_all(prog: drgn.Program) -> dict[str, Any]:
    """Read everything out of an opened dump."""
    truth: dict[str, Any] = {"errors": []}
    for name, part in PARTS.items():
        try:
            truth[name] = part(prog)
        except (drgn.FaultError, LookupError, TypeError, ValueError, AttributeError):
            # The rest is still worth having; the caller sees that something is missing.
            truth["errors"].append({"part": name, "trace": traceback.format_exc()})
    return truth
