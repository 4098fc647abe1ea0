"""Mem: how memory is used, as /proc/meminfo and crash's `kmem -i` tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._meaning.amounts import size
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._system.meminfo import LIMIT, MEMORY, SWAP, MemoryUse
from btfdump._tables.form import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_WHOLES = {MEMORY: "total", SWAP: "swap_total", LIMIT: "commit_limit"}
"""By what a part is of: the part that has all of that."""


@table_root(argument="NAME")
def list_memory(kernel: Context, query: Query) -> Table:
    """Memory: total, free, cached, slabs, swap, committed, huge pages, with their shares."""

    def rows() -> Iterator[Row | Note]:
        sizes: dict[str, int | None] = {}
        lost: dict[str, list[str]] = {}
        for part in MemoryUse(kernel).parts():
            sizes[part.name] = part.size
            if not query.wants(part.name):
                continue
            if part.trouble is not None:
                lost.setdefault(str(part.trouble), []).append(part.name)
            whole = sizes.get(_WHOLES.get(part.of, ""))
            share = None
            if whole and part.size is not None:
                share = round(100 * part.size / whole, 1)
            yield {"name": part.name, "size": part.size, "percent": share, "of": part.of or None}
        for reason, about in lost.items():
            yield Note(f"mem: {', '.join(about)}: {reason}")

    forms = {
        "name": Form(),
        "size": Form(text=size, is_number=True, unit="bytes"),
        "percent": Form(is_number=True),
        "of": Form(),
    }
    return Table("mem", ("name", "size", "percent", "of"), rows(), forms=forms)
