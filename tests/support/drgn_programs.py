"""Programs as a user of drgn opens them, and small kernels inside drgn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn
from drgn import Architecture, Platform, PlatformFlags, Program

from btfdump import drgn as plugin
from btfdump._drgn.attachment import ProgramAttachment, attachment_of
from btfdump._drgn.finders import Finders
from btfdump._targets.via_drgn.opening import without_plugins

if TYPE_CHECKING:
    from pathlib import Path

    from btfdump._kernel.context import Context


def open_program(path: Path) -> Program:
    """Open a dump of x86-64 as drgn does, without any plugin; QEMU's do not tell the machine."""
    prog = Program(Platform(Architecture.X86_64))
    with without_plugins():
        prog.set_core_dump(path)
    return prog


VERSION = tuple(int(part) for part in drgn.__version__.split(".")[:2])
"""drgn's version: (0, 3)."""

DOUBT = getattr(drgn, "BadDataError", Exception)
"""What the finders' BadDataError becomes where drgn passes it on, by the version of drgn."""


def plugged_in(path: Path) -> Program:
    """Open a dump with btfdump as the only plugin."""
    prog = open_program(path)
    plugin.drgn_prog_set(prog)
    return prog


def attached(prog: Program) -> ProgramAttachment:
    """Return what is registered with a program."""
    found = attachment_of(prog)
    assert found is not None
    return found


def platform_of(kernel: Context) -> Platform:
    """Return the platform of a small kernel, in drgn's terms."""
    flags = PlatformFlags(0)
    if kernel.layouts.byteorder == "little":
        flags |= PlatformFlags.IS_LITTLE_ENDIAN
    if kernel.layouts.pointer_size == 8:
        flags |= PlatformFlags.IS_64_BIT
    return Platform(Architecture.UNKNOWN, flags)


def program_with(kernel: Context) -> tuple[Program, Finders]:
    """Return a program that reads a small kernel's memory and asks it for everything."""
    prog = Program(platform_of(kernel))

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        del offset, physical
        return kernel.target.read(address, count)

    prog.add_memory_segment(0, (1 << 8 * kernel.layouts.pointer_size) - 1, read)
    finders = Finders(prog, kernel)
    prog.register_type_finder("t", lambda p, *asked: finders.find_type(*asked), enable_index=0)
    prog.register_object_finder("o", lambda p, *asked: finders.find_object(*asked), enable_index=0)
    prog.register_symbol_finder("s", lambda p, *asked: finders.find_symbol(*asked), enable_index=0)
    return prog, finders
