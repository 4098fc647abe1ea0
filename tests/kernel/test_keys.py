"""Keys in expressions: entries of arrays, containers and maps, and what texts they are."""

from __future__ import annotations

import pytest

from btfdump._kernel.keys import at_key, entries_of, label_of, texts_of
from btfdump._kernel.value import Value
from btfdump.errors import CorruptDataError, ExpressionError


def keys(value):
    return [key for key, _, _ in entries_of(value, "it")]


def test_what_has_entries(item):
    assert keys(item.numbers) == [0, 1, 2, 3]
    assert keys(item.list) == [None]
    assert [int(entry) for _, entry, _ in entries_of(item.numbers, "it")] == [-1, 2, -3, 4]
    with pytest.raises(ExpressionError, match=r"^it: nothing says that struct item \* has entries"):
        keys(item.next)
    with pytest.raises(CorruptDataError, match="cannot be walked"):
        keys(item.inner)


def test_labels(item):
    assert [label_of(key, 7) for key in (None, 3, "node 0", (0x1000, 0x1FFF))] == [
        7,
        3,
        "node 0",
        "0x1000",
    ]
    assert [label_of(item.member_(name), 7) for name in ("id", "name", "inner")] == [
        -1,
        '"abc"',
        None,
    ]
    assert label_of(Value(item._context_, item.type_, 0x10).id, 7) is None


def test_elements_of_maps(opened):
    kernel = opened("tagged")
    plain = kernel.bpf.map("h_plain")
    found = list(entries_of(plain, "it"))
    assert len(found) == 7
    assert all(is_pair for _, _, is_pair in found)
    assert 17 in [label_of(key, 0) for key, _, _ in found]
    assert at_key(plain, 17, "it") == plain[17]


def test_texts(item, opened):
    assert texts_of("a", "it") == ["a"]
    assert texts_of(item.name, "it") == ["abc"]
    assert texts_of(item.text, "it") == ["x" * 150]
    assert texts_of(item.color, "it") == ["GREEN"]
    assert texts_of(item.numbers, "it") == []
    with pytest.raises(ExpressionError, match=r"^it: a number is compared with a text"):
        texts_of(5, "it")
    with pytest.raises(ExpressionError, match=r"^it: struct inner is compared with a text"):
        texts_of(item.inner, "it")
    state = opened("stock").task(1).member_("__state")
    assert texts_of(state, "it") == ["TASK_INTERRUPTIBLE|TASK_FREEZABLE"]


def test_a_key_that_is_a_text(item):
    with pytest.raises(IndexError, match='no entry has the key "abc"'):
        at_key(item.numbers, item.name, "it")
    assert at_key(item.numbers, item.color, "it") == -3
