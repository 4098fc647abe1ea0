"""Differences as text: one line each, `+` added, `-` removed, `~` changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from btfdump._diff.compare import Kind
from btfdump._render.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._diff.compare import Change
    from btfdump._diff.document import Json

_MARKS = {Kind.CHANGED: "~", Kind.ADDED: "+", Kind.REMOVED: "-"}
_COLORS = {Kind.CHANGED: "\x1b[33m", Kind.ADDED: "\x1b[32m", Kind.REMOVED: "\x1b[31m"}
_PLAIN = "\x1b[0m"
_LONGEST = 80


def render_changes(changes: Iterable[Change], color: bool = False) -> Iterator[str]:
    """Yield a line for each change."""
    for change in changes:
        path = change.path.removeprefix(".") or "."
        if change.kind is Kind.CHANGED:
            before = _told(change.before, change.before_meaning, change.is_bits)
            after = _told(change.after, change.after_meaning, change.is_bits)
            what = f"{path}: {before} -> {after}"
        else:
            what = f"{path}: {_value(change.before or change.after)}"
        line = f"{_MARKS[change.kind]} {printable(what)}"
        yield f"{_COLORS[change.kind]}{line}{_PLAIN}\n" if color else f"{line}\n"


def _told(value: Json, meaning: str, is_bits: bool) -> str:
    """Return a value and what it means; of an array, which consists of many, only that."""
    if meaning and isinstance(value, list | dict):
        return meaning
    text = hex(value) if is_bits and type(value) is int and value >= 0 else _value(value)
    return f"{text} {meaning}" if meaning else text


def _value(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
