"""Objects of a traversal: read once, shown in full once, in one line beyond the limits."""

from __future__ import annotations

from typing import Any

from btfdump._graph.events import Seen
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from tests.support.many_items import full


def test_each_object_is_read_once(value):
    kernel: Any = value._context_
    list(kernel.dump(value, "json", Limits(elements=300)))
    target: Any = kernel.target
    addresses = [address for address, size in target.reads if size > 16]
    assert len(addresses) == len(set(addresses))


def test_objects(value):
    events = list(traverse(value, Limits(objects=5)))
    assert full(events, "struct item") == 4
    text = "".join(value._context_.dump(value, "text", Limits(objects=5)))
    assert "limit of 5 objects reached (--objects)" in text


def test_depth_and_references(value):
    assert full(list(traverse(value)), "struct friend") == 0
    events = list(traverse(value, Limits(depth=1)))
    assert full(events, "struct friend") == 3  # each in full once
    references = [e for e in events if isinstance(e, Seen)]
    assert sum(str(e.value.type_) == "struct friend" for e in references) == 64 - 3
    assert not any(e.is_cycle for e in references if str(e.value.type_) == "struct friend")
    holders = [e for e in references if str(e.value.type_) == "struct holder"]
    assert len(holders) == 3
    assert all(e.is_cycle for e in holders)
    text = "".join(value._context_.dump(value, "text", Limits(depth=1)))
    assert text.count("cycle: this is inside it") == 3
    friends = [line for line in text.splitlines() if ".friend = " in line]
    assert len(friends) == 64
    assert sum("seen above" in line for line in friends) == 61
