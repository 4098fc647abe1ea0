"""Tables for people: what fits a terminal, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots.table import Branch, Table
from btfdump._tables.form import Form

FORMS = {
    "pid": Form(is_number=True),
    "size": Form(is_number=True, text=lambda cell: f"{cell} KiB", is_summed=True),
    "at": Form(text=hex, is_address=True, spare=2),
    "flags": Form(names=lambda cell: ["A", "B"][:cell], text=lambda cell: ["", "A", "A|B"][cell]),
    "note": Form(spare=1),
    "path": Form(),
}
ROWS: list[dict[str, Any]] = [
    {"pid": 1, "size": 8, "at": 4096, "flags": 2, "note": "x", "path": "/short"},
    {"pid": 22, "size": None, "at": None, "flags": 0, "note": None, "path": "/a/long/way/down/it"},
    {"pid": 3, "size": 120, "at": 0, "flags": 1, "note": "y" * 8, "path": None},
]


def lines(width: int = 0, rows: Any = ROWS, format_: str = "text") -> list[str]:
    table = Table("things", tuple(FORMS), rows, forms=FORMS)
    return "".join(render_table(table, format_, Options(width=width))).splitlines()


def test_cells_are_told_as_their_columns_say():
    assert lines() == [
        "pid     size  at      flags  note      path",
        "  1    8 KiB  0x1000  A|B    x         /short",
        " 22        -  -       0      -         /a/long/way/down/it",
        "  3  120 KiB  0x0     A      yyyyyyyy  -",
        "total of 3: size 128 KiB",
    ]


def test_columns_to_spare_are_left_out_first_and_that_is_said():
    assert lines(56)[0] == "pid     size  flags  note      path"
    assert lines(56)[-1] == "no room for at (--columns, or a wider terminal)"
    assert lines(44)[0] == "pid     size  flags  path"
    assert "no room for at, note" in lines(44)[-1]
    assert all(len(line) <= 44 for line in lines(44)[:-2])


def test_then_long_texts_are_folded():
    assert lines(38)[:5] == [
        "pid     size  flags  path",
        "  1    8 KiB  A|B    /short",
        " 22        -  0      /a/long/way/down/",
        "                     it",
        "  3  120 KiB  A      -",
    ]


@pytest.mark.parametrize("width", range(1, 60, 7))
def test_no_width_loses_a_cell(width):
    text = "".join("".join(lines(width)).split())
    assert "120KiB" in text
    assert "22" in text


def test_json_has_values_with_names_beside_them():
    assert lines(format_="jsonl")[0] == (
        '{"table": "things", "pid": 1, "size": 8, "at": "0x1000", "flags": 2, "note": "x", '
        '"path": "/short", "flags_text": ["A", "B"]}'
    )


def test_csv():
    rows = [ROWS[0], {"pid": 2, "flags": None, "path": 'a,"\x1b\n', "size": True}]
    assert lines(rows=rows, format_="csv") == [
        "pid,size,at,flags,note,path,flags_text",
        '1,8,0x1000,2,x,/short,"A,B"',
        '2,true,,,,"a,""\\x1b\\n",',
    ]
    assert lines(rows=[], format_="csv") == ["pid,size,at,flags,note,path,flags_text"]


def test_branches_are_indented():
    below = Branch(ROWS[0])
    below.depth = 2
    assert lines(rows=[ROWS[0], below])[2].endswith("    /short")
