"""Read back what `--format json` and `jsonl` write (docs/json-schema.json)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._files import MAX_DOCUMENT, open_file, read_file
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"

_EXPECTED = "expected what btfdump writes with --format json or jsonl"


def is_document(path: str | Path) -> bool:
    """Whether a file begins like a JSON object, as no vmcore does."""
    with open_file(path, f"{_EXPECTED}, or a vmcore", devices=True) as file:
        try:
            return file.read(64).lstrip().startswith(b"{")
        except OSError as error:
            raise TargetError(f"{path}: cannot be read: {error.strerror}") from None


def load(path: str | Path) -> dict[str, Any]:
    """Read a document of `--format json` or `jsonl`; raises `TargetError` if it is not one."""
    try:
        text = read_file(path, MAX_DOCUMENT, _EXPECTED).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TargetError(f"{path}: cannot be read as JSON: {error}") from None
    try:
        document = json.loads(text)
    except RecursionError:
        raise TargetError(f"{path}: nested too deep for JSON") from None
    except json.JSONDecodeError as error:
        document = _lines(text)
        if document is None:
            raise TargetError(f"{path}: is no JSON: {error}") from None
    except ValueError:  # Python's own words tell programmers what to call
        raise TargetError(f"{path}: has a number of thousands of digits") from None
    if isinstance(document, dict) and ("type" in document or "address" in document):
        document = {"roots": [document]}  # jsonl of one line
    if not isinstance(document, dict) or not isinstance(
        document.get("roots", document.get("rows")), list
    ):
        raise TargetError(f"{path}: has no roots; {_EXPECTED}")
    if not _is_well_formed(document):
        raise TargetError(f"{path}: does not follow docs/json-schema.json; write it again")
    return document


_SHAPES = {
    "members": dict,
    "at": dict,
    "summary": dict,
    "elements": list,
    "first": list,
    "notes": list,
    "roots": list,
    "rows": list,
    "address": str,
}
_LISTS_OF_OBJECTS = ("elements", "notes", "roots", "rows")


def _is_well_formed(document: Json) -> bool:
    """Whether what `Comparison` takes apart has the shape that it relies on."""
    work: list[tuple[Json, bool]] = [(document, False)]
    while work:
        value, is_named = work.pop()
        if isinstance(value, list):
            work += [(item, False) for item in value]
        elif isinstance(value, dict):
            for key, item in value.items():
                shape = None if is_named else _SHAPES.get(key)
                if shape is not None and not isinstance(item, shape):
                    return False
                if key in _LISTS_OF_OBJECTS and shape is not None:
                    work += [(part, False) for part in item]
                    if not all(isinstance(part, dict) for part in item):
                        return False
                    continue
                work.append((item, shape is dict and key != "summary"))
    return True


def _lines(text: str) -> dict[str, Any] | None:
    try:
        roots = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
    return {"roots": roots} if all(isinstance(root, dict) for root in roots) else None
