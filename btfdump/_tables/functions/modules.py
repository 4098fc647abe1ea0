"""Columns of modules: what lsmod prints of them (kernel/module/procfs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MAX_USERS = 1 << 12


@column()
def module_size(kernel: Context) -> Callable[[Value], int]:
    """Bytes of a module's memory, of all kinds, as module_total_size() counts them.

    Since 6.4 there is a piece for each kind of contents (ac3b43283923: module: replace
    module_layout with module_memory).
    """
    del kernel

    def of(module: Value) -> int:
        if module.has_member_("mem"):
            return sum(int(piece.size) for piece in module.mem)
        return int(module.init_layout.size) + int(module.core_layout.size)

    return of


@column()
def module_base(kernel: Context) -> Callable[[Value], int]:
    """The virtual address at which a module's code lies."""
    del kernel

    def of(module: Value) -> int:
        return int(module.mem[0].base if module.has_member_("mem") else module.core_layout.base)

    return of


@column()
def users(kernel: Context) -> Callable[[Value], list[str]]:
    """The names of the modules that use a module."""
    del kernel

    def of(module: Value) -> list[str]:
        found: list[str] = []
        for use in module.source_list.walk_():
            if len(found) == _MAX_USERS:
                break
            found.append(use.source.name.string_())
        return found

    return of


@column()
def first(kernel: Context) -> Callable[..., Any]:
    """The first of its arguments that is there."""
    del kernel
    return lambda *cells: next((cell for cell in cells if cell), None)
