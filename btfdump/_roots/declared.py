"""Tables that are declared as data (btfdump/_tables), as roots: `ps`, `files`, and users' own.

`ROOTS` has the names of those that come with btfdump, each as an attribute of this module that is
made when it is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from btfdump._roots import ROOTS, TableKind
from btfdump._roots.every_task import every_task
from btfdump._roots.table import Table
from btfdump._tables.library import definition_of
from btfdump._tables.rows import Asked, TableReading
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._tables.definition import TableDefinition


def __getattr__(name: str) -> Any:
    """Return what makes the table of that name that comes with btfdump (PEP 562)."""
    definition = definition_of(name.replace("_", "-"))
    if definition is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    tabulate = _tabulator(definition.name)
    ROOTS.declare(tabulate, kind_of(definition, tabulate))
    return tabulate


def declared(kernel: Context, name: str) -> TableKind | None:
    """Return a table that a user's overlay declares, None if none does.

    Raises `AnnotationError` if it is not understood.
    """
    overlays = users(kernel)
    if not any(name in overlay.tables() for overlay in overlays):
        return None
    definition = definition_of(name, overlays)
    assert definition is not None
    return kind_of(definition, _tabulator(name)).registered(name, None)


def users(kernel: Context) -> list[Any]:
    """Return the overlays that a user gave, by authority."""
    return [source for source in kernel.annotations.sources() if source.tables()]


def kind_of(definition: TableDefinition, tabulate: Callable[[Context, Query], Table]) -> TableKind:
    """Return a declared table as a root."""
    options = tuple(definition.options or ())
    return TableKind(definition.argument, definition.help, options, tabulate)


def _tabulator(name: str) -> Callable[[Context, Query], Table]:
    """Return the function that makes a declared table of a kernel."""

    def tabulate(kernel: Context, query: Query) -> Table:
        definition = definition_of(name, users(kernel))
        assert definition is not None
        if not query.patterns and definition.default:
            query = replace(query, patterns=definition.default)
        asked = Asked(query.wants, {"task": lambda: every_task(kernel)}, frozenset(query.filters))
        try:
            reading = TableReading(kernel, definition, asked)
        except BtfdumpError as error:
            remedy = "it may be of a subsystem that is not built in, or of another version"
            raise MissingDataError(
                f"{name}: this kernel has no such rows: {error}", remedy
            ) from error
        columns = reading.bound.columns
        lacking = "; ".join(f"no {name}: {why}" for name, why in reading.bound.lacking.items())
        return Table(
            name,
            tuple(column.name for column in columns if not column.is_hidden),
            reading.rows(),
            lacking,
            forms={column.name: column.form for column in columns},
            tree=definition.tree if "tree" in query.filters else (),
            closing=str if query.patterns else reading.passed,
        )

    return tabulate
