"""Memory that lies: whatever it holds, a dump ends, is well formed, and raises nothing."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._graph.events import Close, Enter, Exit, Open, Seen
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._render import Root, formats, get
from btfdump.errors import FaultError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder

LIMITS = Limits(depth=3, elements=8, objects=40)
MOST_EVENTS = 20_000


def build(byteorder: ByteOrder, pointer_size: int) -> tuple[World, int, list[tuple[int, int]]]:
    """A small kernel with something of everything; its root, and where its memory lies."""
    world = World(byteorder, pointer_size)
    world.enum("color", {"RED": 0, "GREEN": 2, "BLUE": 4})
    world.union("<u>", [("raw", "u64"), ("where", "struct item *")])
    world.struct("ref", [("pos", "struct list_head"), ("to", "struct item *")])
    world.struct(
        "item",
        [
            ("id", "u64"),
            ("comm", "char[16]"),
            ("link", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("other", "struct hlist_node"),
            ("children", "struct list_head"),
            ("sibling", "struct list_head"),
            ("owner", "struct root *"),
            ("", "union <u>"),
            ("color", "enum color"),
            ("ratio", "double"),
        ],
        {"children": "item:sibling"},
    )
    world.struct(
        "root",
        [
            ("count", "u32"),
            ("text", "char *"),
            ("items", "struct list_head"),
            ("table", "struct hlist_head[4]"),
            ("guess", "struct hlist_head"),
            ("bad", "struct list_head"),
            ("cells", "struct item **"),
            ("shift", "u8"),
            ("private", "void *"),
            ("self", "struct root *"),
            ("bytes", "u8[]"),
        ],
        {
            "items": "item:link",
            "table": "item:hash",
            "guess": "item",
            "bad": "item:nothing",
            "cells": "counted_by:count",
            "private": ["points_to:item", "follow:*"],
            "bytes": "len:1 << shift",
        },
    )
    world.enum("unused", {"X": 1})
    text = world.room(16)
    world.write(text, b"a string\0")
    root = world.new("root", 16, count=3, text=text, shift=3)
    items = [world.new("item", id=i, owner=root, color=i % 5) for i in range(12)]
    at = lambda i, member: items[i] + world.offset(f"item.{member}")  # noqa: E731
    of = lambda member: root + world.offset(f"root.{member}")  # noqa: E731
    for i in range(12):
        world.link_list(at(i, "children"), [at(i + 1, "sibling")] if i < 11 else [])
        world.set(items[i], "item.comm", f"item {i}".encode())
        world.set(items[i], "item.where", items[i - 1])
    world.link_list(of("items"), [at(i, "link") for i in range(10)])
    world.link_hlist(of("table") + pointer_size, [at(i, "hash") for i in (2, 3, 5)])
    world.link_hlist(of("guess"), [at(i, "other") for i in (1, 4)])
    world.link_list(of("bad"), [])
    cells = world.room(3 * pointer_size)
    for i in range(3):
        world.point(cells + i * pointer_size, items[i])
    world.set(root, "root.cells", cells)
    world.set(root, "root.private", items[7])
    world.set(root, "root.self", root)
    places = [(root, world.sizeof("struct root") + 16), (cells, 3 * pointer_size), (text, 16)]
    return world, root, places + [(item, world.sizeof("struct item")) for item in items]


def check_nesting(events: list[Any]) -> None:
    """Every Enter has its Exit, every Open its Close, and slots are answered in order."""
    stack: list[Any] = []
    for event in events:
        if isinstance(event, Enter | Open):
            stack.append(event)
        elif isinstance(event, Exit):
            assert isinstance(stack.pop(), Enter)
        elif isinstance(event, Close):
            opened = stack.pop()
            assert isinstance(opened, Open)
            assert event.total is None or 0 <= event.shown <= event.total
        else:
            assert isinstance(event, Seen | Note)
            assert stack or event is events[0] or isinstance(event, Note)
    assert stack == []


def check_everything(
    kernel: Any, value: Any, limits: Limits, zeros: tuple[bool, ...] = (False, True)
) -> None:
    """Traverse an object and show it in every format, with zeros, without, or both."""
    for zero in zeros:
        events = []
        for event in traverse(value, limits, zero=zero):
            events.append(event)
            assert len(events) < MOST_EVENTS
        check_nesting(events)
        objects = sum(isinstance(e, Enter) and not e.brief for e in events)
        assert objects <= limits.objects + sum(isinstance(e, Enter) and e.is_bare for e in events)
    for format_ in formats():
        for zero in zeros:
            options = kernel.options(zero=zero, limits=limits)
            roots = [Root(traverse(value, limits, zero=zero), "name")]
            text = "".join(get(format_)(roots, options))
            assert text.replace("\n", "").isprintable()
            if format_ in ("json", "jsonl"):
                assert text.isascii()
                json.loads(text)


@pytest.fixture(params=[("little", 8), ("big", 4)], ids=str)
def platform(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param


def test_sound(platform):
    world, root, _ = build(*platform)
    kernel = world.kernel()
    value = kernel.value("struct root", root)
    check_everything(kernel, value, LIMITS)
    document = json.loads("".join(kernel.dump(value, "jsonl", LIMITS)))
    members = document["members"]
    assert members["items"]["count"] == 10
    assert members["items"]["shown"] == 8
    assert members["guess"]["provenance"] == "inferred"
    assert len(members["bytes"]) == 8
    assert "notes" not in document


SPECIAL = [0, 1, 4, 0x100, 0xDEAD000000000100, (1 << 64) - 1, (1 << 63) - 1, 0xFFFF_FFFF, 0x8000]


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("platform", [("little", 8), ("big", 4)], ids=str)
def test_mutated(platform, data):
    world, root, places = build(*platform)
    kernel = world.kernel()
    addresses = [address for address, _ in places]
    for _ in range(data.draw(st.integers(1, 12), "changes")):
        address, size = data.draw(st.sampled_from(places))
        kind = data.draw(st.sampled_from(["byte", "pointer", "special", "unmap", "bytes"]))
        at = data.draw(st.integers(0, size - 1))
        if kind == "byte":
            world.target.write(address + at, bytes([data.draw(st.integers(0, 255))]))
        elif kind == "bytes":
            world.target.write(address + at, data.draw(st.binary(max_size=size - at)))
        elif kind == "unmap":
            world.target.unmap(address + at, data.draw(st.integers(1, 64)))
        else:
            if kind == "pointer":
                to = data.draw(st.sampled_from(addresses)) + data.draw(st.integers(-8, 120))
            else:
                to = data.draw(st.sampled_from(SPECIAL))
            at -= at % world.pointer_size
            world.target.write(address + at, world.pack(to))
    zeros = (data.draw(st.booleans(), "zeros"),)
    check_everything(kernel, kernel.value("struct root", root), LIMITS, zeros)


@settings(max_examples=25)
@given(noise=st.binary(min_size=400, max_size=400), address=st.integers(0, (1 << 64) - 1))
def test_noise(noise, address):
    """An object of random bytes, at any address at all."""
    world, _, _ = build("little", 8)
    kernel = world.kernel()
    if address + len(noise) <= 1 << 64:
        world.target.write(address, noise)
    for type_ in ("struct root", "struct item", "struct list_head", "u8[300]", "struct item *"):
        check_everything(kernel, kernel.value(type_, address), LIMITS)


def test_deep_chains_do_not_exhaust_the_stack(platform):
    """3,000 objects in a row, each behind a pointer of the one before."""
    world = World(*platform)
    world.struct("node", [("id", "u32"), ("next", "struct node *")], {"next": "follow:*"})
    nodes = [world.new("node", id=i) for i in range(3000)]
    for here, there in itertools.pairwise(nodes):
        world.set(here, "node.next", there)
    kernel = world.kernel()
    value = kernel.value("struct node", nodes[0])
    deep = Limits(depth=1 << 30, nesting=1 << 30, objects=1 << 30)
    events = list(traverse(value, deep))
    assert sum(isinstance(event, Enter) for event in events) == 3000
    check_nesting(events)
    for format_ in ("text", "tree", "json", "jsonl"):
        text = "".join(kernel.dump(value, format_, Limits(depth=1 << 30)))
        assert "nested 24 levels deep" in text


def test_lists_of_lists_without_end(platform):
    """Each item's children hold the item itself."""
    world, root, places = build(*platform)
    kernel = world.kernel()
    for address, size in places[3:]:
        assert size
        head = address + world.offset("item.children")
        world.link_list(head, [address + world.offset("item.sibling")])
    check_everything(kernel, kernel.value("struct root", root), LIMITS)
    text = "".join(kernel.dump(kernel.value("struct root", root), "text", LIMITS))
    assert "cycle" in text


