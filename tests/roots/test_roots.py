"""The registry of roots and tables, and what is asked of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._roots import ROOTS, Query, RootKind, TableKind, root_of, table_of
from btfdump.errors import ExpressionError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


def test_a_root_of_objects_is_no_table() -> None:
    assert isinstance(root_of("task"), RootKind)
    assert table_of("task") is None
    assert isinstance(table_of("maps"), TableKind)
    assert root_of("maps") is None
    assert root_of("no_such_root") is None
    assert "who" in ROOTS.built_in


def test_what_there_is_none_of(opened: Callable[[str], Kernel]) -> None:
    kind = RootKind("NAME", "nothing", lambda kernel, argument: iter(()), name="nothing")
    kernel = opened("tagged")
    with pytest.raises(ObjectNotFoundError, match=r"^nothing: there is nothing of that kind"):
        list(kind.selected(kernel, None))
    with pytest.raises(ObjectNotFoundError, match=r"^nothing\(x\): there is nothing"):
        list(kind.selected(kernel, "x"))


def test_patterns_that_match_none_are_told() -> None:
    query = Query(("ts_*", "h_conf", "nobody"))
    wanted = [name for name in ("ts_stat", "h_conf", "rb") if query.wants(name)]
    assert wanted == ["ts_stat", "h_conf"]
    assert query.unmatched(2) == ["nobody"]
    assert Query().wants("anything")
    assert Query(("x",)).unmatched(3) == []  # a table that does not ask has no use for patterns
    assert Query(("x",)).unmatched(0) == ["x"]


def test_an_option_that_a_table_does_not_have(opened: Callable[[str], Kernel]) -> None:
    kind = table_of("maps")
    assert kind is not None
    with pytest.raises(ExpressionError, match="--hook: not an option of 'maps'"):
        kind.table(opened("tagged"), Query(filters={"hook": ("xdp",)}))
