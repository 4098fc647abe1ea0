"""Tables for people: aligned columns that fit the terminal.

Where there is no room for all, columns that can be spared are left out, which a line below the
table says, and then the widest texts are folded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._kernel.notes import Note
from btfdump._render.escape import is_printable, printable
from btfdump._roots.table import Block, Branch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._render import Options
    from btfdump._roots.table import Cell, Row, Table

    _Columns: TypeAlias = list[Sequence[str]]

_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_GAP = "  "
_MEASURED = 1000
"""Rows that the widths of columns are taken from: what comes later may be wider."""
_LEAST = 16
"""Columns that a folded text keeps at least."""


def render_aligned(table: Table, options: Options) -> Iterator[str]:
    """Yield a table in aligned columns, with notes where they came, and sums below it.

    A table that has lines of its own is told by those.
    """
    if table.lines is not None:
        yield from _by_lines(table, table.lines, options)
        return
    sums: dict[str, int] = {
        name: 0 for name in table.columns if name in table.forms and table.forms[name].is_summed
    }
    texts = _Texts(table, sums)
    rows: Iterator[Row | Block | Note] = chain(table.rows, table.blocks)
    first: list[_Columns | Note] = []
    while texts.count < _MEASURED and (row := next(rows, None)) is not None:
        first.append(texts.of(row))
    layout = _Layout(table, [one for one in first if not isinstance(one, Note)], options.width)
    head = layout.lines([(name,) for name in table.columns])
    yield _painted(head.rstrip("\n"), _BOLD, options) + "\n"
    for one in chain(first, map(texts.of, rows)):
        if isinstance(one, Note):
            yield _painted(f"! {printable(one.text)}", _RED, options) + "\n"
        else:
            yield layout.lines(one)
    if not first:  # after a note, nobody knows what there would have been
        yield _painted(f"no {table.name.replace('-', ' ')}", _DIM, options) + "\n"
    told = [f"{name} {_text(_told(table, name, total))}" for name, total in sums.items()]
    if told and texts.count > 1:
        text = f"total of {texts.count}: {', '.join(told)}"
        yield _painted(text, _BOLD, options) + "\n"
    if layout.spared:
        text = f"no room for {', '.join(layout.spared)} (--columns, or a wider terminal)"
        yield _painted(text, _DIM, options) + "\n"
    for said in table.last_words():
        yield _painted(printable(said), _DIM, options) + "\n"


def _by_lines(
    table: Table, lines: Callable[[Row], Iterable[str]], options: Options
) -> Iterator[str]:
    """Yield the lines of each row, with notes where they came."""
    is_empty = True
    for row in table.rows:
        is_empty = False
        if isinstance(row, Note):
            yield _painted(f"! {printable(row.text)}", _RED, options) + "\n"
        else:
            yield "".join([f"{_tabbed(line)}\n" for line in lines(row)])
    if is_empty:
        yield _painted(f"no {table.name}", _DIM, options) + "\n"
    for said in table.last_words():
        yield _painted(printable(said), _DIM, options) + "\n"


def _tabbed(line: str) -> str:
    """Return a line safe to print; tabs are, and texts that were laid out with them need them."""
    return "\t".join(map(printable, line.split("\t")))


class _Texts:
    """Rows as texts by column, counted and summed as they pass by."""

    def __init__(self, table: Table, sums: dict[str, int]) -> None:
        self._table = table
        self._sums = sums
        self._last = _last_text(table)
        self.count = 0

    def of(self, row: Row | Block | Note) -> _Columns | Note:
        """Return the texts of a row's cells, or of those of some rows."""
        if isinstance(row, Note):
            return row
        if isinstance(row, Block):
            self.count += len(row)
            columns = self._table.columns
            return [_texts(row.cells.get(name) or [None] * len(row)) for name in columns]
        self.count += 1
        for name in self._sums:
            cell = row.get(name)
            if isinstance(cell, int):
                self._sums[name] += cell
        line = [_text(_told(self._table, name, row.get(name))) for name in self._table.columns]
        depth = row.depth if isinstance(row, Branch) else 0
        if depth and self._last >= 0:
            line[self._last] = f"{'  ' * depth}{line[self._last]}"
        return [(text,) for text in line]


def _last_text(table: Table) -> int:
    """Return the number of the column that is indented in a table of branches, -1 for none."""
    forms = table.forms
    found = [
        at
        for at, name in enumerate(table.columns)
        if name in forms and not (forms[name].is_number or forms[name].is_address)
    ]
    return found[-1] if found else -1


