"""Table: what a tabular root such as `maps` or `progs` yields: rows instead of objects.

Rows come one by one. What is wrong with the kernel's data comes between them, as a `Note`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from btfdump._kernel.notes import Note
    from btfdump._tables.form import Form

Cell: TypeAlias = "str | int | float | bool | Sequence[Cell] | Mapping[str, Cell] | None"
Row: TypeAlias = "Mapping[str, Cell]"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows by column: to make and to write fifty thousand, each by itself, takes too long.

    `cells` are those of all its rows, of which there is one at least, by the name of their column;
    every column is as long.
    """

    cells: Mapping[str, Sequence[Cell]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.cells.values())))

    def rows(self) -> Iterator[dict[str, Cell]]:
        """Yield the rows one by one."""
        for row in zip(*self.cells.values(), strict=True):
            yield dict(zip(self.cells, row, strict=True))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column name, and the notes among them.

    `columns` are those of the text form, in order; a row may have more, for JSON alone. None, and a
    column that a row lacks, stand for what does not apply or could not be read. Addresses are
    strings (`0x...`), as everywhere in JSON. `remark` is a line below the table: what it leaves
    out, and how to see that. `lack` says why there may be rows that nobody can know of, and what
    to do. `blocks` are further rows, for what has tens of thousands.

    `forms` says how the cells of columns are told that hold values rather than texts: where there
    is one, an address is a number. `tree` names the columns of a row's own number and of its
    parent's, if rows are to stand below their parents. `closing()` returns what else is to be said
    below the table once all rows have been read, "" for nothing.

    `lines(row)` are what people read of a row where it is not told in columns.
    """

    name: str
    columns: tuple[str, ...]
    rows: Iterable[Row | Note] = field(default=())
    remark: str = ""
    lack: str = ""
    blocks: Iterable[Block] = field(default=())
    forms: Mapping[str, Form] = field(default_factory=dict)
    tree: tuple[str, ...] = ()
    closing: Callable[[], str] = str
    lines: Callable[[Row], Iterable[str]] | None = None

    def last_words(self) -> list[str]:
        """Return the lines below the table, now that all rows have been read."""
        return [line for line in (self.remark, self.closing()) if line]


class Branch(dict[str, Any]):
    """A row of a table whose rows stand below their parents: `depth` is how far it is indented."""

    depth = 0
