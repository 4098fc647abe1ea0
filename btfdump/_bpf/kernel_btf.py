"""The BTF of the kernel itself: the `struct btf` of vmlinux and of each module, with its types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.module_btf import keeps_btf
from btfdump._kernel.notes import Note
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def kernel_btfs(kernel: Context) -> Iterator[tuple[Value, Btf] | Note]:
    """Yield each `struct btf` of the kernel itself with its types, that of vmlinux first.

    A note stands for a module whose types cannot be read. Raises `SymbolNotFoundError` for a kernel
    without BPF.
    """
    vmlinux = find_global(kernel, "btf_vmlinux")
    if vmlinux:  # NULL until somebody needs it
        yield vmlinux.deref_(), kernel.btf
    if not keeps_btf(kernel.btf):
        return
    try:
        for module in find_global(kernel, "btf_modules").walk_():
            try:
                yield module.btf.deref_(), types_of(kernel, module.btf)
            except BtfdumpError as error:
                yield Note(f"BTF of a module: {error}", module.address_)
    except BtfdumpError as error:
        yield Note(f"btf_modules: {error}")


def types_of(kernel: Context, btf: Value) -> Btf:
    """Return the types of the `struct btf` that `btf` points to.

    Raises what `KernelBtfs.of()` raises.
    """
    assert kernel._kernel_btfs is not None  # set by Kernel
    return kernel._kernel_btfs.of(btf)