class _Layout:
    """Which columns are shown, how wide each is, and on which side its texts stand."""

    def __init__(self, table: Table, first: list[_Columns], width: int) -> None:
        cells = [list(chain.from_iterable(column)) for column in zip(*first, strict=True)]
        columns = list(zip(table.columns, cells or [[] for _ in table.columns], strict=True))
        self._widths = [max(map(len, (name, *cells))) for name, cells in columns]
        self._is_right = [_is_right(table, name, cells) for name, cells in columns]
        self._shown = list(range(len(columns)))
        self.spared: list[str] = []
        self._is_narrow = False
        if width:
            self._fit(table, width)
        self._padded = _GAP.join(map(self._padding, self._shown)).format

    def _fit(self, table: Table, width: int) -> None:
        spare = {
            at: form.spare
            for at, name in enumerate(table.columns)
            if (form := table.forms.get(name)) is not None and form.spare
        }
        while self._total() > width and spare:
            worst = max(spare, key=lambda at: (spare[at], at))
            del spare[worst]
            self._shown.remove(worst)
        self.spared = [n for at, n in enumerate(table.columns) if at not in self._shown]
        foldable = [at for at in self._shown if not self._is_right[at]]
        self._is_narrow = self._total() > width
        while (over := self._total() - width) > 0 and foldable:
            widest = max(foldable, key=lambda at: self._widths[at])
            least = max(_LEAST, len(table.columns[widest]))
            others = [
                self._widths[at] for at in foldable if self._widths[at] < self._widths[widest]
            ]
            narrower = max(self._widths[widest] - over, max(others, default=0), least)
            if narrower >= self._widths[widest]:
                foldable.remove(widest)
            self._widths[widest] = min(narrower, self._widths[widest])

    def _total(self) -> int:
        return sum(self._widths[at] for at in self._shown) + len(_GAP) * (len(self._shown) - 1)

    def _padding(self, at: int) -> str:
        """Return the format of a column; nothing stands behind the last one."""
        if self._is_right[at]:
            return f"{{:>{self._widths[at]}}}"
        return "{}" if at == self._shown[-1] else f"{{:<{self._widths[at]}}}"

    def lines(self, columns: _Columns) -> str:
        """Return rows, whose texts come by column, each on as many lines as it needs."""
        padded, shown = self._padded, [columns[at] for at in self._shown]
        rows = zip(*shown, strict=True)
        if not self._is_narrow:
            return "".join([f"{padded(*cells).rstrip()}\n" for cells in rows])
        return "".join(map(self._folded, rows))

    def _folded(self, cells: Sequence[str]) -> str:
        """Return a row on as many lines as its longest text needs."""
        pieces = []
        for at, text in zip(self._shown, cells, strict=True):
            width = self._widths[at]
            is_long = len(text) > width and not self._is_right[at]
            step = width if is_long else max(len(text), 1)
            pieces.append([text[i : i + step] for i in range(0, len(text), step)])
        lines = zip_longest(*pieces, fillvalue="")
        return "".join([f"{self._padded(*line).rstrip()}\n" for line in lines])


def _is_right(table: Table, name: str, cells: Sequence[str]) -> bool:
    """Whether a column's texts stand on the right: those of numbers."""
    form = table.forms.get(name)
    if form is not None:
        return form.is_number
    return bool(cells) and all(cell.isdecimal() or cell == "-" for cell in cells)


def _told(table: Table, name: str, cell: Any) -> Any:
    form = table.forms.get(name)
    return form.told(cell) if form is not None else cell


def _texts(cells: Sequence[Cell]) -> Sequence[str]:
    """Return the text of many cells; of most, all is text that can be shown as it is."""
    known = [cell for cell in cells if type(cell) is str and cell]
    if len(known) == len(cells) and is_printable("".join(known)):
        return known
    return list(map(_text, cells))


def _text(cell: Any) -> str:
    if type(cell) is str and cell and cell.isprintable():
        return cell
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Mapping):
        return ",".join(f"{printable(key)}={_text(value)}" for key, value in cell.items()) or "-"
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return ",".join(map(_text, cell)) or "-"
    return printable(str(cell))


def _painted(text: str, color: str, options: Options) -> str:
    return f"{color}{text}{_PLAIN}" if options.color else text
