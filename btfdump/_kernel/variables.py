"""Global variables by name, typed by BTF or by an overlay's declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.value_at import value_at
from btfdump.errors import SymbolNotFoundError

if TYPE_CHECKING:
    from btfdump._annotate.locks import FindGlobal
    from btfdump._btf import types
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def find_global(kernel: Context, name: str) -> Value:
    """Return a global variable as a value.

    Raises `SymbolNotFoundError` if there is no such variable, and `ExpressionError` if its type is
    not known.
    """
    type_, address, facts = kernel.variable(name)
    return value_at(kernel, type_, address, facts=facts)


def globals_of(kernel: Context) -> FindGlobal:
    """Return the function by which lock annotations look up global variables of `kernel`.

    It returns (virtual address, type or None), or None if there is no such symbol.
    """

    def find(name: str) -> tuple[int, types.Type | None] | None:
        try:
            address = kernel.symbol(name)
        except SymbolNotFoundError:
            return None
        known = kernel.global_type(name)
        return address, known[0] if known is not None else None

    return find
