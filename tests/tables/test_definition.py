"""What [table.NAME] may say, and what of it is refused, with the place."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._tables.definition import TableDefinition, define
from btfdump._tables.library import LIBRARY, names
from btfdump._tables.library import definition_of as declared
from btfdump.errors import AnnotationError


def definition_of(name: str, overlays: Any = ()) -> TableDefinition:
    found = declared(name, overlays)
    assert found is not None
    return found


ROWS = [{"as": "task", "each": "task"}]


@pytest.mark.parametrize(
    ("stated", "error"),
    [
        ({"row": []}, r"table\.t\.row: expected one of argument, columns"),
        ({"rows": "task"}, r"table\.t\.rows: expected a list of at most 8 levels"),
        ({"rows": ROWS * 9}, "at most 8 levels"),
        ({"rows": [{"as": "task"}]}, r"rows\[0\]: expected \{ as = "),
        ({"rows": [{"as": "a", "each": "b", "call": "c"}]}, r"rows\[0\]: expected \{ as = "),
        ({"rows": [{"as": "a", "each": "b", "kye": "c"}]}, r"rows\[0\]\.kye: expected one of"),
        ({"rows": [{"as": "a", "each": "b + c"}]}, "expected a member path, or a root"),
        ({"rows": [{"as": "a", "each": "b", "only": "a ="}]}, r"only: 'a =' is not an expression"),
        ({"columns": []}, r"columns: expected a table"),
        ({"columns": {"c": 3}}, r"columns\.c: expected a path"),
        ({"columns": {"c": {"path": "a", "call": "b"}}}, "expected a path, or a table with path"),
        ({"columns": {"c": {"path": "a", "sum": True}}}, r"columns\.c\.sum: expected one of call"),
        ({"columns": {"c": {"path": "a", "spare": "much"}}}, r"spare: expected a number"),
        ({"columns": {"c": []}}, "expected a text, or a list of alternatives"),
        ({"help": 3}, r"help: expected a text"),
        ({"names": "pid"}, r"names: expected a list of columns"),
    ],
)
def test_what_is_not_understood_is_refused(stated, error):
    with pytest.raises(AnnotationError, match=error):
        define("t", stated, "overlay x.toml")


def test_alternatives_of_an_argument_may_end_in_nothing():
    column = define("t", {"columns": {"c": {"call": "f", "of": [["a.b", ""]]}}}, "x").columns[0]
    assert column.arguments == (((("member", ("a", "b")),), ()),)


def load(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return Overlay.load(path)


def test_an_overlay_extends_a_table_of_the_library(tmp_path):
    mine = load(tmp_path, '[table.ps.columns]\npolicy = "task.policy"\npid = "task.tgid"\n')
    found, plain = definition_of("ps", [mine]), definition_of("ps")
    assert [c.name for c in found.columns] == [*(c.name for c in plain.columns), "policy"]
    assert found.columns[0].choices == (((("member", ("task", "tgid"))),),)
    assert found.levels == plain.levels
    assert found.source == "library, overlay mine.toml"


def test_an_overlay_replaces_a_table_or_adds_one(tmp_path):
    mine = load(
        tmp_path,
        '[table.ps]\nrows = [{ as = "t", each = "task" }]\n[table.ps.columns]\nx = "t.pid"\n'
        '[table.own]\nrows = [{ as = "t", each = "task" }]\n',
    )
    assert [c.name for c in definition_of("ps", [mine]).columns] == ["x"]
    assert "own" in names([mine])
    assert declared("own") is None


@pytest.mark.parametrize("text", ["table = 3", "[table]\nps = 3"])
def test_tables_must_be_tables(tmp_path, text):
    with pytest.raises(AnnotationError, match="expected"):
        load(tmp_path, text)


def test_every_table_of_the_library_is_understood():
    assert names() == sorted(path.stem for path in LIBRARY.iterdir())
    for name in names():
        definition = definition_of(name)
        assert definition.help, name
        assert definition.columns, name
        assert set(definition.names) <= {column.name for column in definition.columns}, name
