"""The library's plain lines mean what a parser of TOML reads in them."""

from __future__ import annotations

from pathlib import Path

import pytest

import btfdump._annotate
from btfdump._annotate.overlay import _toml
from btfdump._annotate.plain_lines import plain_lines
from btfdump._annotate.tables import Pieces

FILES = sorted((Path(btfdump._annotate.__file__).parent / "overlays").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_library(file: Path) -> None:
    pieces = Pieces(file.read_text("utf-8"))
    for table, bodies in pieces._tables.items():
        for body in bodies:
            found, rest = plain_lines(body)
            assert found | _toml().loads(rest) == _toml().loads(body), table


def test_most_lines_are_plain() -> None:
    lines = sum(len(plain_lines(file.read_text("utf-8"))[0]) for file in FILES)
    assert lines > 5000


@pytest.mark.parametrize(
    "text",
    [
        'a = { tag = "x", see = "y" } # said\n',
        'a = { tag = "x\\ty" }\n',
        'a = { see = "y", tag = "x" }\n',
        'a = "x"\n',
        'a = { tags = ["x", "y"] }\n',
        'a.b = { tag = "x" }\n',
        'a = { tag = "x" }',  # no end of line
        "a = [\n",
    ],
)
def test_other_lines_are_left_to_it(text: str) -> None:
    assert plain_lines(text) == ({}, text)


def test_what_is_read() -> None:
    text = (
        '\n# said\na = { tag = "x" }\n"b.c" = { tag = "y:z", see = "f.c: g()", proven = true }\n'
        'd = ["x", "y"]\n\n'
    )
    assert plain_lines(text) == (
        {"a": {"tag": "x"}, "b.c": {"tag": "y:z", "see": "f.c: g()", "proven": True}},
        '\n# said\nd = ["x", "y"]\n\n',
    )
