"""The ways to read the memory of the running kernel, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import TargetError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from btfdump._targets.memory import Target
    from btfdump._targets.running import RunningKernel

    Opener = Callable[[RunningKernel | None, str | os.PathLike[str] | None], Target]


def _open_kcore(running: RunningKernel | None, vmlinux: str | os.PathLike[str] | None) -> Target:
    from btfdump._targets.via_drgn.live import open_kcore

    return open_kcore(running, vmlinux=vmlinux)


def _open_bpf(running: RunningKernel | None, vmlinux: str | os.PathLike[str] | None) -> Target:
    from btfdump._targets.via_bpf.opening import open_live_bpf

    return open_live_bpf(running, vmlinux=vmlinux)


SOURCES: dict[str, Opener] = {"kcore": _open_kcore, "bpf": _open_bpf}
"""Every source by name, in the order in which they are tried."""


def open_live(
    via: str | None = None,
    *,
    running: RunningKernel | None = None,
    vmlinux: str | os.PathLike[str] | None = None,
) -> Target:
    """Open the running kernel through the source `via`, or through the first that works.

    `vmlinux` supplies symbols if the kernel shows none. Raises `TargetError`, which says for each
    source what is in the way and what to do, and `ValueError` for an unknown source.
    """
    if via is not None and via not in SOURCES:
        raise ValueError(f"no source {via!r}; there are {', '.join(SOURCES)}")
    if via is not None:
        return SOURCES[via](running, vmlinux)
    troubles = []
    for name, open_source in SOURCES.items():
        try:
            return open_source(running, vmlinux)
        except TargetError as error:
            troubles.append(f"via {name}: {error}")
    raise TargetError("; ".join(troubles))
