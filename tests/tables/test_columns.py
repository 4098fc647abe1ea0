"""Columns: how cells are told, and what is wrong with how they are declared."""

from __future__ import annotations

import pytest

from btfdump._kernel.following import Troubles
from btfdump._tables.columns import Bound
from btfdump._tables.definition import define
from btfdump._tables.library import definition_of
from btfdump.errors import MemberNotFoundError, SymbolNotFoundError


def bound(kernel, name="holders"):
    definition = definition_of(name, kernel.annotations.sources())
    assert definition is not None
    return Bound(kernel, definition, Troubles())


def test_forms_come_from_the_members_themselves(kernel):
    forms = {column.name: column.form for column in bound(kernel).columns}
    assert forms["size"].unit == "bytes"
    assert forms["size"].is_summed
    assert forms["mode"].names(3) == ["M_READ", "M_WRITE"]
    assert forms["mode"].text(3) == "M_READ|M_WRITE"
    assert forms["at"].is_address
    assert forms["at"].told(16) == "0x10"
    assert forms["id"].is_number
    assert (forms["twice"].spare, forms["at"].spare) == (1, 2)


def test_a_table_without_rows_here_says_why(kernel):
    elsewhere = define("x", {"rows": [{"as": "a", "each": "nowhere"}]}, "overlay")
    with pytest.raises(SymbolNotFoundError):
        Bound(kernel, elsewhere, Troubles())
    inside = {"rows": [{"as": "a", "each": "holders"}, {"as": "b", "each": ["a.x", "a.y"]}]}
    with pytest.raises(MemberNotFoundError, match="no member 'x'"):
        Bound(kernel, define("x", inside, "overlay"), Troubles())


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("other.id", "other is no level"),
        ("holder.id.x", "int leads to no struct"),
        ({"call": "nonsense"}, "no column function 'nonsense'; there are"),
        ({"path": "holder.id", "means": "unit:furlongs"}, "expected"),
        ({"path": "holder.id", "means": "no words"}, "none of the words"),
    ],
)
def test_columns_that_cannot_be(kernel, column, why):
    stated = {
        "rows": [{"as": "holder", "each": "holders"}],
        "columns": {"c": column, "id": "holder.id"},
    }
    found = Bound(kernel, define("x", stated, "overlay"), Troubles())
    assert [one.name for one in found.columns] == ["id"]
    assert why in str(found.lacking["c"])
