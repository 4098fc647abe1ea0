"""Renderers yield a line as soon as its object has been read, and bound what they show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._graph.events import Enter, Seen
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Options, Root, formats, get
from btfdump.errors import ExpressionError, MemberNotFoundError
from tests.support.synthetic import CountingTarget, World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


@pytest.fixture
def value() -> Value:
    """A holder of 300 items, each with a pointer to a friend."""
    world = World()
    world.struct("friend", [("x", "int"), ("holder", "struct holder *")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("zero", "int"),
            ("link", "struct list_head"),
            ("friend", "struct friend *"),
        ],
    )
    world.struct("holder", [("n", "int"), ("items", "struct list_head"), ("tail", "int")],
                 {"items": "item:link"})  # fmt: skip
    holder = world.new("holder", n=1, tail=2)
    friends = [world.new("friend", x=i + 1, holder=holder) for i in range(3)]
    items = [world.new("item", id=i + 1, friend=friends[i % 3]) for i in range(300)]
    world.link_list(
        holder + world.offset("holder.items"), [i + world.offset("item.link") for i in items]
    )
    kernel = world.kernel()
    kernel.target = CountingTarget(kernel.target)
    return kernel.value("struct holder", holder)


def reads(value: Value) -> int:
    target: Any = value._context_.target
    return len(target.reads)


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_the_first_line_comes_before_the_last_read(value, format_):
    kernel: Any = value._context_
    chunks = kernel.dump(value, format_, Limits(elements=300))
    first = next(chunks)
    assert "struct holder" in first
    early = reads(value)
    assert early < 5
    lines = [first]
    seen = []
    for chunk in chunks:
        lines.append(chunk)
        seen.append(reads(value))
    assert seen == sorted(seen)
    assert seen[-1] >= 300
    half = len(seen) // 2
    assert seen[half] < seen[-1] * 0.75
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_jsonl_yields_one_line_for_each_root(value):
    kernel: Any = value._context_
    items = [item for item, _ in zip(value.items.walk_(), range(3), strict=False)]
    chunks = get("jsonl")((Root(traverse(item)) for item in items), kernel.options())
    first = next(chunks)
    assert json.loads(first)["members"]["id"] == 1
    assert len([first, *chunks]) == 3


def test_each_object_is_read_once(value):
    kernel: Any = value._context_
    list(kernel.dump(value, "json", Limits(elements=300)))
    target: Any = kernel.target
    addresses = [address for address, size in target.reads if size > 16]
    assert len(addresses) == len(set(addresses))


# Limits


def full(events: list[Any], type_: str) -> int:
    return sum(isinstance(e, Enter) and not e.brief and str(e.value.type_) == type_ for e in events)


def test_elements(value):
    kernel: Any = value._context_
    document = json.loads("".join(kernel.dump(value, "jsonl", Limits(elements=10))))
    items = document["members"]["items"]
    assert (items["shown"], items["count"], len(items["elements"])) == (10, 300, 10)
    for format_ in ("text", "tree"):
        assert "290 more (--elements)" in "".join(kernel.dump(value, format_, Limits(elements=10)))
        whole = "".join(kernel.dump(value, format_, Limits(elements=300)))
        assert "more (--elements)" not in whole
        assert "300 x " in "".join(kernel.dump(value, format_, Limits(elements=10)))


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


def test_zero(value):
    kernel: Any = value._context_
    for format_ in formats():
        options = [kernel.options(zero=zero) for zero in (False, True)]
        some, all_ = (
            "".join(get(format_)([Root(traverse(value, zero=o.zero))], o)) for o in options
        )
        if "zero" in all_:
            assert all_.count("zero") > some.count("zero")


# The registry


def test_formats():
    assert {"text", "tree", "json", "jsonl"} <= set(formats())
    with pytest.raises(ExpressionError, match=r"no format 'nope'; there are .*json"):
        get("nope")


@pytest.mark.parametrize("format_", formats())
def test_nothing_to_show(format_):
    text = "".join(get(format_)([], Options()))
    if format_ == "json":
        assert json.loads(text)["roots"] == []
    else:
        assert text == ""
