"""TOML of our own, read without a parser of all of TOML: the library, and tables of names.

::

    children = { tag = "task_struct:sibling", see = "kernel/fork.c: copy_process()", proven = true }

Nearly all lines have this form: a look at one task needs some three hundred, of which tomllib takes
a tenth of a millisecond for each, and three to be imported. The others consist of the same pieces:
strings without escapes, words, numbers, lists and tables. Whatever else there is, is left to it;
tests/files/test_plain_toml.py compares the two.
"""

from __future__ import annotations

import re
from typing import Any

_STRING = r'"([^"\\\n]*)"'
_LINE = re.compile(
    rf"^(?:([A-Za-z_]\w*)|{_STRING}) = "
    rf"\{{ tag = {_STRING}(?:, see = {_STRING})?(, proven = true)? \}}\n",
    re.ASCII | re.MULTILINE,
)
_TOKEN = re.compile(
    r'(?P<string>"[^"\\\n]*")|(?P<word>[A-Za-z_]\w*)|(?P<number>0x[0-9A-Fa-f]+|0|[1-9]\d*)'
    r"|(?P<mark>[\[\]{},=])|(?P<end>\n)|[ \t]+|#[^\n]*",
    re.ASCII,
)
_CONSTANTS = {"true": True, "false": False}
_MAX_DEPTH = 8


def plain_lines(text: str) -> tuple[dict[str, Any], str]:
    """Return what such lines say, as a parser of TOML would, and the text of all others.

    That is "" if there is nothing but comments.
    """
    found: dict[str, Any] = {}
    rest: list[str] = []
    at = 0
    for line in _LINE.finditer(text):
        if line.start() > at:
            rest.append(text[at : line.start()])
        at = line.end()
        bare, quoted, tag, see, proven = line.groups()
        entry: dict[str, Any] = {"tag": tag}
        if see is not None:
            entry["see"] = see
        if proven:
            entry["proven"] = True
        found[bare if bare is not None else quoted] = entry
    rest.append(text[at:])
    others = "".join(rest)
    is_bare = all(not line or line.startswith("#") for line in others.split("\n"))
    return found, "" if is_bare else others


def plain_table(text: str) -> dict[str, Any] | None:
    """Return a table that consists of plain pieces, None for any other."""
    numbers = _numbers(text)
    if numbers is not None:
        return numbers
    try:
        return _Pieces(text).table()
    except (ValueError, StopIteration):
        return None


def _numbers(text: str) -> dict[str, Any] | None:
    """Return a table of nothing but lines such as `PF_KTHREAD = 0x200000`, None for any other."""
    found: dict[str, Any] = {}
    for line in text.split("\n"):
        if not line:
            continue
        name, _, number = line.partition(" = ")
        is_number = number.isdigit() or (number[:2] == "0x" and number.isalnum())
        if not (is_number and line.isascii() and name.isidentifier()) or name in found:
            return None
        try:
            found[name] = int(number, 0)
        except ValueError:  # 08, 0xg
            return None
    return found


class _Pieces:
    """The tokens of a table, read one after the other; `ValueError` if something is not plain."""

    def __init__(self, text: str) -> None:
        self._tokens = self._split(text)
        self._kind, self._text = "", ""

    @staticmethod
    def _split(text: str) -> Any:
        at = 0
        for token in _TOKEN.finditer(text):
            if token.start() != at:
                raise ValueError(text[at])
            at = token.end()
            if token.lastgroup is not None:
                yield token.lastgroup, token[0]
        if at != len(text):
            raise ValueError(text[at])
        yield "end", "\n"
        yield "end", ""

    def _next(self, *, in_lines: bool = False) -> None:
        self._kind, self._text = next(self._tokens)
        while in_lines and self._kind == "end" and self._text:
            self._kind, self._text = next(self._tokens)

    def table(self) -> dict[str, Any]:
        """Return the entries, one a line."""
        found: dict[str, Any] = {}
        self._next(in_lines=True)
        while self._text:
            key = self._key(found)
            found[key] = self._value(0)
            self._next()
            if self._kind != "end":
                raise ValueError(self._text)
            self._next(in_lines=True)
        return found

    def _key(self, found: dict[str, Any]) -> str:
        """Return the key before an equals sign, and go on to the value."""
        if self._kind not in ("string", "word"):
            raise ValueError(self._text)
        key = self._text.strip('"')
        self._next()
        if self._text != "=" or key in found:
            raise ValueError(self._text)
        self._next()
        return key

    def _value(self, depth: int) -> Any:
        """Return the value that begins with the token at hand; stay at its last one."""
        if self._kind == "string":
            return self._text[1:-1]
        if self._kind == "number":
            return int(self._text, 0)
        if self._kind == "word":
            return _CONSTANTS[self._text] if self._text in _CONSTANTS else self._refuse()
        if depth > _MAX_DEPTH:
            return self._refuse()
        if self._text == "[":
            return self._list(depth)
        return self._inline(depth) if self._text == "{" else self._refuse()

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self._next(in_lines=True)
        while self._text != "]":
            found.append(self._value(depth + 1))
            self._next(in_lines=True)
            if self._text == ",":
                self._next(in_lines=True)
            elif self._text != "]":
                self._refuse()
        return found

    def _inline(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._next()
        while self._text != "}":
            key = self._key(found)
            found[key] = self._value(depth + 1)
            self._next()
            if self._text == ",":
                self._next()
                if self._text == "}":
                    self._refuse()
            elif self._text != "}":
                self._refuse()
        return found

    def _refuse(self) -> Any:
        raise ValueError(self._text)
