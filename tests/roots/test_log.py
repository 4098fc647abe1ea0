"""The table of the log: what dmesg prints of it, and the options that only it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query, table_of
from btfdump._roots.log import facility_name, printed
from btfdump._roots.table import Table
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from btfdump._roots.table import Row


def table(kernel, *patterns, **filters):
    kind = table_of("log")
    assert kind is not None
    return kind.table(kernel, Query(patterns, filters))


def seqs(kernel, *patterns, **filters):
    return [row["seq"] for row in table(kernel, *patterns, **filters).rows]


def test_as_dmesg_prints_it(opened, truth):
    text = "".join(render_table(table(opened("stock")), "text", Options()))
    expected = []
    for told in truth("stock", "-3")["log"]:
        seconds, rest = divmod(told["ts"], 10**9)
        expected.append(f"[{seconds:5}.{rest // 1000:06}] {told['text']}")
    assert text.splitlines() == expected


@pytest.mark.parametrize("level", ["err", "warn,err", "3", "warn+", "notice", "emerg"])
def test_levels(opened, truth, level):
    wanted = {"warn,err": {3, 4}, "warn+": {0, 1, 2, 3, 4}, "notice": {5}, "emerg": {0}}
    known = [
        one["seq"] for one in truth("stock", "-3")["log"] if one["level"] in wanted.get(level, {3})
    ]
    assert seqs(opened("stock"), level=(level,)) == known


@pytest.mark.parametrize(
    ("since", "first"), [("2.6", 2.6), ("2600ms", 2.6), ("0", 0), ("17293us ago", 2.600044)]
)
def test_since(opened, truth, since, first):
    known = [one["seq"] for one in truth("stock", "-3")["log"] if one["ts"] >= first * 10**9]
    assert seqs(opened("stock"), since=(since,)) == known


def test_texts(opened, truth):
    known = [one["seq"] for one in truth("stock", "-3")["log"] if "PCI" in one["text"]]
    assert seqs(opened("stock"), "*PCI*") == known


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ({"level": ("loud",)}, "--level 'loud': expected a number up to 7 or one of emerg, "),
        ({"level": ("8",)}, "--level '8': "),
        ({"since": ("yesterday",)}, "--since 'yesterday': expected seconds since the start"),
        ({"since": ("5 MiB",)}, "--since '5 MiB': "),
    ],
)
def test_what_is_asked_wrongly(opened, filters, reason):
    with pytest.raises(ExpressionError) as caught:
        table(opened("stock"), **filters)
    assert str(caught.value).startswith(reason)


def test_lines_of_a_record():
    """Continuation lines stand below the text; what is lost is said."""
    row: Row = {"ts": 12_345_678_999, "text": "one\ntwo\n"}
    assert printed(row) == ["[   12.345678] one", "               two", "               "]
    assert printed({"ts": 123_456_000_000_000, "text": None}) == ["[123456.000000] (text lost)"]


def test_texts_are_harmless_on_a_terminal():
    rows: list[Row] = [{"ts": 0, "text": "a\x1b]0;\tb\u202e\nc"}]
    found = Table("log", ("ts", "text"), rows, lines=printed)
    text = "".join(render_table(found, "text", Options()))
    assert text == "[    0.000000] a\\x1b]0;\tb\\u202e\n               c\n"


def test_names_of_facilities():
    assert [facility_name(number) for number in (0, 3, 11, 12, 16, 23, 24)] == [
        *("kern", "daemon", "ftp", "", "local0", "local7", ""),
    ]
