"""Tables in every format: aligned columns for people, JSON objects for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._render.escape import printable
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._render import Options
    from btfdump._roots.table import Cell, Row, Table

_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_GAP = "  "
_MEASURED = 1000
"""Rows that the widths of columns are taken from: what comes later may be wider."""
_encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps() makes one for each call


def render_table(table: Table, format: str, options: Options) -> Iterator[str]:
    """Yield a table in a format; raises `ExpressionError` if the format has no tables."""
    render = _FORMATS.get(format)
    if render is None:
        raise ExpressionError(
            f"{table.name} is a table: it has no {format!r} form; choose {', '.join(_FORMATS)}"
        )
    return render(table, options)


def _aligned(table: Table, options: Options) -> Iterator[str]:
    rows = iter(table.rows)
    first = [_line(row, table) for row in islice(rows, _MEASURED)]
    cells = [line for line in first if not isinstance(line, Note)]
    widths = [max(map(len, column)) for column in zip(table.columns, *cells, strict=True)]
    is_number = [
        bool(cells) and all(line[at].isdecimal() or line[at] == "-" for line in cells)
        for at in range(len(widths))
    ]

    padded = _GAP.join(
        f"{{:{'>' if right else '<'}{width}}}"
        for width, right in zip(widths, is_number, strict=True)
    ).format
    yield _painted(padded(*table.columns).rstrip(), _BOLD, options) + "\n"
    for line in chain(first, (_line(row, table) for row in rows)):
        if isinstance(line, Note):
            yield _painted(f"! {_note(line)}", _RED, options) + "\n"
        else:
            yield padded(*line).rstrip() + "\n"
    if not first:  # after a note, nobody knows what there would have been
        yield _painted(f"no {table.name.replace('-', ' ')}", _DIM, options) + "\n"
    if table.remark:
        yield _painted(printable(table.remark), _DIM, options) + "\n"


def _line(row: Row | Note, table: Table) -> list[str] | Note:
    if isinstance(row, Note):
        return row
    return [
        cell if type(cell) is str and cell and cell.isprintable() else _text(cell)
        for cell in map(row.get, table.columns)
    ]


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
    separator = "\n"
    for row in table.rows:
        if isinstance(row, Note):
            notes.append(_note_document(row))
            continue
        yield separator + "    " + _encode(dict(row))
        separator = ",\n"
    yield "]" if separator == "\n" else "\n  ]"
    if table.remark:
        yield f',\n  "remark": {json.dumps(table.remark)}'
    yield f',\n  "notes": {json.dumps(notes)}\n}}\n'


def _jsonl(table: Table, options: Options) -> Iterator[str]:
    del options
    for row in table.rows:
        line = {"note": _note_document(row)} if isinstance(row, Note) else dict(row)
        yield _encode({"table": table.name, **line}) + "\n"


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
