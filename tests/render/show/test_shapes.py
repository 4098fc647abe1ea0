"""What the kernel makes of a type that it shows: its names, its sizes, and what it refuses."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._btf import Btf, BtfBuilder
from btfdump._render.show.shapes import ArrayShape, Shapes, shapes_of
from btfdump._render.show.snprintf import snprintf_btf
from btfdump.errors import BtfFormatError, UnprintableTypeError
from tests.support.effort import processor_seconds
from tests.support.snprintf_types import ALL_FLAGS, SELECTED, Types, nested

if TYPE_CHECKING:
    from collections.abc import Iterable


def test_names(t: Types) -> None:
    foo = t.struct("foo", 4, [("a", t.int, 0)])
    foo_t = t.typedef("foo_t", t.const(foo))
    long_name = t.struct("holder", 4, [("n" * 90, t.int, 0)])
    deep = t.int
    for _ in range(10):
        deep = t.ptr(deep)
    holder = t.struct("far", 8, [("p", deep, 0)])
    data = t.pack((3, 4))
    assert t.show(foo, data) == "(struct foo){\n .a = (int)3,\n}\n"
    assert t.show(foo, data, noname=True) == "{\n 3,\n}\n"
    assert t.show(foo_t, data, compact=True) == "(foo_t){.a = (int)3,}"
    assert t.show(t.ptr(foo_t), t.pack((1, 8))).startswith("(foo_t *)0x")
    assert t.show(t.ptr(t.const(foo)), t.pack((1, 8))).startswith("(struct foo *)0x")
    assert t.show(t.ptr(0), t.pack((1, 8))).startswith("( *)0x")
    assert t.show(t.ptr(t.fwd("f")), t.pack((1, 8))).startswith("(f *)0x")
    assert t.show(long_name, data) == f"(struct holder){{\n .{'n' * 78}3,\n}}\n"
    assert t.show(holder, t.pack((1, 8))) == "(struct far){\n 0x0000000000000001,\n}\n"


def test_other_kinds_are_not_supported(t: Types) -> None:
    proto = t.func_proto(t.int)
    for type_id, kind in (
        (t.func("f", proto), 12),
        (proto, 13),
        (t.fwd("ahead"), 7),
        (t.decl_tag("x", t.int), 17),
        (t.const(0), 0),
        (t.float, 16),
    ):
        assert t.show(type_id, b"") == f"<unsupported kind:{kind}>"


def test_odd_integers_are_bit_fields(t: Types) -> None:
    five = t.int_("five", 4, bits=5)
    eight = t.int_("eight", 4, bits=8, bit_offset=8)
    s = t.struct("s", 8, [("a", five, 0), ("b", eight, 32)])
    if t.byteorder == "little":
        data = (3 | 0x7F << 8 << 32).to_bytes(8, "little")
    else:
        data = bytes([3 << 3, 0, 0, 0, 0, 0x7F, 0, 0])
    assert t.show(s, data, compact=True) == "(struct s){.a = (five)0x3,.b = (eight)0x7f,}"


def test_arrays_of_pointers_and_of_arrays_repeat_the_first(t: Types) -> None:
    pointers = t.array(t.ptr_int, 3)
    text = t.show(pointers, t.pack((1, 8), (2, 8), (3, 8)))
    assert text == "(int *[])\n" + " 0x0000000000000001,\n" * 3 + "]\n"
    rows = t.array(t.array(t.int, 2), 2)
    data = t.pack((1, 4), (2, 4), (3, 4), (4, 4))
    assert t.show(rows, data, zero=True, compact=True) == "(int[][])[1,2,],1,2,],]"
    # Without ZERO, the silent walk of a row has cleared the flag that keeps its name away.
    assert t.show(rows, data, compact=True) == "(int[][])[(int[])[1,2,],(int[])[1,2,],]"


def test_types_of_a_module_are_found_in_both_btfs() -> None:
    t = Types()
    t.struct("foo", 4, [("a", t.int, 0)])
    base = t.parse()
    b = BtfBuilder(base=base)
    own = b.struct("own", 4, [("f", t.next_id - 1, 0)])
    text = snprintf_btf(b.parse(), own, t.pack((1, 4)), compact=True)
    assert text == b"(struct own){.f = (struct foo){.a = (int)1,},}"


def hostile() -> Iterable[tuple[str, Types, int]]:
    t = Types()
    t.struct("loop", 4, [("a", t.next_id, 0), ("b", t.next_id, 0)])
    yield "a struct that is part of itself", t, t.next_id - 1
    t = Types()
    t.array(t.next_id, 2)
    yield "an array of itself", t, t.next_id - 1
    t = Types()
    t.typedef("loop", t.next_id)
    yield "a typedef of itself", t, t.next_id - 1
    t = Types()
    t.const(t.next_id)
    yield "a pointer to a loop", t, t.ptr(t.next_id - 1)
    t = Types()
    t.var("loop", t.next_id)
    yield "a variable of itself", t, t.next_id - 1
    t = Types()
    yield "more levels than the kernel can count", t, nested(t, 300)
    t = Types()
    inner = t.int
    for level in range(100):
        inner = t.union(f"u{level}", 4, [("a", inner, 0), ("b", inner, 0)])
    yield "2**100 members", t, inner
    t = Types()
    inner = t.array(t.struct("empty", 0), 1 << 31)
    yield "an array without end", t, t.array(t.struct("s", 0, [("a", inner, 0)]), 1 << 31)
    t = Types()
    yield "a member behind the end", t, t.struct("s", 4, [("a", t.int, 800)])
    t = Types()
    yield "a member across the end", t, t.struct("s", 4, [("a", t.u64, 16)])
    t = Types()
    yield "a bit field of 255 bits", t, t.struct("s", 4, [("a", t.int, 0, 255)])
    t = Types()
    yield "an integer with more bits than bytes", t, t.int_("odd", 1, bits=128)


@pytest.mark.parametrize("flags", ALL_FLAGS, ids=str)
@pytest.mark.parametrize(("t", "type_id"), [pytest.param(*h[1:], id=h[0]) for h in hostile()])
def test_hostile_btf_ends_in_our_own_errors(t: Types, type_id: int, flags: dict[str, Any]) -> None:
    btf = t.parse()
    with processor_seconds(30), contextlib.suppress(BtfFormatError, UnprintableTypeError):
        snprintf_btf(btf, type_id, bytes(4096), **flags)


def test_damaged_btf_ends_in_our_own_errors() -> None:
    random_ = random.Random(1)
    good = (SELECTED / "vmlinux-6.1.btf").read_bytes()
    printed = 0
    for _ in range(60):
        blob = bytearray(good)
        for _ in range(random_.choice((1, 10, 100))):
            blob[random_.randrange(24, len(blob))] = random_.choice((0, 1, 4, 0x84, 255))
        try:
            btf = Btf.from_bytes(blob, check=False)
        except BtfFormatError:
            continue
        for type_id in random_.sample(range(1, len(btf)), 20):
            with contextlib.suppress(BtfFormatError, UnprintableTypeError, ValueError):
                printed += bool(snprintf_btf(btf, type_id, b"\1" * 2048, zero=bool(type_id & 1)))
    assert printed > 100


def test_sizes_and_strides(t: Types) -> None:
    """A stride is 0 where btf_array_show() has no size to go on by: of pointers, and of arrays."""
    pair = t.struct("pair", 8, [("a", t.int, 0), ("b", t.int, 32)])
    ids = {
        "pairs": t.array(t.const(pair), 3),
        "pointers": t.array(t.ptr_int, 3),
        "rows": t.array(t.array(t.u16, 2), 3),
        "huge": t.array(pair, 1 << 29),
        "none": t.array(t.func_proto(0), 2),
    }
    shapes, btf = Shapes(), t.parse(pointer_size=8)
    found = {name: shapes.of(btf, type_id) for name, type_id in ids.items()}
    arrays = {name: shape for name, shape in found.items() if isinstance(shape, ArrayShape)}
    assert {name: (shape.size, shape.stride) for name, shape in arrays.items()} == {
        "pairs": (24, 8),
        "pointers": (24, 0),
        "rows": (12, 0),
        "huge": (None, 8),
        "none": (None, 0),
    }
    assert shapes.of(btf, ids["pairs"]) is found["pairs"]
    assert shapes.of(btf, 0).size is None


def test_the_beginnings_of_values(t: Types) -> None:
    pair = t.struct("pair", 8)
    named = t.typedef("pair_t", pair)
    array = t.array(t.ptr(t.const(pair)), 2)
    shapes, btf = Shapes(), t.parse()
    assert shapes.prefix(btf, "", pair) == ("(struct pair){", "{")
    assert shapes.prefix(btf, "m", named) == (".m = (pair_t){", "{")
    assert shapes.prefix(btf, "", t.ptr_int) == ("(int *)", "")
    assert shapes.prefix(btf, "", array) == ("(struct pair *[])", "")
    assert shapes.prefix(btf, "", array) is shapes.prefix(btf, "", array)


def test_shapes_live_as_long_as_their_btf(t: Types) -> None:
    btf = t.parse()
    assert shapes_of(btf) is shapes_of(btf)
    assert shapes_of(btf) is not shapes_of(t.parse())


def test_an_integer_of_more_bits_than_its_bytes(t: Types) -> None:
    odd = t.int_("odd", 1, bits=7, bit_offset=3)
    with pytest.raises(BtfFormatError, match="more bits than fit into its bytes"):
        Shapes().of(t.parse(check=False), odd)
