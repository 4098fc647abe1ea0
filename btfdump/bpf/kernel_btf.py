"""The BTF of the kernel itself: the `struct btf` of vmlinux and of each module, with its types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError
from btfdump.events import Note
from btfdump.variables import find_global

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump.btf.reader import Btf
    from btfdump.context import Context
    from btfdump.value import Value


def kernel_btfs(kernel: Context) -> Iterator[tuple[Value | Note, Btf]]:
    """Yield each `struct btf` of the kernel itself, vmlinux's first, with its types.

    A note stands for a module whose types could not be read.
    """
    vmlinux = find_global(kernel, "btf_vmlinux")
    if vmlinux:  # NULL until somebody needs it
        yield vmlinux.deref_(), kernel.btf
    if kernel.modules is None:
        return
    known = {btf.name: btf for btf in kernel.modules.btfs()}
    try:
        for module in find_global(kernel, "btf_modules").walk_():
            name = module.btf.member_("name").string_()
            if name in known:
                yield module.btf.deref_(), known[name]
            else:
                yield Note(f"the BTF of module {name} could not be read"), kernel.btf
    except BtfdumpError as error:
        yield Note(f"btf_modules: {error}"), kernel.btf


def types_of(kernel: Context, btf: Value) -> Btf | None:
    """Return the types of the `struct btf` that `btf` points to, None if it is a program's."""
    name = btf.member_("name").string_() if "name" in dir(btf) else "vmlinux"
    known = [kernel.btf, *(kernel.modules.btfs() if kernel.modules is not None else ())]
    return next((types for types in known if types.name == name), None)