@pytest.mark.parametrize("element", ["u8", "struct list_head", "char"])
def test_arrays_too_large_to_be_real(platform, element):
    world, root, _ = build(*platform)
    kernel = world.kernel()
    value = kernel.value(f"{element}[{(1 << 31) - 1}]", root)
    for format_ in formats():
        text = "".join(kernel.dump(value, get(format_), LIMITS))
        assert format_ == "snprintf" or "too large to be real" in text
    with pytest.raises(FaultError):
        value.value_()
    assert len(value) == (1 << 31) - 1
    assert value[1].address_ == root + value[0].size_


@pytest.mark.parametrize(
    ("format_", "depth"), [("text", 1500), ("tree", 1500), ("json", 200), ("jsonl", 200)]
)
def test_nesting_as_deep_as_a_caller_asks_for(platform, format_, depth):
    world = World(*platform)
    world.struct("node", [("id", "u32"), ("next", "struct node *")], {"next": "follow:*"})
    nodes = [world.new("node", id=i + 1) for i in range(depth)]
    for here, there in itertools.pairwise(nodes):
        world.set(here, "node.next", there)
    kernel = world.kernel()
    text = "".join(
        kernel.dump(kernel.value("struct node", nodes[0]), format_, Limits(nesting=9999))
    )
    assert str(depth) in text
