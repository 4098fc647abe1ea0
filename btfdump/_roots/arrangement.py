"""What can be asked of every table: which rows and columns, in which order, how many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots.table import Branch
from btfdump._tables.where import RowCondition, check_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._roots.table import Row, Table


@dataclass(frozen=True)
class Arrangement:
    """The rows of which all `where` hold, sorted by `sort` (`-NAME`: the largest first).

    At most `limit` of them are given, with these `columns`; or only their number.
    """

    columns: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    sort: str = ""
    limit: int | None = None
    is_count: bool = False

    def of(self, table: Table) -> Table:
        """Return a table so arranged; raises `ExpressionError` for what it does not have.

        Where nothing is sorted, rows are passed on as they come.
        """
        conditions = [RowCondition(text) for text in self.where]
        if conditions:  # what others there are is not asked
            table = replace(table, closing=str)
        names = [*self.columns, self.sort.removeprefix("-")] if self.sort else self.columns
        if table.forms:  # whose columns are all there are
            self._check(conditions, names, table.forms)
        rows = _matching(self, conditions, names, table)
        if self.sort:
            rows = _sorted(rows, self.sort)
        if table.tree and not self.is_count:
            rows = _below_parents(rows, *table.tree)
        if self.limit is not None:
            rows = _limited(rows, self.limit)
        if self.is_count:
            return replace(
                table, columns=("count",), rows=_counted(rows), forms={}, tree=(), lines=None
            )
        if not self.columns:
            return replace(table, rows=rows)
        return replace(table, columns=self.columns, rows=_chosen(rows, self.columns), lines=None)

    @staticmethod
    def _check(conditions: list[RowCondition], names: Iterable[str], known: Iterable[str]) -> None:
        known = list(known)
        for condition in conditions:
            condition.check(known)
        for name in names:
            check_column(name, known, "columns")


def _matching(
    asked: Arrangement, conditions: list[RowCondition], names: Iterable[str], table: Table
) -> Iterator[Row | Note]:
    is_checked = bool(table.forms)
    for row in table.rows:
        if not isinstance(row, Note):
            if not is_checked:
                known = dict.fromkeys((*table.columns, *row))
                asked._check(conditions, names, known)
                is_checked = True
            if not all(condition.holds(row, table.forms) for condition in conditions):
                continue
        yield row


def _sorted(rows: Iterable[Row | Note], by: str) -> Iterator[Row | Note]:
    """Yield rows in order, those without a cell last, and the notes behind them."""
    name, found, notes = by.removeprefix("-"), [], []
    for row in rows:
        if isinstance(row, Note):
            notes.append(row)
        else:
            found.append(row)
    empty = [row for row in found if row.get(name) is None]
    full = [row for row in found if row.get(name) is not None]
    full.sort(key=lambda row: _key(row[name]), reverse=by.startswith("-"))
    yield from chain(full, empty, notes)


def _key(cell: Any) -> tuple[bool, Any]:
    """Return what a cell is sorted by: numbers come before texts."""
    if isinstance(cell, int | float):
        return False, cell
    return True, cell if isinstance(cell, str) else str(cell)


def _limited(rows: Iterable[Row | Note], limit: int) -> Iterator[Row | Note]:
    left = limit
    for row in rows:
        if not isinstance(row, Note):
            if not left:
                return
            left -= 1
        yield row


def _counted(rows: Iterable[Row | Note]) -> Iterator[Row | Note]:
    count = 0
    for row in rows:
        if isinstance(row, Note):
            yield row
        else:
            count += 1
    yield {"count": count}


def _chosen(rows: Iterable[Row | Note], columns: tuple[str, ...]) -> Iterator[Row | Note]:
    for row in rows:
        if isinstance(row, Note):
            yield row
            continue
        chosen = Branch((name, row.get(name)) for name in columns)
        chosen.depth = row.depth if isinstance(row, Branch) else 0
        yield chosen


def _below_parents(rows: Iterable[Row | Note], number: str, parent: str) -> Iterator[Row | Note]:
    """Yield each row below that of its parent, and what has none in the order in which it came."""
    found: dict[Any, Branch] = {}
    notes: list[Note] = []
    for row in rows:
        if isinstance(row, Note):
            notes.append(row)
        else:
            found[row.get(number)] = Branch(row)
    children: dict[Any, list[Branch]] = {}
    tops: list[Branch] = []
    for own, row in found.items():
        above = row.get(parent)
        (children.setdefault(above, []) if above in found and above != own else tops).append(row)
    given: set[int] = set()
    for top in chain(tops, found.values()):  # the latter: those of a cycle, which has no top
        pending = [(top, 0)]
        while pending:
            row, depth = pending.pop()
            if id(row) in given:
                continue
            given.add(id(row))
            row.depth = depth
            yield row
            below = children.get(row.get(number), ())
            pending += [(child, depth + 1) for child in reversed(below)]
    yield from notes
