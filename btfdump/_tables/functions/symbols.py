"""Columns of addresses: the symbols and objects that lie at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context


@column()
def symbol(kernel: Context) -> Callable[[int | None], str | None]:
    """The symbol at an address, such as that of a function: `name`, `name+0x10 [module]`."""

    def of(address: int | None) -> str | None:
        if not address:
            return None
        return kernel.symbolize(address) or hex(address)

    return of
