"""Conditions on rows: what holds, and what is refused with a remedy."""

from __future__ import annotations

import pytest

from btfdump._tables.form import Form
from btfdump._tables.where import RowCondition
from btfdump.errors import ExpressionError

FORMS = {
    "pages": Form(is_number=True, unit="bytes", scale=4096),
    "age": Form(is_number=True, unit="ns", text=lambda cell: f"{cell} ns"),
    "flags": Form(names=lambda cell: [n for bit, n in ((1, "O_A"), (2, "O_B")) if cell & bit]),
    "kind": Form(names=lambda cell: {1: "ONE"}.get(cell, "")),
    "at": Form(text=hex, is_address=True),
}
ROW = {
    "pid": 7,
    "state": "D",
    "comm": "kworker/0:1",
    "pages": 256,
    "age": 90_000_000_000,
    "flags": 3,
    "kind": 1,
    "at": 0x1000,
    "none": None,
    "is_on": True,
    "users": ["a", "b"],
    "ratio": 1.5,
}


@pytest.mark.parametrize(
    "text",
    [
        'state == "D"',
        "state == 'D' && pid == 7",
        'state != "S" || pid == 8',
        '!(state == "S")',
        "pid >= 7 && pid < 8",
        "pid % 2 == 1",
        "pid + 1 == 8",
        "-pid == -7",
        'pid == "7"',
        "pages == 1M",
        "pages > 1023K",
        "pages > 1.5K",
        "pages == 1MiB",
        "pages == 256",
        "age == 1.5m",
        "age > 89s && age < 1h",
        "age == 90000ms",
        'comm ~ "^kworker"',
        'comm !~ "^k$"',
        'flags == "O_A|O_B"',
        'flags ~ "O_B"',
        "flags & 1",
        "flags == 0x3",
        'kind == "ONE"',
        'at == "0x1000"',
        "at == 0x1000",
        "is_on",
        'is_on == "yes"',
        'users ~ "b"',
        "ratio > 1.25",
        "pid > 6K || pid == 7",
        "!none",
        "!(none == 0) && !(none != 0) && !(none < 3)",
        'none !~ "x"',
        "!(none + 1)",
        "!(pid / 0)",
        "!(1 << 200)",
    ],
)
def test_holds(text):
    assert RowCondition(text).holds(ROW, FORMS)


@pytest.mark.parametrize("text", ['state == "S"', "pages > 2M", 'comm ~ "x$"', "none", "pid == 6"])
def test_does_not_hold(text):
    assert not RowCondition(text).holds(ROW, FORMS)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("state ==", "is not an expression"),
        ("state = 'D'", "is not an expression"),
        ("", "is not an expression"),
        ("pid == 5x", "has the unit 'x'; known are"),
        ("1 < pid < 9", "comparisons cannot be chained"),
        ("flags & 1 == 1", "put parentheses"),
        ("pages > 5m", "5m is a time, pages is a number of bytes"),
        ("age > 5M", "5M is a number of bytes, age is a time"),
        ("pid > 5m", "5m is a time, pid is a number"),
        ("comm > 3", "comm is no number: compare it with a text in quotes"),
        ("comm + 1 == 2", "comm is no number"),
        ("comm ~ pid", "expected a text behind ~"),
        ('comm ~ "("', "is no regular expression"),
        ("users > 3", "users is no number"),
    ],
)
def test_refused(text, error):
    with pytest.raises(ExpressionError, match=error):
        RowCondition(text).holds(ROW, FORMS)


def test_an_unknown_column_is_told_with_what_may_have_been_meant():
    with pytest.raises(ExpressionError, match=r"no column 'stat'; did you mean state\? there are"):
        RowCondition("stat == 3").check(ROW)
    RowCondition("state == 3").check(ROW)
