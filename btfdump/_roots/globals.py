"""Globals: the variables of a kernel, what type they have, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._targets.memory import symbols_listed
from btfdump.errors import BtfdumpError, SymbolNotFoundError, UnknownTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf import types
    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_SECTIONS = (
    (".data..percpu", "__per_cpu_start", "__per_cpu_end"),
    (".init", "__init_begin", "__init_end"),
    (".rodata", "__start_rodata", "__end_rodata"),
    (".data", "_sdata", "_edata"),
    (".bss", "__bss_start", "__bss_stop"),
    (".brk", "__brk_base", "__brk_limit"),
)
"""The kernel's sections by the symbols around them: include/asm-generic/vmlinux.lds.h."""


@table_root(argument="PATTERN")
def list_globals(kernel: Context, query: Query) -> Table:
    """Global variables: type, address, section, how the type is known."""
    columns = ("name", "type", "address", "section", "known")
    remark = "" if query.patterns else "members and values: inspect CORE NAME"
    return Table("globals", columns, _rows(kernel, query), remark)


def _rows(kernel: Context, query: Query) -> Iterator[Row]:
    sections = list(_sections(kernel))
    by_name: dict[str, set[int]] = {}
    for name, address in symbols_listed(kernel.target):
        if query.wants(name):
            by_name.setdefault(name, set()).add(address)
    for name in sorted(by_name):
        addresses = sorted(by_name[name])
        for number, address in enumerate(addresses, 1):
            is_one = len(addresses) == 1
            spelled = name if is_one else f"{name}@{number}"
            found = kernel._listed_variable(name, address) if is_one else _named(kernel, spelled)
            inside = (section for section, start, end in sections if start <= address < end)
            yield _row(spelled, address, next(inside, None), found)
    if kernel.modules is None:
        return
    for name, address, module in sorted(kernel.modules.symbols_listed()):
        spelled = f"{module}:{name}"
        if query.wants(name, spelled):
            yield _row(spelled, address, None, _named(kernel, spelled))


def _row(name: str, address: int, section: str | None, found: tuple[types.Type, str] | str) -> Row:
    is_known = not isinstance(found, str)
    return {
        "name": name,
        "type": str(found[0]) if is_known else None,
        "address": f"{address:#x}",
        "section": section,
        "known": found[1] if is_known else "unknown",
        "why": None if is_known else str(found),
    }


def _named(kernel: Context, name: str) -> tuple[types.Type, str] | str:
    """Return the type of one of several variables of a name, and who tells it; or why not."""
    try:
        return kernel.variable(name)[0], kernel.typed_by(name)
    except UnknownTypeError as error:
        return error.reason
    except BtfdumpError as error:
        return str(error)


def _sections(kernel: Context) -> Iterator[tuple[str, int, int]]:
    for section, start, end in _SECTIONS:
        try:
            yield section, kernel.own_symbol(start), kernel.own_symbol(end)
        except SymbolNotFoundError:
            continue
