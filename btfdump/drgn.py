"""btfdump inside drgn: types, variables, symbols and stack traces of a kernel without debuginfo.

drgn loads this module as a plugin, and calls `drgn_prog_set()` with every program that it opens.
From then on it asks a kernel's own BTF and symbol table for what no debuginfo tells. Nothing is
read before drgn asks, and nothing at all where it has debuginfo of the kernel. `attach()` does the
same by hand. In the environment, `BTFDUMP_BTF` names a file with the kernel's BTF, for dumps that
have none, and `BTFDUMP_DRGN=0` keeps the plugin out. See docs/drgn.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import drgn

    from btfdump._api.kernel import Kernel
    from btfdump._drgn.finders import Finders

__all__ = ["attach", "drgn_prog_set"]


def drgn_prog_set(prog: drgn.Program) -> None:
    """Let a program that drgn has opened ask btfdump last: the hook of drgn's plugins."""
    if os.environ.get("BTFDUMP_DRGN") == "0":
        return
    from drgn import ProgramFlags

    if ProgramFlags.IS_LINUX_KERNEL not in prog.flags:
        return
    from btfdump._drgn.attachment import ProgramAttachment, attachment_of

    if attachment_of(prog) is None:
        ProgramAttachment(prog, _opening(prog, os.environ.get("BTFDUMP_BTF") or None)).register()


def attach(
    prog: drgn.Program,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
) -> Kernel:
    """Open the kernel that a program debugs, let the program ask it last, and return it.

    The parameters are those of `btfdump.open_core()`. A program that the plugin takes care of needs
    no attaching: its kernel is returned, and opened now if it has not been yet. Raises what
    `open_core()` raises; `TargetError` if the program debugs no kernel, or if its kernel has been
    opened already and files are given that it was to be opened with.
    """
    from btfdump._drgn.attachment import ProgramAttachment, attachment_of
    from btfdump.errors import TargetError

    given = (btf, vmlinux, overlays) != (None, None, ())
    attachment = attachment_of(prog)
    if attachment is None:
        attachment = ProgramAttachment(prog, _opening(prog, btf, vmlinux, overlays))
        attachment.register()
    elif given and attachment.is_open:
        raise TargetError(
            "the kernel of this program has been opened already; attach before anything is asked "
            "of the program, or set BTFDUMP_BTF=FILE in the environment"
        )
    elif given:
        attachment.reopen(_opening(prog, btf, vmlinux, overlays))
    kernel: Kernel = attachment.open().kernel
    return kernel


def _opening(
    prog: drgn.Program,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
) -> Callable[[], Finders]:
    """Return what opens the kernel of a program: only then is anything of it imported."""

    def open_now() -> Finders:
        from btfdump._api.attached import open_program

        return open_program(prog, btf, vmlinux, overlays)

    return open_now
