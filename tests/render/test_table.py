"""Tables: aligned text, JSON, notes among the rows, and what a kernel's text may do to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query, TableKind
from btfdump._roots.table import Block, Table
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._roots.table import Row

ROWS: tuple[dict[str, Any] | Note, ...] = (
    {"id": 7, "name": "ts_links", "used by": ["a", "b"], "hidden": {"x": 1}},
    Note("the idr is corrupt", 0x1000),
    {"id": 12, "name": "\x1b[31mred", "used by": []},
)


def render(
    format_: str,
    *,
    color: bool = False,
    rows: Iterable[Row | Note] = ROWS,
    blocks: Iterable[Block] = (),
) -> str:
    table = Table("maps", ("id", "name", "used by"), rows, "2 maps", blocks=blocks)
    return "".join(render_table(table, format_, Options(color=color, release="6.12")))


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_columns_are_aligned(format_):
    assert render(format_).splitlines() == [
        "id  name         used by",
        " 7  ts_links     a,b",
        "! the idr is corrupt",
        "12  \\x1b[31mred  -",
        "2 maps",
    ]


def test_color_is_ours_alone():
    text = render("tree", color=True)
    assert text.startswith("\x1b[1mid")
    assert "\x1b[31mred" not in text
    assert "\x1b[31m! the idr" in text


def test_an_empty_table_says_so():
    assert render("text", rows=()).splitlines() == ["id  name  used by", "no maps", "2 maps"]


def test_nothing_but_a_note_is_not_said_to_be_empty():
    lines = render("text", rows=[ROWS[1]]).splitlines()
    assert lines == ["id  name  used by", "! the idr is corrupt", "2 maps"]


def test_json():
    document = json.loads(render("json"))
    assert document["table"] == "maps"
    assert document["kernel"] == "6.12"
    assert [row["id"] for row in document["rows"]] == [7, 12]
    assert document["rows"][0]["hidden"] == {"x": 1}
    assert document["notes"] == [{"text": "the idr is corrupt", "address": "0x1000"}]
    assert json.loads(render("json", rows=()))["rows"] == []


def test_jsonl_gives_a_row_a_line():
    lines = [json.loads(line) for line in render("jsonl").splitlines()]
    assert [line["table"] for line in lines] == ["maps"] * 3
    assert lines[1]["note"]["text"] == "the idr is corrupt"
    assert lines[2]["name"] == "\x1b[31mred"


CELLS: dict[str, list[Any]] = {
    "id": [7, 12, None],
    "name": ["ts_links", "\x1b[31m{red}", ""],
    "used by": [["a", "b"], [], "%s"],
    "{hid%den}": ["x", {"y": "{}"}, True],
}


@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
@pytest.mark.parametrize("names", [tuple(CELLS), ("id", "name"), ("name",)])
def test_a_block_is_written_as_its_rows(format_, names):
    block = Block({name: CELLS[name] for name in names})
    assert len(block) == 3
    note = ROWS[1]
    assert render(format_, rows=[note, *ROWS], blocks=[block, block]) == render(
        format_, rows=[note, *ROWS, *block.rows(), *block.rows()]
    )
    assert render(format_, rows=[], blocks=[block]) == render(format_, rows=list(block.rows()))


def test_widths_are_those_of_the_first_blocks():
    blocks = [Block({"id": range(999)}), Block({"id": ["abcdef"]}), Block({"id": ["n" * 50]})]
    lines = render("text", rows=[], blocks=blocks).splitlines()
    assert lines[1:3] == ["0          -        -", "1          -        -"]
    assert lines[1001] == f"{'n' * 50}     -        -"


def test_snprintf_has_no_tables():
    with pytest.raises(ExpressionError, match=r"maps is a table: it has no 'snprintf' form"):
        render("snprintf")


def test_query():
    assert Query().wants("anything")
    assert Query(("bpf_*", "7")).wants("bpf_iter")
    assert not Query(("bpf_*",)).wants("x", "8")


def test_many_names_are_wanted_as_each_by_itself():
    names = ["bpf_iter", "x", "7", "bpf", "xbpf_iter", "a\nb"]
    for patterns in ((), ("bpf_*", "7"), ("no",), ("a?b", "[x7]", "*")):
        many, single = Query(patterns), Query(patterns)
        assert many.wanted(names) == [single.wants(name) for name in names]
        assert many.asked == single.asked


def test_options_of_other_tables_are_refused():
    kind = TableKind("NAME", "", (), lambda kernel, query: Table("maps", ()), "maps")
    with pytest.raises(ExpressionError, match="--hook: not an option of 'maps'"):
        kind.table(None, Query((), {"hook": ("xdp",)}))  # type: ignore[arg-type]


@pytest.mark.parametrize("format_", ["text", "json", "jsonl"])
def test_rows_are_written_while_others_are_still_to_come(format_):
    taken = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for taken in range(1, 100_000):
            yield {"id": taken, "name": "n" * (taken // 10_000 + 1), "used by": []}

    pieces = render_table(Table("maps", ("id", "name", "used by"), rows()), format_, Options())
    for _ in range(3):
        next(pieces)
    assert 0 < taken <= 1000
    last = list(pieces)[-1]
    assert taken == 99_999
    assert format_ == "json" or "nnnnnnnnnn" in last  # wider than those that were measured
