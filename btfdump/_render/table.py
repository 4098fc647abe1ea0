"""Tables in every format: aligned columns for people, JSON objects and CSV for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._render.escape import printable
from btfdump._roots.table import Block
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from btfdump._render import Options
    from btfdump._roots.table import Cell, Row, Table

_encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps() makes one for each call
_DOUBLED = {ord("{"): "{{", ord("}"): "}}"}
"""What stands for braces in a format."""
_NAMES = "_text"
"""What is added to a column's name for the names of its numbers."""


def render_table(table: Table, format: str, options: Options) -> Iterator[str]:
    """Yield a table in a format; raises `ExpressionError` if the format has no tables."""
    render = _FORMATS.get(format)
    if render is None:
        raise ExpressionError(
            f"{table.name} is a table: it has no {format!r} form; choose {', '.join(_FORMATS)}"
        )
    return render(table, options)


def _aligned(table: Table, options: Options) -> Iterator[str]:
    from btfdump._render.columns import render_aligned

    return render_aligned(table, options)


def _json(table: Table, options: Options) -> Iterator[str]:
    head = {"kernel": options.release, "source": options.source, "table": table.name}
    notes = []
    yield json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "rows": ['
    separator = "\n    "
    document = _documents(table)
    for row in chain(table.rows, table.blocks):
        if isinstance(row, Note):
            notes.append(_note_document(row))
            continue
        yield separator + ",\n    ".join(_objects(row, document))
        separator = ",\n    "
    yield "]" if separator == "\n    " else "\n  ]"
    if said := table.last_words():
        yield f',\n  "remark": {json.dumps("; ".join(said))}'
    yield f',\n  "notes": {json.dumps(notes)}\n}}\n'


def _jsonl(table: Table, options: Options) -> Iterator[str]:
    del options
    named = {"table": table.name}
    document = _documents(table)
    for row in chain(table.rows, table.blocks):
        if isinstance(row, Note):
            yield _encode({**named, "note": _note_document(row)}) + "\n"
        else:
            yield "\n".join(_objects(row, document, named)) + "\n"


def _objects(
    row: Row | Block,
    document: Callable[[Row], dict[str, Any]],
    before: Row = MappingProxyType({}),
) -> Iterable[str]:
    """Return the JSON object of a row, or one for each of some, with what stands before it."""
    if not isinstance(row, Block):
        return (_encode({**before, **document(row)}),)
    cells = {name: repeat(cell, len(row)) for name, cell in before.items()} | {**row.cells}
    names = [_encode(name).translate(_DOUBLED) for name in cells]
    objects = f"{{{{{', '.join(f'{name}: {{}}' for name in names)}}}}}"
    return map(objects.format, *(map(_quoted, column) for column in cells.values()))


def _quoted(cell: Cell) -> str:
    return encode_basestring_ascii(cell) if type(cell) is str else _encode(cell)


def _csv(table: Table, options: Options) -> Iterator[str]:
    """Comma-separated values; notes are for the caller to tell, who must not pass any."""
    import csv
    import io

    del options
    names = [*table.columns]
    names += [f"{n}{_NAMES}" for n in names if (f := table.forms.get(n)) is not None and f.names]
    document = _documents(table)
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(names)
    for found in chain(table.rows, table.blocks):
        if isinstance(found, Note):
            continue
        for row in found.rows() if isinstance(found, Block) else (found,):
            cells = document(row)
            for name, form in table.forms.items():  # what has parts of its own, in one text
                if form.text is not None and isinstance(cells.get(name), list):
                    cells[name] = form.text(cells[name])
            writer.writerow([_plain(cells.get(name)) for name in names])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()  # the head alone, if there were no rows


def _plain(cell: Any) -> str:
    """Return a cell of CSV: nothing for what is missing, and lists with commas."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Mapping):
        return ",".join(f"{key}={_plain(value)}" for key, value in cell.items())
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return ",".join(map(_plain, cell))
    return printable(str(cell))


def _documents(table: Table) -> Callable[[Row], dict[str, Any]]:
    """Return what makes a row a JSON object: addresses are texts, names stand beside numbers."""
    addresses = [name for name, form in table.forms.items() if form.is_address]
    named = [(name, form.names) for name, form in table.forms.items() if form.names is not None]
    if not addresses and not named:
        return dict

    def document(row: Row) -> dict[str, Any]:
        found: dict[str, Any] = dict(row)
        for name in addresses:
            if isinstance(cell := found.get(name), int):
                found[name] = hex(cell)
        for name, names in named:
            if (cell := found.get(name)) is not None:
                found[f"{name}{_NAMES}"] = names(cell)
        return found

    return document


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
    "csv": _csv,
}
