"""Names and comments in C."""

from __future__ import annotations

import pytest

from btfdump._btf.c.words import comment, identifier, is_identifier, literal


@pytest.mark.parametrize(
    ("name", "as_c"),
    [("x", "x"), ("int", "int_"), ("4x", "_4x"), ("a-b", "a_b"), ("", "_"), ("é", "_")],
)
def test_identifiers(name: str, as_c: str) -> None:
    assert identifier(name) == as_c
    assert is_identifier(as_c)


@pytest.mark.parametrize("text", ["*/", "/* */", "*//", "\n*/", "a\\\n", "**//", "\u202e*/"])
def test_a_comment_ends_at_its_end(text: str) -> None:
    made = comment(text)
    assert made.startswith("/* ")
    assert made.index("*/") == len(made) - 2
    assert made.isascii()
    assert made.isprintable()


def test_literals() -> None:
    assert literal('a"b\\c\n') == '"a\\"b\\\\c\\012"'
    assert literal("??/") == '"\\?\\?/"'
