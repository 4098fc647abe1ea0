"""Read back what `--format json` and `jsonl` write (docs/json-schema.json)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._files import MAX_DOCUMENT, as_text, open_file, read_rest
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"

EXPECTED = "what btfdump writes with --format json or jsonl"
_EXPECTED = f"expected {EXPECTED}"
_HEAD = 64
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def load(path: str | Path) -> dict[str, Any] | None:
    """Read a document of `--format json` or `jsonl`, from a file or from what comes out of a pipe.

    Returns None for a file that does not begin as JSON does, such as a vmcore. Raises `TargetError`
    if it does, but is no document, and for a pipe: that cannot be read again as something else.
    """
    with open_file(path, f"{_EXPECTED}, or a vmcore", devices=True, pipes=True) as file:
        try:
            head = file.read(_HEAD)
        except OSError as error:
            raise TargetError(f"{path}: cannot be read: {error.strerror}") from None
        for bom, encoding in _OTHER_BOMS:
            if head.startswith(bom):
                raise TargetError(
                    f"{path}: is text in {encoding}, or none; {_EXPECTED}, in UTF-8: a shell that "
                    "writes files in another encoding must not come between"
                )
        if not head.removeprefix(_BOM).lstrip().startswith((b"{", b"[", b'"')):
            if file.seekable():
                return None
            raise TargetError(f"{path}: what comes out of this pipe is no JSON; {_EXPECTED}")
        data = head + read_rest(path, file, MAX_DOCUMENT, _EXPECTED)
    return parse(data, path)


def parse(data: bytes, path: str | Path) -> dict[str, Any]:
    """Parse a document; raises `TargetError`, which names `path`, if it is not one."""
    text = as_text(data, path).removeprefix("\N{BYTE ORDER MARK}")
    try:
        document = loads(text)
    except RecursionError:
        raise TargetError(f"{path}: nested too deep for JSON") from None
    except json.JSONDecodeError as error:
        document = _lines(text)
        if document is None:
            raise TargetError(f"{path}: is no JSON: {error}; {_EXPECTED}") from None
    except ValueError:  # Python's own words tell programmers what to call
        raise TargetError(f"{path}: has a number of thousands of digits") from None
    if isinstance(document, dict) and ("type" in document or "address" in document):
        document = {"roots": [document]}  # jsonl of one line
    if not isinstance(document, dict):
        raise TargetError(f"{path}: is JSON, but {_kind(document)}; {_EXPECTED}")
    if not isinstance(document.get("roots", document.get("rows")), list):
        raise TargetError(f"{path}: has no roots; {_EXPECTED}")
    if not _is_well_formed(document):
        raise TargetError(f"{path}: does not follow docs/json-schema.json; write it again")
    return document


def loads(text: str) -> Any:
    """Parse JSON so that what is equal compares equal: NaN, which is not JSON, is a text."""
    return json.loads(text, parse_constant=str)


def _kind(document: Json) -> str:
    return "an array" if isinstance(document, list) else "a single value"


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
        roots = [loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
    return {"roots": roots} if all(isinstance(root, dict) for root in roots) else None
