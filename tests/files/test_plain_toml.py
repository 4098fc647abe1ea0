"""The library's plain lines mean what a parser of TOML reads in them."""

from __future__ import annotations

from pathlib import Path

import pytest

import btfdump._annotate
from btfdump._annotate.overlay import _toml
from btfdump._annotate.tables import Pieces
from btfdump._files.plain_toml import plain_lines, plain_table

FILES = sorted((Path(btfdump._annotate.__file__).parent / "overlays").glob("*.toml"))


def _tables(file: Path) -> dict[str, list[str]]:
    return Pieces(file.read_text("utf-8"))._tables


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_library(file: Path) -> None:
    for table, bodies in _tables(file).items():
        for body in bodies:
            found, rest = plain_lines(body)
            whole = _toml().loads(body)
            assert found | _toml().loads(rest) == whole, table
            assert plain_table(body) in (whole, None), table


def test_most_lines_are_plain() -> None:
    lines = sum(len(plain_lines(file.read_text("utf-8"))[0]) for file in FILES)
    assert lines > 5000
    tables = [body for file in FILES for bodies in _tables(file).values() for body in bodies]
    odd = [body for body in tables if plain_table(body) is None]
    assert len(odd) * 20 < len(tables)


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


@pytest.mark.parametrize(
    "text",
    [
        'a = 1\nb = 0x1F # said\n\nc = "x"\n',
        'a = ["x", ["y", "z"],\n  "w", # said\n]\n',
        'a = { b = "x", c = ["y"], d = true, e = {} }',
        '"a b" = "x"\n',
        "",
        "# nothing\n",
    ],
)
def test_plain_tables(text: str) -> None:
    assert plain_table(text) == _toml().loads(text)


@pytest.mark.parametrize(
    "text",
    [
        'a.b = "x"',
        'a = "x\\n"',
        "a = 'x'",
        "a = 1.5",
        "a = 07",
        "a = -1",
        "a = nan",
        "a = 1979-05-27",
        'a = "x" b = "y"',
        'a = "x"\na = "y"',
        "a = [1, 2",
        "a = { b = 1, }",
        "a = { b = 1 c = 2 }",
        "a",
        "= 1",
        "a = [[[[[[[[[[[[1]]]]]]]]]]]]",
        "[a]\nb = 1",
        'a = """x"""',
    ],
)
def test_other_tables_are_left_to_a_parser_of_toml(text: str) -> None:
    assert plain_table(text) is None


def test_what_is_read() -> None:
    text = (
        '\n# said\na = { tag = "x" }\n"b.c" = { tag = "y:z", see = "f.c: g()", proven = true }\n'
        'd = ["x", "y"]\n\n'
    )
    assert plain_lines(text) == (
        {"a": {"tag": "x"}, "b.c": {"tag": "y:z", "see": "f.c: g()", "proven": True}},
        '\n# said\nd = ["x", "y"]\n\n',
    )


@pytest.mark.parametrize(
    "text",
    [
        "A = 0x1\nB_2 = 17\n",
        "A = 0\n\nB = 0xFF\n",
        "A = 08\n",
        "A = 0xg\n",
        "A = 1\nA = 2\n",
        "é = 1\n",
    ],
)
def test_tables_of_numbers(text: str) -> None:
    try:
        expected = _toml().loads(text)
    except _toml().TOMLDecodeError:
        expected = None
    assert plain_table(text) == expected
