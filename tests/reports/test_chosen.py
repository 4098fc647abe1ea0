"""Which types a user means by a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.types import Opened, open_types
from btfdump._btf import Btf, BtfBuilder
from btfdump._reports.chosen import Pattern, chosen, every, spelled, words_of
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def made() -> Opened:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    b.struct("foo", 4, [("a", int_, 0)])
    b.struct("foo", 8, [("a", int_, 32)])
    b.struct("foo", 4, [("a", int_, 0)])
    b.typedef("foo", int_)
    b.fwd("only_declared")
    b.enum("foe", [("ONE", 1)])
    b.func("food", b.func_proto(int_, []))
    b.int_("long unsigned int", 8)
    return Opened(Btf.from_bytes(b.build()))


def found(opened: Opened, text: str) -> list[str]:
    return [spelled(one.type_) for one in chosen(opened, Pattern.parse(text))]


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("foo", ["struct foo@2", "struct foo@3", "typedef foo@5"]),
        ("struct foo", ["struct foo@2", "struct foo@3"]),
        ("struct foo@3", ["struct foo@3"]),
        ("@3", ["struct foo@3"]),
        ("typedef foo", ["typedef foo@5"]),
        ("union foo", []),
        ("fo?", ["struct foo@2", "struct foo@3", "struct foo@4", "enum foe@7", "typedef foo@5"]),
        ("func fo*", ["func food@9"]),
        ("int", ["int@1"]),
        ("unsigned long", ["long unsigned int@10"]),
        ("only_declared", []),
        ("@99", []),
    ],
)
def test_patterns(made: Opened, text: str, is_: list[str]) -> None:
    assert found(made, text) == is_


def test_different_ones_of_a_name_are_counted(made: Opened) -> None:
    ones = list(chosen(made, Pattern.parse("foo")))
    assert [one.alternatives for one in ones] == [2, 2, 1]


@pytest.mark.parametrize("text", ["", "  ", "a@b", "struct foo@", "m:"])
def test_what_is_no_pattern(text: str, made: Opened) -> None:
    with pytest.raises(ExpressionError, match="is not a type such as"):
        found(made, text)


def test_a_keyword_may_be_a_word_of_its_own() -> None:
    assert words_of(["struct", "foo", "bar", "m:union", "u"]) == ["struct foo", "bar", "m:union u"]


def test_everything(made: Opened) -> None:
    assert [spelled(one.type_) for one in every(made)] == [
        *("struct foo@2", "struct foo@3", "struct foo@4", "typedef foo@5", "enum foe@7"),
    ]


def test_modules(sample: Callable[[str], Path]) -> None:
    with open_types(str(sample("tagged"))) as opened:
        (one,) = chosen(opened, Pattern.parse("struct sample_root"))
        assert spelled(one.type_).startswith("btfsample:struct sample_root@")
        assert found(opened, spelled(one.type_)) == [spelled(one.type_)]
        assert found(opened, "vmlinux:struct sample_root") == []
        assert len(found(opened, "btfsample:struct *")) == 5
        assert len(found(opened, "struct list_head")) == 1
        assert opened.module("btfsample").name == "btfsample"
        with pytest.raises(ExpressionError, match="no module nope with BTF is loaded; there are: "):
            opened.module("nope")


def test_an_exact_name_makes_few_types(sample: Callable[[str], Path]) -> None:
    with open_types(str(sample("stock"))) as opened:
        assert found(opened, "struct task_struct")
        assert len(opened.btf._types) < 1000
        assert "_btfs" not in opened.kernel.modules.__dict__ if opened.kernel else False
