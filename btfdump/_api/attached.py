"""The kernel in a program that a user of drgn has opened."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING

from btfdump._api.opening import open_target
from btfdump._drgn.finders import Finders
from btfdump._targets.via_drgn.program import target_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import drgn

    from btfdump._api.kernel import Kernel


def open_program(
    prog: drgn.Program,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
) -> Finders:
    """Open the kernel that a program debugs; return what finds things in it for drgn.

    Raises what `btfdump.open_core()` raises, and `TargetError` if the program debugs no kernel.
    """
    kernel = open_target(lambda: target_of(prog, vmlinux=vmlinux), btf, vmlinux, overlays, True)
    kernel._finders = finders = Finders(prog, kernel)
    # Nobody closes it: what is to be kept of it for the next time is kept at the end.
    atexit.register(_close, weakref.ref(kernel))
    return finders


def _close(reference: weakref.ref[Kernel]) -> None:
    kernel = reference()
    if kernel is not None:
        kernel.close()
