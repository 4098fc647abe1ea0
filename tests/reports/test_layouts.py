"""Where members lie, and what lies between them: counted as pahole counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import Btf, BtfBuilder, types
from btfdump._reports.layouts import Hole, Layout, PlacedMember, layout_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


def laid(b: BtfBuilder, name: str) -> Layout:
    (struct,) = Btf.from_bytes(b.build()).find_all(None, name)
    assert isinstance(struct, types.Composite)
    layout = layout_of(struct, None)
    assert isinstance(layout, Layout)
    return layout


def test_holes_padding_and_bit_fields() -> None:
    b = BtfBuilder()
    char, int_ = b.int_("char", 1), b.int_("int", 4)
    b.struct("s", 20, [("a", char, 0), ("b", int_, 32), ("c", int_, 64, 3), ("d", char, 96)])
    layout = laid(b, "s")
    holes = [
        (h.bit_offset, h.loose_bits, h.size, h.is_padding)
        for h in layout.items
        if isinstance(h, Hole)
    ]
    assert holes == [(8, 0, 3, False), (67, 5, 3, False), (104, 0, 7, True)]
    counts = layout.counts()
    assert (counts["holes"], counts["sum holes"], counts["bit holes"]) == (2, 6, 1)
    assert (counts["sum members"], counts["sum bitfield members"]) == (6, 3)
    assert counts["padding"] == 7
    places = [m.place for m in layout.items if isinstance(m, PlacedMember)]
    assert places == [(0, None), (4, None), (8, 0), (12, None)]


def test_what_has_no_name_is_inline_with_offsets_from_the_start() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    inner = b.struct("", 8, [("x", int_, 0), ("y", int_, 32)])
    union = b.union("", 8, [("in", inner, 0), ("", inner, 0)])
    b.struct("s", 24, [("a", int_, 0), ("", union, 64), ("v", b.array(inner, 1), 128)])
    members = [m for m in laid(b, "s").items if isinstance(m, PlacedMember)]
    within = members[1].inner
    assert within is not None
    (named, nameless) = (m for m in within.items if isinstance(m, PlacedMember))
    assert named.inner is not None
    assert [m.bit_offset for m in named.inner.items if isinstance(m, PlacedMember)] == [64, 96]
    assert nameless.inner is not None
    assert members[2].inner is not None


def test_types_that_are_none() -> None:
    b = BtfBuilder()
    b.struct("self", 8, [("x", b.next_id, 0)])
    b.struct("void_inside", 8, [("x", 0, 0)])
    btf = Btf.from_bytes(b.build())
    (itself,) = btf.find_all("struct", "self")
    assert isinstance(itself, types.Struct)
    assert layout_of(itself, None) == "it contains itself, or more than its bytes hold"
    (item, _) = laid(b, "void_inside").items
    assert isinstance(item, PlacedMember)
    assert "has no size" in item.problem


def test_what_pahole_counts_in_a_kernel(opened: Callable[[str], Kernel]) -> None:
    """As pahole 1.24 printed them of this BTF; all 8,292 structs were compared once."""
    btf = opened("stock").btf
    for name, size, members, total, holes, sum_holes, padding in (
        ("sched_entity", 256, 23, 240, 3, 16, 0),
        ("inode", 624, 57, 616, 2, 8, 0),
        ("super_block", 1408, 65, 1345, 10, 47, 16),
    ):
        (struct,) = btf.find_all("struct", name)
        assert isinstance(struct, types.Struct)
        layout = layout_of(struct, None)
        assert isinstance(layout, Layout)
        counts = layout.counts()
        keys = ("size", "members", "sum members", "holes", "sum holes", "padding")
        assert [counts[key] for key in keys] == [size, members, total, holes, sum_holes, padding]
