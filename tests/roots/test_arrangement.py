"""What can be asked of every table: columns, conditions, order, number."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots.arrangement import Arrangement
from btfdump._roots.table import Branch, Table
from btfdump._tables.form import Form
from btfdump.errors import ExpressionError

NOTE = Note("broken", 0x10)
ROWS: list[Any] = [
    {"pid": 3, "ppid": 1, "comm": "c", "size": None, "more": 1},
    NOTE,
    {"pid": 1, "ppid": 0, "comm": "a", "size": 5, "more": 2},
    {"pid": 2, "ppid": 3, "comm": "b", "size": 1, "more": 3},
]


def asked(rows: Any = ROWS, *, forms: Any = (), tree: tuple[str, ...] = (), **how: Any) -> Any:
    table = Table("t", ("pid", "ppid", "comm", "size"), rows, forms=dict(forms), tree=tree)
    return Arrangement(**how).of(table)


def pids(table: Table) -> list[Any]:
    return [row if isinstance(row, Note) else row["pid"] for row in table.rows]


def test_nothing_asked_is_passed_on_as_it_comes():
    assert list(asked().rows) == ROWS
    passed: list[int] = []

    def lazily():
        for number, row in enumerate(ROWS):
            passed.append(number)
            yield row

    rows = iter(asked(lazily(), where=("pid == 3",)).rows)
    assert next(rows)["pid"] == 3
    assert passed == [0]


def test_columns_in_the_order_given_also_those_for_json_alone():
    table = asked(columns=("more", "pid"))
    assert table.columns == ("more", "pid")
    assert next(iter(table.rows)) == {"more": 1, "pid": 3}


def test_several_conditions_hold_together_and_notes_stay():
    assert pids(asked(where=("pid > 1", 'comm != "c"'))) == [NOTE, 2]


def test_sorted_with_what_is_missing_last():
    assert pids(asked(sort="size")) == [2, 1, 3, NOTE]
    assert pids(asked(sort="-size")) == [1, 2, 3, NOTE]
    assert pids(asked(sort="comm", limit=2)) == [1, 2]
    mixed: list[Any] = [{"x": "a"}, {"x": 2}, {"x": [1]}, {"x": True}]
    assert [row["x"] for row in asked(mixed, sort="x").rows] == [True, 2, [1], "a"]


def test_limit_and_count():
    assert pids(asked(limit=2)) == [3, NOTE, 1]
    assert pids(asked(limit=0)) == []
    counted = asked(where=("pid < 3",), is_count=True)
    assert counted.columns == ("count",)
    assert list(counted.rows) == [NOTE, {"count": 2}]


@pytest.mark.parametrize("how", [{"columns": ("pit",)}, {"sort": "-pit"}, {"where": ("pit == 1",)}])
def test_an_unknown_column_is_refused(how):
    with pytest.raises(ExpressionError, match=r"no column 'pit'; did you mean pid\? there are pid"):
        list(asked(**how).rows)
    with pytest.raises(ExpressionError):  # a declared table has no other columns: nothing is read
        asked([], forms={"pid": Form()}, **how)


def test_children_stand_below_their_parents():
    table = asked(tree=("pid", "ppid"))
    found = [(row["pid"], row.depth) for row in table.rows if isinstance(row, Branch)]
    assert found == [(1, 0), (3, 1), (2, 2)]
    table = asked(tree=("pid", "ppid"), sort="-pid", columns=("comm",))
    assert [row.depth for row in table.rows if isinstance(row, Branch)] == [0, 1, 2]


def test_a_cycle_of_parents_loses_nothing():
    rows = [{"pid": 1, "ppid": 2}, {"pid": 2, "ppid": 1}, {"pid": 3, "ppid": 3}]
    found = [(row["pid"], row.depth) for row in asked(rows, tree=("pid", "ppid")).rows]
    assert found == [(3, 0), (1, 0), (2, 1)]
