"""Templates of summaries as overlays write them, and what is no template."""

from __future__ import annotations

import pytest

from btfdump._annotate.grammar import Means
from btfdump._annotate.template import (
    LEFT,
    MAX_PARTS,
    PATH,
    SUM,
    Cast,
    Index,
    Optional,
    Slot,
    Template,
    parts_of,
    slot_of,
    slots_in,
    templates,
)
from btfdump.errors import AnnotationError


@pytest.mark.parametrize(
    ("text", "steps", "rest"),
    [
        ("a", ("a",), {}),
        ("a.b->c", ("a", "b", "c"), {}),
        (":path", (), {"how": PATH}),
        ("a.b:path", ("a", "b"), {"how": PATH}),
        ("a:left", ("a",), {"how": LEFT}),
        ("a[].b:sum", ("a", Index(None), "b"), {"how": SUM}),
        ("a[3]", ("a", Index(3)), {}),
        ("a:port", ("a",), {"means": Means("port")}),
        ("a:enum:TCP_#TCP_", ("a",), {"means": Means("enum", "TCP_"), "prefix": "TCP_"}),
        ("a#TCP_", ("a",), {"prefix": "TCP_"}),
        ("a:sockaddr:len - 2", ("a",), {"means": Means("sockaddr"), "length": "len - 2"}),
        ("(inet_sock:sk).port", (Cast("inet_sock", "sk"), "port"), {}),
        ("a.(task_struct)", ("a", Cast("task_struct")), {}),
        ("a.(dentry:d_u.d_alias):path", ("a", Cast("dentry", "d_u.d_alias")), {"how": PATH}),
    ],
)
def test_slots(text, steps, rest):
    assert slot_of(text) == Slot(text, steps, **rest)


def test_a_member_is_told_to_programs_as_well():
    assert slot_of("a.b:port").member == "a.b"
    for text in (":path", "a[].b", "(a:b).c", "a:left"):
        assert slot_of(text).member == ""


@pytest.mark.parametrize(
    "text",
    ["", "a.", ".a", "a b", "a:", "a:nosuch", ":port", "a#", "a#b c", "[1]", "a[x]", "()",
     "(a b c)", "(a:)", "(a:b c)", "a(b)", "a:flags", "1a"],
)  # fmt: skip
def test_what_is_no_slot(text):
    with pytest.raises(AnnotationError):
        slot_of(text)


def test_parts():
    a, b = slot_of("a"), slot_of("b")
    assert parts_of("x {a} y{b}") == ("x ", a, " y", b)
    assert parts_of("x[ {a}]") == ("x", Optional((" ", a)))
    assert parts_of("[?p & 1 || q?r|-]") == (Optional(("r",), "p & 1 || q", ("-",)),)
    assert parts_of("[?p? {a}]") == (Optional((" ", a), "p"),)
    assert parts_of("[[{a}]]{{}}") == ("[", a, "]{}")
    assert parts_of("[?p?[[{a}]]:||]") == (Optional(("[", a, "]:|"), "p"),)
    assert list(slots_in(parts_of("{a}[?p?{b}|{a}]"))) == [a, b, a]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "empty"),
        ("{a", "not closed"),
        ("[a", "not closed"),
        ("[a [b]]", "not expected here"),
        ("a}", "not expected here"),
        ("a]", "not expected here"),
        ("[??x]", r"expected \[\?condition\?text\]"),
        ("[?a]", r"expected \[\?condition\?text\]"),
        ("x" * 1025, "1025 characters"),
        ("{a}" * (MAX_PARTS + 1), f"more than {MAX_PARTS}"),
    ],
)
def test_what_is_no_template(text, reason):
    with pytest.raises(AnnotationError, match=reason):
        parts_of(text)


def test_alternatives():
    stated = [
        {"cond": "a == 1", "text": "one", "see": "x.c"},
        {"is": {"f": "func", "g.h": ["x", "y"]}, "text": "two"},
        "three",
    ]
    one, two, three = templates(stated)
    assert one == Template(("one",), "a == 1")
    assert two.texts == ((slot_of("f"), ("func",)), (slot_of("g.h"), ("x", "y")))
    assert [slot.text for slot in two.slots()] == ["f", "g.h"]
    assert three == Template(("three",)) == templates("three")[0]


@pytest.mark.parametrize(
    "stated",
    [1, [1], {}, {"text": 1}, {"text": "a", "cond": 1}, {"text": "a", "is": "b"},
     {"text": "a", "is": {"b": 1}}, {"text": "a", "is": {"": "x"}}, {"text": "a", "when": "b"}],
)  # fmt: skip
def test_what_is_no_summary(stated):
    with pytest.raises(AnnotationError):
        templates(stated)
