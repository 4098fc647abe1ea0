"""The types in whatever a user names: a file of BTF, an ELF file, or a kernel with its modules."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._api.btffile import open_btf
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._btf.reader import Btf


@dataclass(frozen=True, slots=True)
class Opened:
    """The BTF of a file, or of vmlinux and the modules of `kernel`, which is None for a file."""

    btfs: tuple[Btf, ...]
    kernel: Kernel | None = None


@contextmanager
def open_types(
    path: str,
    *,
    base: str | Path | None = None,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Sequence[str | Path] = (),
) -> Iterator[Opened]:
    """Open a raw BTF file, an ELF file with .BTF, or a vmcore.

    `base` is the BTF that a module's is split on; `btf` and `vmlinux` stand for it where they are
    given instead. Raises `TargetError` if the file is none of these, `ExpressionError` for a base
    of a vmcore, and what `open_btf()` raises.
    """
    from btfdump._api.kernel import open_core
    from btfdump._targets.dumpfile import is_core

    if is_core(path):
        if base is not None:
            raise ExpressionError(
                f"{path}: is a vmcore, whose modules bring their base along: no --base"
            )
        with open_core(path, btf=btf, vmlinux=vmlinux, overlays=overlays) as kernel:
            yield Opened((kernel.btf, *kernel.modules.btfs()), kernel)
        return
    yield Opened((open_btf(path, base=next((b for b in (base, btf, vmlinux) if b), None)),))
