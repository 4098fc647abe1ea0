"""Expressions evaluated: in kernels of one struct, in every byte order and word size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.errors import (
    BtfdumpError,
    CorruptDataError,
    ExpressionError,
    FaultError,
    MemberNotFoundError,
    ObjectNotFoundError,
)
from tests.support.items import full_item

if TYPE_CHECKING:
    from btfdump._kernel.value import Value
    from tests.support.synthetic import World

SCALARS = ("u8", "u64", "s64", "unsigned long")


@pytest.fixture
def item(world: World) -> Value:
    for name in SCALARS:
        world.id(name)
    return full_item(world)


@pytest.fixture
def evaluate(item):
    """Return text -> value; X stands for the item."""
    spelled = f"(*(struct item *){item.address_:#x})"
    kernel = item._context_
    return lambda text: kernel.eval(text.replace("X", spelled))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("X.id", -1),
        ("X.next->id", 2),
        ("X.next.id + 3 * 2", 8),
        ("-X.next->id", -2),
        ("~0", -1),
        ("!X.next", 0),
        ("!!X.next->next", 0),
        ("X.numbers[X.next->id]", -3),
        ("*X.numbers", -1),
        ("*&X.numbers[1]", 2),
        ("(&X)->next->id", 2),
        ("&X == (void *)(u64)&X", 1),
        ("(u8)X.raw", 0x44),
        ("X.low | X.high << 3", 5 | 300 << 3),
        ("X.color == GREEN", 1),
        ("X.grid[GREEN - 1].x", 8),
        ('X.color == "GREEN"', 1),
        ('X.color != "RED"', 1),
        ('X.name == "abc"', 1),
        ('X.name ~ "^a.c$"', 1),
        ('X.name !~ "b"', 0),
        ("X.next->id == 2 && X.next->next->id", None),
        ("!X.next->next || X.next->next->id", 1),
        ("X.id == -1 || 1 / 0", 1),
        ("&X.numbers[3] - &X.numbers[1]", 2),
        ("*(&X.numbers[1] + 2)", 4),
        ("(&X.numbers[1])[1]", -3),
        ("X.grid[x == 8].y", 9),
        ("X.numbers[value > 2]", 4),
        ("X.numbers[key == 1]", 2),
        ("X.list[id == 2].id", 2),
        ("X.list[0].id", 2),
        ("X.items[id == 2]->id", 2),
        ("container_of(X.list.next, struct item, link)->id", 2),
        ("container_of(&X.inner, struct item, inner)->next->id", 2),
        ("&X.link == &container_of(&X.inner, struct item, inner)->link", 1),
        ("(X.next)->id", 2),
        ("X.text[0]", ord("x")),
    ],
)
def test_what_it_comes_to(evaluate, text, number):
    if number is None:
        with pytest.raises(FaultError, match="next is NULL"):
            evaluate(text)
    else:
        assert int(evaluate(text)) == number


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        ("5->id", ExpressionError, r"\. of 0x5, which has no type: cast it"),
        ("&5", ExpressionError, "& of 0x5, which has no type"),
        ("&(X.id + 1)", ExpressionError, "& of -0x|& of 0x0, which has no type"),
        ("&(u8)X.id", ExpressionError, "a computed u8 is in no memory: it has no address"),
        ("&X.low", ExpressionError, "u32:3 is a bit field: it has no address"),
        ("*X.id", ExpressionError, r"\* of int, which is no pointer"),
        ("X.inner + 1", ExpressionError, "struct inner is no number"),
        ('"a" + 1', ExpressionError, "texts are compared by == != ~ and !~ alone"),
        ('"a"', ExpressionError, "a text is nothing to be shown"),
        ('!"a"', ExpressionError, '"a" is no condition'),
        ('(u8)"a"', ExpressionError, "a text cannot be cast"),
        ('5 == "a"', ExpressionError, "a number is compared with a text"),
        ('X.inner == "a"', ExpressionError, "struct inner is compared with a text"),
        ('X.name ~ "("', ExpressionError, r"'\(' is no regular expression"),
        ("X.name ~ 5", ExpressionError, 'expected a text behind ~: "PATTERN"'),
        ("X.ratio + 1", ExpressionError, "double is no integer"),
        ("X.id / 0", CorruptDataError, "division by zero"),
        ("1 << 64", CorruptDataError, "shift by 64"),
        ("X.nothing", MemberNotFoundError, "no member 'nothing'"),
        ("X.list[id == 3]", ObjectNotFoundError, r"\[id == 3\] holds for none of 1 entries"),
        ("X.list[nothing == 3]", MemberNotFoundError, "no member 'nothing', and the kernel no"),
        ("X.list[1]", ObjectNotFoundError, r"\[1\]: no entry 1 in struct list_head"),
        ('X.numbers["a"]', ObjectNotFoundError, 'no entry has the key "a"'),
        ("X.id[value == 1]", ExpressionError, "nothing says that int has entries"),
        ("X.numbers[value < 3]", ExpressionError, "stands for several things"),
        ("X.list[key == 1]", BtfdumpError, "no member 'key'"),
    ],
)
def test_what_is_wrong(evaluate, text, kind, error):
    with pytest.raises(kind, match=error):
        evaluate(text)


def test_every_entry_that_a_condition_holds_for(item):
    """Each is called by its index; those behind NULL do not count."""
    kernel = item._context_
    text = f"((struct item *){item.address_:#x})->"
    assert [int(v) for v in kernel.eval_all(f"{text}numbers[value < 3]")] == [-1, 2, -3]
    assert [int(v) for v in kernel.eval_all(f"{text}items[id > 0]->id")] == [2]


def test_an_entry_that_cannot_be_read_is_no_silence(world, item):
    """It is not known whether the condition holds for it: what it does hold for comes first."""
    items = item.items
    world.point(items.address_, 0x10)
    kernel = item._context_
    found = kernel.eval_all(f"((struct item *){item.address_:#x})->items[id == 2]->id")
    assert int(next(found)) == 2
    with pytest.raises(CorruptDataError, match=r"\[id == 2\]: not known of every entry: "):
        next(found)


def test_nested_brackets_of_any_number_of_names(evaluate):
    depth = 16
    assert int(evaluate("X.grid[" * depth + "GREEN - 1" + "].x - 7" * depth)) == 1
