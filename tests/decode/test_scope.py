"""Facts on members by the way that led to them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode.layout import Layouts
from btfdump._decode.scope import PathFacts, Scope, stated_by


def paths(**facts: str) -> PathFacts:
    found = PathFacts()
    for path, known in facts.items():
        found[path.replace("__", ".")] = known
    return found


def struct(own: dict[int, str], **by_path: str) -> SimpleNamespace:
    return SimpleNamespace(members=own, paths=paths(**by_path))


def test_path_facts():
    found = paths(se__node="a", se="b", mm="c")
    assert dict(found.items()) == {"se.node": "a", "se": "b", "mm": "c"}
    assert found.get("se.node") == found["se.node"] == "a"
    assert found.get("se.other") is None
    assert found.get("nope.node") is None
    with pytest.raises(KeyError, match="nope"):
        found["nope"]
    assert found
    assert not PathFacts()


def test_a_struct_alone():
    scope = Scope(struct({1: "own"}))
    assert scope.of(0, "a") is None
    assert scope.of(1, "b") == "own"
    assert scope.inside("a") == ()
    assert Scope(None).of(0, "a") is None


def test_the_outermost_has_the_last_word():
    outer = Scope(struct({}, a__b__c="outer"), stated_by(paths(a__b__d="pointer")))
    middle = Scope(struct({}, b__c="middle", b__d="middle", b__e="middle"), outer.inside("a"))
    inner = Scope(struct({0: "own", 1: "own", 2: "own", 3: "own"}), middle.inside("b"))
    assert [inner.of(i, name) for i, name in enumerate("cdef")] == [
        "outer",
        "pointer",
        "middle",
        "own",
    ]


def test_nothing_is_carried_where_nothing_is_stated():
    outer = Scope(struct({}, a__b="fact"))
    assert outer.inside("z") == ()
    assert Scope(None, outer.inside("a")).inside("b") == ()


def test_an_anonymous_struct_is_part_of_the_one_around_it():
    outer = Scope(struct({}, b="fact"))
    anonymous = Scope(struct({0: "own"}), outer.inside(""))
    assert anonymous.of(0, "b") == "fact"
    assert anonymous.of(0, "") == "own"  # what holds for a member of it does not hold for itself


def test_whether_anything_is_told_of_a_member() -> None:
    """Of one without a name, by what is in it."""
    b = BtfBuilder()
    inner = b.struct(
        "", 0, [("empty", b.struct("", 0, []), 0), ("tail", b.array(b.int_("u8", 1), 0), 0)]
    )
    layout = Layouts("little", 8).of(b.parse().type(inner))
    scope = Scope(struct({2: "own"}, tail="fact"))
    assert scope.tells(0, "", layout)
    assert scope.tells(1, "tail", layout)
    assert scope.tells(2, "own", layout)
    assert not scope.tells(1, "other", layout)
    assert not Scope(struct({}, other="fact")).tells(0, "", layout)
    assert not Scope(None).tells(0, "", layout)
