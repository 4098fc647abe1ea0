"""Kallsyms: the symbols of the kernel and of its modules, as /proc/kallsyms has them."""

from __future__ import annotations

from itertools import repeat
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf.type_name import VMLINUX
from btfdump._kernel.notes import Note, note_of
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._targets.memory import symbols_every, symbols_lack
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row


@table_root()
def list_symbols(kernel: Context, query: Query) -> Table:
    """Symbols of the kernel and of modules: address, code or data, bytes up to the next, module."""
    lack = symbols_lack(kernel.target)
    columns = ("address", "kind", "room", "name", "module")
    return Table("kallsyms", columns, _rows(kernel, query), lack)


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    symbols = symbols_every(kernel.target)
    try:
        yield from _asked(
            query,
            [
                _Listed(name, symbol.address, symbol.is_code, room, VMLINUX)
                for name, symbol, room in symbols
            ],
        )
    except BtfdumpError as error:
        yield note_of(error, "symbols")
    if kernel.modules is not None:
        listed = kernel.modules.listed()
        yield from _asked(
            query,
            [_Listed(s.name, s.address, s.is_function, s.size, s.module) for s in listed],
        )


class _Listed(NamedTuple):
    name: str
    address: int
    is_code: bool
    room: int
    module: str


def _asked(query: Query, listed: Sequence[_Listed]) -> Iterator[Row]:
    """Yield the rows of the symbols that are asked for by name, address, or module and name.

    All at once: there are a hundred thousand.
    """
    by_name = query.wanted([one.name for one in listed])
    others: Iterable[bool] = repeat(False)
    if query.patterns:
        by_address = query.wanted([hex(one.address) for one in listed])
        by_module = query.wanted([f"{one.module}:{one.name}" for one in listed])
        others = map(or_, by_address, by_module)
    for one, is_named, is_other in zip(listed, by_name, others, strict=False):
        if is_named or is_other:
            yield {
                "address": hex(one.address),
                "kind": "code" if one.is_code else "data",
                "room": one.room or None,
                "name": one.name,
                "module": one.module if one.module != VMLINUX else None,
            }
