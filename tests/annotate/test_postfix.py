"""Expressions mean what they mean in C."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from btfdump._annotate import overlays
from btfdump._annotate.postfix import steps_of
from btfdump._kernel.expression import evaluate
from btfdump.errors import CorruptDataError, ExpressionError, MemberNotFoundError


class Names:
    """A scope of a few numbers; everything else is missing."""

    def __init__(self, **values: int) -> None:
        self.values = values
        self.asked: list[str] = []

    def member_(self, name: str) -> Names:
        self.asked.append(name)
        if name not in self.values:
            raise MemberNotFoundError(f"no {name}")
        return Names(**{**self.values, "value": self.values[name]})

    def value_(self) -> int:
        return self.values["value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # As gcc has them, with a = 6, b = 3, c = 0.
        ("!a == b", 0),  # in Python, not (a == b): 1
        ("!a == c", 1),
        ("!c + b", 4),
        ("!c & b", 1),
        ("a & !c", 0),
        ("b & !c", 1),
        ("a == !c", 0),
        ("!!a", 1),
        ("!~c", 0),
        ("~!a", -1),
        ("-a * b", -18),
        ("- - a", 6),
        ("a - -b", 9),
        ("a | b & c", 6),
        ("a ^ b | c", 5),
        ("a | b ^ b & a", 7),
        ("a << 1 + 1", 24),
        ("a + b * 2", 12),
        ("a - b - 1", 2),
        ("a / b / 2", 1),
        ("a % 4 * b", 6),
        ("a << 1 < b << 3", 1),
        ("a > b == 1 && 1", None),
        ("a && c || b", 1),
        ("c || a && c", 0),
        ("a || c && c", 1),
        ("a && b", 1),
        ("a == 6 && b != 2 || c", 1),
        ("(a & b) == 2", 1),
        ("a & (b == 3)", 0),
        ("(a > b) == 1", 1),
        ("a >> (b - 2) & 1", 1),
        ("0x1F + 010 + 08", None),
        ("0x1F + 010 + 0", 39),
        ("a.b->c", 0),
        ("a -> b . c", 0),
        ("(((((a)))))", 6),
        ("(" * 400 + "a" + ")" * 400, 6),
        ("-" * 900 + "a", 6),
        ("+".join(["a"] * 400), 2400),
        ("&&".join(["a"] * 300), 1),
    ],
)
def test_what_binds_closer(text: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(ExpressionError):
            evaluate([Names(a=6, b=3, c=0)], text)
    else:
        assert evaluate([Names(a=6, b=3, c=0)], text) == value


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("a & b == c", "== binds closer than &"),
        ("a == b & c", "== binds closer than &"),
        ("a | b != c", "!= binds closer than |"),
        ("a < b ^ c", "< binds closer than ^"),
        ("a && b & c >= 1 || c", ">= binds closer than &"),
        ("a & !b == c", "== binds closer than &"),
    ],
)
def test_what_surprises_in_c_is_refused(text: str, operators: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate([Names(a=6, b=3, c=0)], text)
    assert str(raised.value) == (
        f"condition {text!r} is ambiguous: in C, {operators}; put parentheses around what is meant"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a b", "a +", "+", "()", "(a", "a)", "a)(b", "a (b)", "1a", "0x", "a..b", "a."),
        *(".a", "a ** b", "a // b", "a = b", "a ! b", "a <> b", "a ? b", "a, b", "a[1]", "'a'"),
        *("1.5", "08", "a if b else c", "not a", "a and b", "a is b", "lambda: a", "é", "a;b"),
    ],
)
def test_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"^(is not an expression|uses more than members)"):
        steps_of(text)


def library_expressions() -> list[str]:
    """Return every expression in the library, the first of several enumerators in place of all."""
    texts = [path.read_text() for path in Path(overlays.__path__[0]).glob("*.toml")]
    found = re.findall(r'"(?:cond|skip|len):([^"]*)"', "\n".join(texts))
    return sorted({re.sub(r"\s*\?:\s*\w+", "", text) for text in found})


def test_the_library_means_the_same_in_python() -> None:
    """Nothing in it depends on what C and Python disagree about."""
    texts = library_expressions()
    assert len(texts) > 60
    random = Random(1)
    for text in texts:
        for _ in range(20):
            numbers = re.sub(
                r"(?<!\w)[A-Za-z_]\w*(?:\s*(?:\.|->)\s*\w+)*",
                lambda _: str(random.choice([1, 2, 3, 8, 31])),
                text,
            )
            python = re.sub(r"!(?!=)", " not ", numbers).replace("&&", " and ")
            python = python.replace("||", " or ").replace("/", "//")
            with suppress(CorruptDataError):  # a shift by a negative number
                value = eval(python.strip())
                expected = bool(value) if "&&" in text or "||" in text else value
                assert evaluate([], numbers) == expected, text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("c && x", ["c"]),
        ("a || x", ["a"]),
        ("c && x || b", ["c", "b"]),
        ("a && c && x", ["a", "c"]),
    ],
)
def test_what_need_not_be_looked_at_is_not(text: str, asked: list[str]) -> None:
    scope = Names(a=6, b=3, c=0)
    evaluate([scope], text)
    assert scope.asked == asked
