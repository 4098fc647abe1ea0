"""The types in whatever a user names: a file of BTF, an ELF file, or a kernel with its modules."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from btfdump._api.btffile import open_btf
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._btf.reader import Btf


class Opened:
    """The types in what a user named: `btf` of a file, or of vmlinux in `kernel`, None for a file.

    The modules of a kernel are not asked before they are needed.
    """

    def __init__(self, btf: Btf, kernel: Kernel | None = None) -> None:
        self.btf = btf
        self.kernel = kernel

    @property
    def btfs(self) -> tuple[Btf, ...]:
        """The BTF of a file, or that of vmlinux and of every module."""
        return (self.btf, *(self.kernel.modules.btfs() if self.kernel is not None else ()))

    def each(self) -> Iterator[Btf]:
        """Yield what `btfs` has: the first at once, before the modules are asked."""
        yield self.btf
        yield from self.btfs[1:]

    def naming(self, name: str) -> tuple[Btf, ...]:
        """Return those BTFs in which a type may be called `name`."""
        modules = self.kernel.modules.naming(name) if self.kernel is not None else ()
        return (self.btf, *modules)

    def module(self, name: str) -> Btf:
        """Return the BTF of a module, or that of the kernel itself, "vmlinux".

        Raises `ExpressionError` where no such module is loaded, or there is no kernel.
        """
        plain = name.replace("-", "_")
        if self.kernel is None:
            raise ExpressionError(f"{name}: a file of BTF has no modules: name the module's own")
        for btf in self.btfs:
            if btf.name.replace("-", "_") == plain:
                return btf
        loaded = ", ".join(sorted(btf.name for btf in self.btfs[1:])) or "none"
        raise ExpressionError(f"no module {name} with BTF is loaded; there are: {loaded}")


@contextmanager
def open_types(
    path: str,
    *,
    base: str | Path | None = None,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Sequence[str | Path] = (),
    cache: bool = False,
) -> Iterator[Opened]:
    """Open a raw BTF file, an ELF file with .BTF, or a vmcore.

    `base` is the BTF that a module's is split on; `btf` and `vmlinux` stand for it where they are
    given instead. `cache` is as for `open_core()`. Raises `TargetError` if the file is none of
    these, `ExpressionError` for a base of a vmcore, and what `open_btf()` raises.
    """
    from btfdump._api.opening import open_core
    from btfdump._targets.dumpfile import is_core

    if is_core(path):
        if base is not None:
            raise ExpressionError(
                f"{path}: is a vmcore, whose modules bring their base along: no --base"
            )
        with open_core(path, btf=btf, vmlinux=vmlinux, overlays=overlays, cache=cache) as kernel:
            yield Opened(kernel.btf, kernel)
        return
    yield Opened(open_btf(path, base=next((b for b in (base, btf, vmlinux) if b), None)))
