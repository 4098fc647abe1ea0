from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._targets.via_bpf.ranges import Ranges


def test_what_touches_or_overlaps_is_one():
    assert list(Ranges([(30, 40), (10, 20), (20, 25), (22, 23), (50, 50)])) == [(10, 25), (30, 40)]


@pytest.mark.parametrize(
    ("address", "end"), [(0, 0), (9, 9), (10, 20), (19, 20), (20, 20), (29, 29), (30, 40), (40, 40)]
)
def test_where_the_interval_around_an_address_ends(address, end):
    ranges = Ranges([(10, 20), (30, 40)])
    assert ranges.end_of(address) == end
    assert (address in ranges) == (end > address)


@pytest.mark.parametrize(
    ("address", "size", "expected"),
    [(10, 10, True), (10, 11, False), (9, 2, False), (19, 1, True), (20, 1, False), (35, 5, True)],
)
def test_what_is_covered_lies_in_one_interval(address, size, expected):
    assert Ranges([(10, 20), (30, 40)]).covers(address, size) == expected


def test_union():
    assert list(Ranges([(1, 5)]) | Ranges([(5, 9), (20, 30)])) == [(1, 9), (20, 30)]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_agrees_with_a_set(pairs):
    ranges = Ranges(pairs)
    members = {at for start, end in pairs for at in range(start, end)}
    assert {at for at in range(70) if at in ranges} == members
    assert len(ranges) == len([at for at in members if at - 1 not in members])
