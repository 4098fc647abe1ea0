"""Objects of which bytes are missing: what is lost with them, and what is not."""

from __future__ import annotations

from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._decode.holes import before_padding
from btfdump._decode.layout import Layouts
from btfdump._targets.buffer import BufferTarget
from tests.support.effort import effort

PAGE = 0xFFFF_8880_0000_1000


def element(room: int) -> Kernel:
    """Return a kernel with an element of a BPF local storage at the end of what is readable.

    Like `struct bpf_local_storage_elem`, it ends in a struct that is aligned to a cache line and
    ends in a flexible array: its 64 bytes have members in the first 40.
    """
    b = BtfBuilder()
    long_ = b.int_("long", 8)
    array = b.array(long_, 0)
    inner = b.struct("data", 32, [("map", long_, 0), ("values", array, 64)])
    b.struct("element", 64, [("next", long_, 0), ("data", inner, 256)])
    data = (1).to_bytes(8, "little") + bytes(24) + (2).to_bytes(8, "little") + bytes(64)
    return Kernel(BufferTarget({PAGE - room: data[:room]}, "little", 8), b.parse())


def shown(kernel: Kernel, room: int) -> str:
    return "".join(kernel.dump(kernel.value("struct element", PAGE - room), "text"))


def test_padding_that_is_missing_is_no_loss():
    """A note said that bytes are missing where the allocated object had ended."""
    for room in (40, 48, 63):
        text = shown(element(room), room)
        assert "missing" not in text
        assert ".next = (long)1" in text
        assert ".map = 2" in text


def test_members_that_are_missing_are_told_without_the_padding():
    text = shown(element(36), 36)
    assert "bytes 0x24-0x28 are missing" in text
    assert ".next = (long)1" in text
    assert ".map" not in text


def test_types_that_lie_in_others_in_many_ways_are_gone_through_once():
    b = BtfBuilder()
    inner = b.struct("element", 64, [("only", b.int_("long", 8), 0)])
    for level in range(30):
        inner = b.union(f"bomb{level}", 64, [(name, inner, 0) for name in "abc"])
    layouts = Layouts("little", 8)
    layout = layouts.of(b.parse(check=False).type(inner))
    with effort(20_000):
        assert before_padding(layouts, layout, [(4, 64)]) == [(4, 8)]
