"""JSON: one document, or a line for each root as soon as it is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._decode.compiled.source import HOT
from btfdump._graph.traverse import traverse
from btfdump._render import Root, get
from btfdump._targets.buffer import BufferTarget
from tests.support.hot_readers import assert_same
from tests.support.synthetic import World


def test_jsonl_yields_one_line_for_each_root(value):
    kernel: Any = value._context_
    items = [item for item, _ in zip(value.items.walk_(), range(3), strict=False)]
    chunks = get("jsonl")((Root(traverse(item)) for item in items), kernel.options())
    first = next(chunks)
    assert json.loads(first)["members"]["id"] == 1
    assert len([first, *chunks]) == 3


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_a_container_without_a_name_has_its_place(format_):
    """An anonymous struct list_head with a tag: what it led to was given no place, a traceback."""
    b = BtfBuilder()
    head = b.struct("list_head", 16, [("next", b.next_id + 1, 0), ("prev", b.next_id + 1, 64)])
    b.ptr(head)
    node = b.struct("node", 40, [("link", head, 0), ("", head, 128), ("x", b.int_("long", 8), 256)])
    b.decl_tag("node:link", node, 1)
    first, second = 0xFFFF_8880_0000_0000, 0xFFFF_8880_0000_0040
    words = {first: (first, first, second, second, 7), second: (first + 16, first + 16, 0, 0, 8)}
    memory = {at: b"".join(w.to_bytes(8, "little") for w in all_) for at, all_ in words.items()}
    kernel = Kernel(BufferTarget(memory, "little", 8), b.parse())
    found = json.loads("".join(kernel.dump(kernel.value("struct node", first), format_)))
    members = (found["roots"][0] if format_ == "json" else found)["members"]
    assert members["x"] == 7
    assert [element["address"] for element in members["@128"]["elements"]] == [hex(second)]


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_members_without_a_name_have_keys_of_their_own(format_):
    """Two unnamed bit fields had one key, and a reader got the last of them."""
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    inner = b.struct("", 4, [("", u32, 7, 4)])
    members = [("a", u32, 0, 3), ("", u32, 3, 2), ("", u32, 5, 4), ("", u32, 32, 0)]
    b.struct("odd", 12, [*members, ("", inner, 64, 0)])
    kernel = Kernel(BufferTarget({0x1000: b"\x55" * 12}, "little", 8), b.parse())
    value = kernel.value("struct odd", 0x1000)
    found = json.loads("".join(kernel.dump(value, format_)))
    expected = {"a": 5, "@3:2": 2, "@5:4": 10, "@32": 0x55555555, "@7:4": 10}
    assert (found["roots"][0] if format_ == "json" else found)["members"] == expected
    assert_same(kernel, [value] * (HOT + 2), format_)


@pytest.mark.parametrize("count", [1, HOT + 2])
def test_pointers_that_annotations_describe(count: int) -> None:
    """As in text: what lies elsewhere has neither symbol nor string, and is not followed."""
    world = World()
    world.struct("plain", [("name", "char *")])
    tags = {"text": "string", "name": "space:user", "item": "space:percpu"}
    world.struct("said", [("text", "u8 *"), ("name", "char *"), ("item", "struct said *")], tags)
    text = world.room(8)
    world.symbols["words"] = text
    world.symbols["end"] = text + 8
    world.write(text, b"hello\0")
    objects = [world.new("said", text=text, name=text, item=text) for _ in range(count)]
    plain = world.new("plain", name=text)
    kernel = world.kernel()
    for address in objects:
        (line,) = kernel.dump(kernel.value("struct said", address), "jsonl")
        assert json.loads(line)["members"] == {
            "text": {"pointer": f"{text:#x}", "symbol": "words", "string": "hello"},
            "name": {"pointer": f"{text:#x}", "space": "user"},
            "item": {"pointer": f"{text:#x}", "space": "percpu"},
        }
    (line,) = kernel.dump(kernel.value("struct plain", plain), "jsonl")
    assert json.loads(line)["members"]["name"]["string"] == "hello"
