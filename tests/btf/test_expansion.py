"""What a type amounts to: counted once for each type, however often it is contained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import BtfBuilder
from btfdump._btf.expansion import ENDLESS, expansion, is_overgrown
from btfdump._btf.types import Array, Composite
from tests.support.effort import effort

if TYPE_CHECKING:
    from btfdump._btf import Btf


def test_members_and_elements_are_counted() -> None:
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    pair = b.struct("pair", 8, [("a", u32, 0), ("b", u32, 32)])
    b.struct("four", 16, [("one", b.const(pair), 0), ("two", b.typedef("pair_t", pair), 64)])
    b.struct("table", 80, [("rows", b.array(pair, 10), 0)])
    b.struct("empty", 0, [])
    btf = b.parse()
    counts = {t.name: expansion(t) for t in btf.iter_types() if isinstance(t, Composite)}
    assert counts == {"pair": 3, "four": 7, "table": 32, "empty": 1}
    assert expansion(btf.find("int", "u32")) == 1
    made = Array(btf, 0, "", btf.find("struct", "pair").id, 0, 5)
    assert expansion(made) == 16


def bomb(levels: int) -> Btf:
    b = BtfBuilder()
    inner = b.int_("u64", 8)
    for level in range(levels):
        inner = b.union(f"bomb{level}", 1 << 16, [("a", inner, 0), ("b", inner, 0)])
    return b.parse()


def test_a_bomb_costs_no_more_than_its_types() -> None:
    btf = bomb(40)
    with effort(10_000):
        assert expansion(btf.find("union", "bomb39")) == (1 << 41) - 1
    assert is_overgrown(btf.find("union", "bomb39"), 1 << 16)
    assert not is_overgrown(btf.find("union", "bomb9"), 1 << 16)


def test_what_contains_itself_or_too_much_is_endless() -> None:
    b = BtfBuilder()
    own = b.next_id
    b.struct("own", 8, [("a", own, 0)])
    far = b.next_id
    b.struct("far", 8, [("a", b.next_id + 1, 0)])
    b.union("back", 8, [("x", far, 0), ("y", far, 0)])
    empty = b.struct("empty", 0, [])
    for _ in range(3):
        empty = b.array(empty, 0xFFFFFFFF)
    b.struct("many", 8, [("a", empty, 0)])
    btf = b.parse()
    for name in ("own", "far", "many"):
        assert expansion(btf.find("struct", name)) == ENDLESS
        assert expansion(btf.find("struct", name)) == ENDLESS


def test_types_nested_ten_thousand_deep() -> None:
    b = BtfBuilder()
    inner = b.int_("u64", 8)
    for level in range(10_000):
        inner = b.struct(f"s{level}", 8, [("m", inner, 0)])
    assert expansion(b.parse().type(inner)) == 10_001


def test_no_type_of_a_real_kernel_is_overgrown(vmlinux: Btf) -> None:
    for type_ in vmlinux.composites():
        assert not is_overgrown(type_, type_.size), type_
        assert expansion(type_) <= 4096 + 8 * type_.size
