"""Compiled conditions say what the reference says, and what may fail is left to it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from btfdump._graph.conditions import compiled
from btfdump._kernel.expression import evaluate


class Number(NamedTuple):
    """A member, or the struct of two."""

    data: bytes
    at: int | None = None

    def member_(self, name: str) -> Number:
        return Number(self.data, "ab".index(name))

    def value_(self) -> int:
        assert self.at is not None
        return self.data[self.at]


def member(path):
    at = {"a": 0, "b": 1}.get(path)
    return None if at is None else lambda data, start: data[start + at]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "!a",
        "!!a",
        "a == b",
        "a != b && b < 3",
        "a || b",
        "a && b || !a",
        "(a & 2) == 2 || (b ^ 1) > a",
        "a | b",
        "1",
        "a >= 2 && (b <= 1 || a != 3) && !b",
    ],
)
def test_what_the_reference_says(text):
    quick = compiled(text, member)
    assert quick is not None
    for pair in itertools.product(range(4), repeat=2):
        data = bytes(pair)
        assert bool(quick(data, 0)) == bool(evaluate([Number(data)], text)), pair
        assert bool(quick(b"\7" + data, 1)) == bool(quick(data, 0))


@pytest.mark.parametrize(
    "text", ["a / b", "a << b", "a + b == 3", "-a", "~a", "c", "a && c", "a &&", "a & b == c"]
)
def test_what_may_fail_is_left_to_the_reference(text):
    assert compiled(text, member) is None


def test_no_condition_is_nested_deeply():
    assert compiled("!" * 200 + "a", member) is None
    assert compiled("&&".join(["a"] * 100), member) is None
