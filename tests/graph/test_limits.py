"""What a traversal is asked for: limits, and members."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._graph.limits import Limits, chosen, paths_of, selection_of
from btfdump.errors import ExpressionError


@pytest.mark.parametrize("name", ["depth", "elements", "objects", "string", "nesting"])
def test_a_limit_is_not_negative(name: str) -> None:
    limits: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"^Limits: {name} is -1; expected 0 or more"):
        Limits(**limits)
    limits = {name: "64"}
    with pytest.raises(TypeError, match=f"^Limits: {name} is '64'; expected an int"):
        Limits(**limits)
    limits = {name: 0}
    assert getattr(Limits(**limits), name) == 0


def test_a_selection_is_made_of_paths_and_back() -> None:
    selection = selection_of(["comm", "mm->pgd", "mm.map_count"])
    assert selection == {"comm": {}, "mm": {"pgd": {}, "map_count": {}}}
    assert list(paths_of(selection)) == [("comm",), ("mm", "pgd"), ("mm", "map_count")]
    assert selection_of(["comm", "mm->pgd", "mm.map_count"]) is selection


@pytest.mark.parametrize(
    "paths", [["se", "se.on_rq"], ["se.on_rq", "se"], ["a.b->c", "x", "a->b"], ["a.b.c.d", "a"]]
)
def test_all_of_a_member_and_a_part_of_it_are_not_asked_for_together(paths: list[str]) -> None:
    """Of the whole, all but the part was lost without a word."""
    with pytest.raises(ExpressionError, match=r"asks for all of it, .* for a part; name one"):
        chosen(paths)


def test_what_a_user_chooses() -> None:
    assert chosen([]) is None
    assert chosen(["se.a", "se.b", "se.a", "sex"]) == {"se": {"a": {}, "b": {}}, "sex": {}}
