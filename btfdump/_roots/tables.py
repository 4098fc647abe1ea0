"""Tables: all tables that there are, with what each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import ROOTS, TableKind, table_root
from btfdump._roots.table import Table
from btfdump._roots.words import named
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query


@table_root()
def list_tables(kernel: Context, query: Query) -> Table:
    """All tables, built in, of packages and of overlays: argument, options, what they show."""

    def rows() -> Iterator[dict[str, Any] | Note]:
        users = [name for overlay in kernel.annotations.sources() for name in overlay.tables()]
        for name in sorted({*ROOTS, *users}):
            try:
                kind = named(kernel, name) if name in users else ROOTS.get(name)
            except AnnotationError as error:
                yield Note(str(error))
                continue
            if isinstance(kind, TableKind) and query.wants(name):
                options = [f"--{option}" for option in kind.filters]
                yield {
                    "name": name,
                    "argument": kind.argument,
                    "options": options,
                    "help": kind.help,
                }

    return Table("tables", ("name", "argument", "options", "help"), rows())
