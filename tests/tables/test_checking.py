"""`annotations check` on tables: what a kernel has no members for, and what none can have."""

from __future__ import annotations

from btfdump._annotate.applying import APPLIES, MISFIT, NO_MEMBER
from btfdump._annotate.overlay import Overlay
from btfdump._tables.checking import check_tables

MINE = """
[table.mine]
rows = [{ as = "a", each = "no_such_global" }]
[table.ps.columns]
wrong = { call = "nonsense", of = "task" }
gone = "task.no_such_member"
policy = "task.policy"
"""


def test_what_applies_and_what_does_not(opened, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    overlay = Overlay.load(path)
    found = {one.place: one for one in check_tables(opened("stock"), [overlay])}
    assert found["[table.mine] rows"].status == NO_MEMBER
    assert found["[table.ps] rows"].status == APPLIES
    assert found["[table.ps] policy"].status == APPLIES
    assert found["[table.ps] wrong"].status == MISFIT
    assert found["[table.ps] gone"].status == NO_MEMBER
    assert "no_such_member" in found["[table.ps] gone"].reason
    assert found["[table.ps] gone"].source == "overlay mine.toml"
    assert {one.status for one in found.values() if one.source == "library"} == {APPLIES}


def test_a_table_that_is_not_understood_is_told(opened, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[table.mine]\nrow = "x"\n', "utf-8")
    found = [
        one for one in check_tables(opened("stock"), [Overlay.load(path)]) if one.struct == "mine"
    ]
    assert [(one.status, "expected one of" in one.reason) for one in found] == [(MISFIT, True)]
