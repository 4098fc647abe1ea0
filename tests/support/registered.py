"""Roots and tables by name, where a test knows that there is one of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import Query

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


from typing import TYPE_CHECKING

from btfdump._roots import root_of, table_of

if TYPE_CHECKING:
    from btfdump._roots import RootKind, TableKind


def known_root(name: str) -> RootKind:
    found = root_of(name)
    assert found is not None, f"no root {name}"
    return found


def known_table(name: str) -> TableKind:
    found = table_of(name)
    assert found is not None, f"no table {name}"
    return found


def rows(
    kernel: Kernel, *patterns: str, table: str = "maps"
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of a table that the patterns choose, and its notes."""
    found = list(known_table(table).table(kernel, Query(patterns)).rows)
    notes = [row.text for row in found if isinstance(row, Note)]
    return [dict(row) for row in found if not isinstance(row, Note)], notes
