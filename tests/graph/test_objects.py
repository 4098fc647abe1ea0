"""Objects of a traversal: read once, shown in full once, in one line beyond the limits."""

from __future__ import annotations

from typing import Any

from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._graph.events import Seen
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._targets.buffer import BufferTarget
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


def test_a_member_that_is_named_as_elements_are_is_no_element():
    """Its name was taken for an index: a traceback, and other text by generated code."""
    b = BtfBuilder()
    long_ = b.int_("long", 8, signed=True)
    b.struct("list_head", 16, [("next", b.next_id + 1, 0), ("prev", b.next_id + 1, 64)])
    b.ptr(b.next_id - 1)
    b.struct("odd", 24, [("[/]", b.next_id - 2, 0), ("[0]", long_, 128)])
    address = 0xFFFF_8880_0000_0000
    memory = {address: (address + 64).to_bytes(8, "little") * 2 + b"\7" + bytes(7) + bytes(100)}
    kernel = Kernel(BufferTarget(memory, "little", 8), b.parse())
    value = kernel.value("struct odd", address)
    text = "".join(kernel.dump(value, "text"))
    assert ".\\x5b0] = (long)7" in text
    assert ".\\x5b/] = (struct list_head)" in text
    assert kernel.format(value).count(".\\x5b") == 2
    assert '"\\\\x5b0]": 7' in "".join(kernel.dump(value, "json"))
