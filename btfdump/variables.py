"""Global variables by name, typed by BTF or by what overlays declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import ExpressionError
from btfdump.value import Value

if TYPE_CHECKING:
    from btfdump.context import Context


def find_global(kernel: Context, name: str) -> Value:
    """Return a global variable as a value.

    Raises `SymbolNotFoundError` if there is none, `ExpressionError` if its type is not known.
    """
    known = kernel.global_type(name)
    address = kernel.symbol(name)
    if known is None:
        raise ExpressionError(
            f"the type of {name} (at {address:#x}) is not known: BTF describes only per-CPU "
            f"variables; say 'TYPE' {name}, or state it in an overlay: [global] {name} = "
            '{ type = "struct list_head", tag = "ELEMENT:LINK" }'
        )
    type_, facts = known
    return Value(kernel, type_, address, facts=facts)
