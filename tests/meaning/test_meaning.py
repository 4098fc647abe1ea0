"""A meaning shows numbers in its base, and says nothing that it was not given."""

from __future__ import annotations

import pytest

from btfdump._meaning import Meaning


@pytest.mark.parametrize(
    ("base", "value", "expected"),
    [
        (10, 42, "42"),
        (10, -42, "-42"),
        (16, 42, "0x2a"),
        (16, -42, "-0x2a"),
        (8, 42, "052"),
        (8, -42, "-052"),
    ],
)
def test_numbers_in_a_base(base: int, value: int, expected: str) -> None:
    assert Meaning("some", base=base).number(value) == expected


def test_what_is_not_given() -> None:
    meaning = Meaning("some")
    assert [meaning.text, meaning.of_bytes, meaning.names, meaning.known] == [None] * 4
    assert meaning.is_lasting
    assert not meaning.is_folded
