"""Plans: one step for each member that may be shown, decided once."""

from __future__ import annotations

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode.compiled.plan import is_text, plan_of
from btfdump._decode.layout import Layouts, StructLayout
from btfdump._graph.limits import selection_of
from btfdump.errors import BtfFormatError


@pytest.fixture
def layouts() -> Layouts:
    return Layouts("little", 8)


@pytest.fixture
def outer(layouts: Layouts) -> StructLayout:
    b = BtfBuilder()
    int_ = b.int_("int", 4, signed=True)
    pair = b.struct("pair", 8, [("x", int_, 0), ("y", int_, 32)])
    anonymous = b.struct("", 8, [("deep", int_, 0), ("er", int_, 32)])
    bits = b.struct("bits", 4, [("low", int_, 0, 3), ("high", int_, 3, 9)])
    members = [
        ("id", int_, 0),
        ("pair", pair, 64),
        ("", anonymous, 128),
        ("bits", bits, 192),
        ("text", b.array(b.int_("char", 1, char=True), 4), 224),
        ("pairs", b.array(pair, 5), 256),
    ]
    outer = b.struct("outer", 72, members)
    layout = layouts.of(b.parse().type(outer))
    assert isinstance(layout, StructLayout)
    return layout


def test_a_step_for_each_member(layouts, outer):
    plan = plan_of(layouts, None, outer, elements=64)
    assert [step.name for step in plan.steps] == [m.name for m in outer.members]
    assert [step.offset for step in plan.steps] == [0, 8, 16, 24, 28, 32]
    by_name = {step.name: step for step in plan.steps}
    assert [(s.name, s.offset) for s in by_name["pair"].inner] == [("x", 8), ("y", 12)]
    low, high = by_name["bits"].inner
    assert (low.is_bits, low.bit_offset, high.bit_offset) == (True, 24 * 8, 24 * 8 + 3)
    assert not low.is_plain
    assert by_name["id"].is_plain
    assert is_text(by_name["text"])
    numbers = [step.number for step in plan.steps] + [s.number for s in by_name["pair"].inner]
    assert len(numbers) == len(set(numbers))


def test_only_what_is_selected(layouts, outer):
    plan = plan_of(layouts, None, outer, selection_of(["pair.y", "deep"]), elements=64)
    found = {step.name: step for step in plan.steps}
    assert set(found) == {"pair", ""}
    assert [step.name for step in found["pair"].inner] == ["y"]
    assert [(step.name, step.offset) for step in found[""].inner] == [("deep", 16)]
    assert found["pair"].inner[0].is_wanted


def test_zero_members_are_wanted_if_they_are_asked_for(layouts, outer):
    for zero in (False, True):
        plan = plan_of(layouts, None, outer, elements=64, zero=zero)
        assert plan.zero == zero
        assert all(step.is_wanted == zero for step in plan.steps)


def test_what_is_made_of_itself_is_refused(layouts):
    b = BtfBuilder()
    endless = b.struct("endless", 8, [("again", 1, 0)])
    layout = layouts.of(b.parse(check=False).type(endless))
    with pytest.raises(BtfFormatError):
        plan_of(layouts, None, layout, elements=64)
