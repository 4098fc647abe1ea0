"""Symbols by name or address."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from btfdump._btf.type_name import VMLINUX
from btfdump._roots import VERBS, table_root
from btfdump._roots.addresses import ADDRESS, number
from btfdump._roots.table import Table
from btfdump._targets.memory import symbols_named
from btfdump.errors import BtfdumpError, ExpressionError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("name", "address", "kind", "module", "type")


@table_root(argument="NAME or ADDRESS", registry=VERBS)
def list_symbols(kernel: Context, query: Query) -> Table:
    """Symbols, functions too: address, module, type; or the symbol that an address belongs to."""
    if not query.patterns:
        raise ExpressionError("sym: say which, as in `sym jiffies_64`; globals lists the variables")

    def rows() -> Iterator[Row]:
        for text in query.patterns:
            try:
                found = list(_found(kernel, text))
            except SymbolNotFoundError:
                found = []
            query.asked[text] = bool(found)
            yield from found

    return Table("sym", _COLUMNS, rows())


def _found(kernel: Context, text: str) -> Iterator[Row]:
    if re.fullmatch(ADDRESS, text):
        named = kernel.symbolize(number(text))
        if named is not None:
            name, _, module = named.removesuffix("]").partition(" [")
            yield _row(kernel, name, number(text), module or VMLINUX)
        return
    if "*" in text or "?" in text:
        raise ExpressionError(f"sym: {text} is a pattern: say kallsyms '{text}'")
    candidates = kernel._symbol_names.candidates(text)
    for address, module, is_code in candidates:
        yield _row(kernel, text, address, module, is_code=is_code)
    if not candidates:
        address = kernel.symbol(text)  # MODULE:NAME, NAME@2; raises what is said of none
        yield _row(kernel, text, address, text.partition(":")[0] if ":" in text else VMLINUX)


def _row(
    kernel: Context, name: str, address: int, module: str, *, is_code: bool | None = None
) -> Row:
    bare = name.partition("+")[0].rpartition(":")[2].partition("@")[0]
    if is_code is None:
        is_code = any(symbol.is_code for symbol in symbols_named(kernel.target, bare))
    type_ = None
    if not is_code:
        with suppress(BtfdumpError):  # not known, or of several which is not said
            type_ = str(kernel.variable(name.partition("+")[0])[0])
    return {
        "name": name,
        "address": f"{address:#x}",
        "kind": "function" if is_code else "variable",
        "module": module,
        "type": type_,
    }
