"""Rows of tables as a caller gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


def rows(kernel: Kernel, name: str, *patterns: str, **filters: Any) -> list[dict[str, Any]]:
    """Return the rows of a table, which must have no notes."""
    kind = table_of(name)
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query(patterns, filters)).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found
