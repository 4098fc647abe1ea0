"""What is asked of a traversal: members by path, and pointers that are followed."""

from __future__ import annotations

import pytest

from btfdump._graph.events import Enter
from btfdump._graph.limits import selection_of
from btfdump._graph.traverse import traverse
from btfdump.errors import MemberNotFoundError
from tests.support.many_items import full


def test_follow(value):
    events = list(traverse(value, follow=frozenset({("items", "friend")})))
    assert full(events, "struct friend") == 3
    with pytest.raises(MemberNotFoundError):
        list(traverse(value, follow=frozenset({("items", "nobody")})))


def test_members(value):
    events = list(traverse(value, members=selection_of(["items.id", "tail"])))
    root = events[0]
    assert isinstance(root, Enter)
    assert [f.name for f in root.fields] == ["items", "tail"]
    items = [e for e in events[1:] if isinstance(e, Enter)]
    assert len(items) == 64
    assert all([f.name for f in item.fields] == ["id"] for item in items)
    with pytest.raises(MemberNotFoundError):
        list(traverse(value, members=selection_of(["nobody"])))


def test_members_through_pointers(value):
    events = list(traverse(value, members=selection_of(["items.friend->x"])))
    friends = [e for e in events if isinstance(e, Enter) and str(e.value.type_) == "struct friend"]
    assert len(friends) == 64
    assert all([f.name for f in friend.fields] == ["x"] for friend in friends)
