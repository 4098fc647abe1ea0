"""Tables in every format: aligned columns for people, JSON objects for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from btfdump._kernel.notes import Note
from btfdump._render.escape import is_printable, printable
from btfdump._roots.table import Block
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._render import Options
    from btfdump._roots.table import Cell, Row, Table

    _Columns: TypeAlias = list[Sequence[str]]

_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_GAP = "  "
_MEASURED = 1000
"""Rows that the widths of columns are taken from: what comes later may be wider."""
_encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps() makes one for each call
_DOUBLED = {ord("{"): "{{", ord("}"): "}}"}
"""What stands for braces in a format."""


def render_table(table: Table, format: str, options: Options) -> Iterator[str]:
    """Yield a table in a format; raises `ExpressionError` if the format has no tables."""
    render = _FORMATS.get(format)
    if render is None:
        raise ExpressionError(
            f"{table.name} is a table: it has no {format!r} form; choose {', '.join(_FORMATS)}"
        )
    return render(table, options)


def _aligned(table: Table, options: Options) -> Iterator[str]:
    rows: Iterator[Row | Block | Note] = chain(table.rows, table.blocks)
    first: list[_Columns | Note] = []
    measured = 0
    while measured < _MEASURED and (row := next(rows, None)) is not None:
        first.append(_columns(row, table))
        measured += len(row) if isinstance(row, Block) else 1
    columns = [
        list(chain.from_iterable(column))
        for column in zip(*(one for one in first if not isinstance(one, Note)), strict=True)
    ] or [[] for _ in table.columns]
    paddings = list(map(_padding, table.columns, columns))
    if paddings[-1].startswith("%-"):
        paddings[-1] = "%s"
    padded = f"{_GAP.join(paddings)}\n".__mod__
    yield _painted(padded(table.columns).rstrip(), _BOLD, options) + "\n"
    for one in chain(first, (_columns(row, table) for row in rows)):
        if isinstance(one, Note):
            yield _painted(f"! {_note(one)}", _RED, options) + "\n"
            continue
        text = "".join(map(padded, zip(*one, strict=True)))
        if " \n" in text:
            text = "".join([f"{line.rstrip()}\n" for line in text.splitlines()])
        yield text
    if not first:  # after a note, nobody knows what there would have been
        yield _painted(f"no {table.name.replace('-', ' ')}", _DIM, options) + "\n"
    if table.remark:
        yield _painted(printable(table.remark), _DIM, options) + "\n"


def _padding(name: str, cells: Sequence[str]) -> str:
    """Return the format of a column that has a name, by the first of its cells."""
    is_number = bool(cells) and all(cell.isdecimal() or cell == "-" for cell in cells)
    return f"%{'' if is_number else '-'}{max(map(len, (name, *cells)))}s"


def _columns(row: Row | Block | Note, table: Table) -> _Columns | Note:
    """Return the text of the cells of a row, or of some, by column."""
    if isinstance(row, Note):
        return row
    if isinstance(row, Block):
        return [_texts(row.cells.get(name) or [None] * len(row)) for name in table.columns]
    return [
        (cell if type(cell) is str and cell and cell.isprintable() else _text(cell),)
        for cell in map(row.get, table.columns)
    ]


def _texts(cells: Sequence[Cell]) -> Sequence[str]:
    """Return the text of many cells; of most, all is text that can be shown as it is."""
    known = [cell for cell in cells if type(cell) is str and cell]
    if len(known) == len(cells) and is_printable("".join(known)):
        return known
    return list(map(_text, cells))


def _note(note: Note) -> str:
    return printable(note.text)


def _text(cell: Cell) -> str:
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


def _json(table: Table, options: Options) -> Iterator[str]:
    head = {"kernel": options.release, "source": options.source, "table": table.name}
    notes = []
    yield json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "rows": ['
    separator = "\n    "
    for row in chain(table.rows, table.blocks):
        if isinstance(row, Note):
            notes.append(_note_document(row))
            continue
        yield separator + ",\n    ".join(_objects(row))
        separator = ",\n    "
    yield "]" if separator == "\n    " else "\n  ]"
    if table.remark:
        yield f',\n  "remark": {json.dumps(table.remark)}'
    yield f',\n  "notes": {json.dumps(notes)}\n}}\n'


def _jsonl(table: Table, options: Options) -> Iterator[str]:
    del options
    named = {"table": table.name}
    for row in chain(table.rows, table.blocks):
        document = {"note": _note_document(row)} if isinstance(row, Note) else row
        yield "\n".join(_objects(document, named)) + "\n"


def _objects(row: Row | Block, before: Row = MappingProxyType({})) -> Iterable[str]:
    """Return the JSON object of a row, or one for each of some, with what stands before it."""
    if not isinstance(row, Block):
        return (_encode({**before, **row}),)
    cells = {name: repeat(cell, len(row)) for name, cell in before.items()} | {**row.cells}
    names = [_encode(name).translate(_DOUBLED) for name in cells]
    objects = f"{{{{{', '.join(f'{name}: {{}}' for name in names)}}}}}"
    return map(objects.format, *(map(_quoted, column) for column in cells.values()))


def _quoted(cell: Cell) -> str:
    return encode_basestring_ascii(cell) if type(cell) is str else _encode(cell)


def _note_document(note: Note) -> dict[str, str]:
    document = {"text": note.text}
    if note.address is not None:
        document["address"] = f"{note.address:#x}"
    return document


_FORMATS: dict[str, Callable[[Table, Options], Iterator[str]]] = {
    "tree": _aligned,
    "text": _aligned,
    "json": _json,
    "jsonl": _jsonl,
}
