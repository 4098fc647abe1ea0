"""The types in whatever a user names: a file of BTF, an ELF file, or a kernel with its modules."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._api.btffile import open_btf
from btfdump.errors import TargetError

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
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Sequence[str | Path] = (),
) -> Iterator[Opened]:
    """Open a raw BTF file, an ELF file with .BTF, or a vmcore; for a module, `btf` is its base.

    Raises `TargetError` if the file is none of these, and `BtfFormatError`.
    """
    from btfdump._api.kernel import open_core
    from btfdump._targets.elf import read_btf_file

    try:
        read_btf_file(path)
    except TargetError:
        with open_core(path, btf=btf, vmlinux=vmlinux, overlays=overlays) as kernel:
            yield Opened((kernel.btf, *kernel.loaded_modules.btfs()), kernel)
        return
    yield Opened((open_btf(path, base=btf if btf is not None else vmlinux),))
