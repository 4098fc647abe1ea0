"""Types that amount to more than anybody can show: refused before the work, not after it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode import budget, fields
from btfdump._decode.budget import Budget
from btfdump._decode.compiled.fields import compile_fields
from btfdump._decode.compiled.plan import plan_of
from btfdump._decode.fields import Decoder, nonzero, to_python
from btfdump._decode.layout import Layouts, StructLayout
from btfdump._decode.short import ShortLayouts
from btfdump._render.show.snprintf import snprintf_btf
from btfdump.errors import (
    BtfdumpError,
    BtfFormatError,
    MemberNotFoundError,
    UnusableBtfError,
)
from tests.support.effort import effort, processor_seconds

if TYPE_CHECKING:
    from btfdump._btf import Btf

SIZE = 1 << 16


@pytest.fixture(scope="module")
def hostile() -> Btf:
    b = BtfBuilder()
    u8, u64 = b.int_("u8", 1), b.int_("u64", 8)
    named, bare = u64, b.struct("", 8, [("x", u64, 0)])
    for level in range(40):
        named = b.union(f"bomb{level}", SIZE, [("a", named, 0), ("b", named, 0)])
        bare = b.union("anonymous" if level == 39 else "", 8, [("", bare, 0), ("", bare, 0)])
    empty = b.struct("empty", 0, [])
    b.struct("empties", 8, [("x", u64, 0), ("many", b.array(empty, 0xFFFFFFFF), 64)])
    b.struct("unknown", 8, [("x", u64, 0), ("many", b.array(b.fwd("fwd"), 0xFFFFFFFF), 64)])
    one = b.struct("one", 1, [("x", u8, 0)])
    b.struct("long", 1 << 24, [("many", b.array(one, 1 << 24), 0)])
    wide = b.struct("wide", 0, [(f"m{n}", empty, 0) for n in range(300)])
    for level in range(2):
        wide = b.struct(f"wide{level}", 0, [(f"m{n}", wide, 0) for n in range(300)])
    b.struct("leafless", 8, [("x", u64, 0), ("m", wide, 64)])
    return b.parse()


def layout_of(btf: Btf, kind: str, name: str) -> tuple[Layouts, StructLayout]:
    layouts = Layouts("little", 8)
    layout = layouts.of(btf.find(kind, name))
    assert isinstance(layout, StructLayout)
    return layouts, layout


def test_large_unions_of_few_members_are_refused_before_they_are_searched_for_zeros() -> None:
    """Each of 30,000 members was searched in all of its 64 KiB: a minute."""
    b = BtfBuilder()
    inner = b.int_("u64", 8)
    for level in range(14):
        inner = b.union(f"bomb{level}", SIZE, [("a", inner, 0), ("b", inner, 0)])
    layouts, layout = layout_of(b.parse(), "union", "bomb13")
    refused = pytest.raises(BtfFormatError, match="contains itself, or more than its bytes hold")
    with effort(20_000), refused:
        Decoder(layouts, zero=True).fields(layout, b"\1" + bytes(SIZE - 1))
    layouts, layout = layout_of(b.parse(), "union", "bomb5")
    shown = Decoder(layouts).fields(layout, b"\1" + bytes(SIZE - 1))
    assert [field.name for field in shown] == ["a", "b"]


def test_a_bomb_is_refused_by_every_reader(hostile: Btf) -> None:
    layouts, layout = layout_of(hostile, "union", "bomb39")
    data = b"\1" * SIZE
    refused = pytest.raises(BtfFormatError, match="contains itself, or more than its bytes hold")
    with effort(200_000), refused:
        Decoder(layouts).fields(layout, data)
    with effort(200_000), refused:
        Decoder(layouts).fields(layout, data, {"a": {}})
    with effort(200_000), refused:
        to_python(layouts, layout, data)
    with effort(400_000), refused:
        plan_of(layouts, None, layout, elements=64)
    with effort(4_000_000), pytest.raises(BtfFormatError, match="contains itself, or more"):
        snprintf_btf(hostile, layout.type.id, data)


def test_a_type_that_lies_in_others_everywhere_is_not_shortened_without_end() -> None:
    """To know each type once for as much room is no bound: there are too many places for it."""
    b = BtfBuilder()
    inner, size = b.array(b.int_("u8", 1), 4096), 4096
    for level in range(40):
        places = [(f"m{n}", inner, 8 * (2 * n + 1)) for n in range(60)]
        size += 128
        inner = b.union(f"level{level}", size, places)
    layouts = Layouts("little", 8)
    layout = layouts.of(b.parse(check=False).type(inner))
    with effort(3_000_000):
        assert ShortLayouts(layouts).of(layout, 4000) is None


def test_whether_a_bomb_ends_in_an_array_is_found_out_at_once(hostile: Btf) -> None:
    for kind, name in (("union", "bomb39"), ("union", "anonymous"), ("struct", "leafless")):
        layouts, layout = layout_of(hostile, kind, name)
        with effort(200_000):
            assert ShortLayouts(layouts).tail(layout) is None


def test_members_of_anonymous_members_are_looked_up_once_each(hostile: Btf) -> None:
    layouts, layout = layout_of(hostile, "union", "anonymous")
    with effort(20_000):
        assert layouts.member(layout, "x").bit_offset == 0
        assert layouts.member_names(layout) == ["x"]
        with pytest.raises(MemberNotFoundError):
            layouts.member(layout, "y")


def test_whether_a_struct_is_small_is_found_out_at_once(hostile: Btf) -> None:
    _, layout = layout_of(hostile, "struct", "leafless")
    with effort(200_000):
        assert layout.is_small


@pytest.mark.parametrize("name", ["empties", "unknown"])
@pytest.mark.parametrize("zero", [False, True])
def test_elements_without_a_size_are_not_gone_through(hostile: Btf, name: str, zero: bool) -> None:
    layouts, layout = layout_of(hostile, "struct", name)
    with effort(20_000):
        x, *rest = Decoder(layouts, zero=zero, elements=1 << 40).fields(layout, b"\1" * 8)
        assert x.value == 0x0101010101010101
        assert [field.value for field in rest] == ([[]] if zero else [])
        to_python(layouts, layout, b"\1" * 8)
    with effort(2_000_000), pytest.raises(BtfdumpError, match=r"no size|contains itself"):
        snprintf_btf(hostile, layout.type.id, b"\1" * 8)


def test_a_long_array_of_zeros_is_passed_over(hostile: Btf) -> None:
    layouts, layout = layout_of(hostile, "struct", "long")
    data = bytearray(1 << 24)
    data[-2] = 7
    with effort(20_000):
        (many,) = Decoder(layouts).fields(layout, bytes(data))
        assert isinstance(many.value, list)
        assert [getattr(field, "name", "") for field in many.value] == ["[16777214]"]


def test_more_members_than_are_decoded_of_one_object(
    hostile: Btf, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts, layout = layout_of(hostile, "struct", "long")
    data = b"\1" * (1 << 24)
    monkeypatch.setattr(fields, "Budget", partial(Budget, most=1 << 16))  # a million takes long
    with pytest.raises(BtfFormatError, match="long has more than 65536 members: too many"):
        Decoder(layouts, elements=1 << 24).fields(layout, data)


def test_many_objects_that_are_just_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand objects, each could have had a million members decoded."""
    b = BtfBuilder()
    one = b.struct("one", 1, [("x", b.int_("u8", 1), 0)])
    b.struct("long", 30_000, [("many", b.array(one, 30_000), 0)])
    b.struct("short", 300, [("many", b.array(one, 300), 0)])
    layouts, layout = layout_of(b.parse(), "struct", "long")
    monkeypatch.setattr(budget, "MAX_SPARE", 100_000)
    decoder = Decoder(layouts, elements=1 << 24)
    data = b"\1" * 30_000
    for _ in range(3):
        decoder.fields(layout, data)
    with pytest.raises(UnusableBtfError, match="objects before it: no more than 100000 are"):
        decoder.fields(layout, data)
    (many,) = decoder.fields(layouts.of(layout.type.btf.find("struct", "short")), data)
    assert isinstance(many.value, list)
    assert len(many.value) == 300
    Decoder(layouts, elements=1 << 24).fields(layout, data)


def test_nonzero_elements() -> None:
    data = bytes(3) + b"\0\0\1\0" + b"\1\1\1\1" + bytes(4) + b"\0\0\0\1" + b"\1"
    assert list(nonzero(data, 3, 4, 4)) == [0, 1, 3]
    assert list(nonzero(data, 3, 3, 4)) == [0, 1]
    assert list(nonzero(bytes(100), 0, 100, 1)) == []


@pytest.mark.parametrize("kind", ["text", "numbers", "structs"])
@pytest.mark.parametrize("first", [0, 1])
def test_many_large_members_in_one_place_are_refused(kind: str, first: int) -> None:
    """Each of 2,000 members of 16 MiB was searched for zeros, or copied: minutes, and gigabytes."""
    b = BtfBuilder()
    char, u8 = b.int_("char", 1, signed=True), b.int_("u8", 1)
    elements = {"text": char, "numbers": u8, "structs": b.struct("one", 1, [("x", u8, 0)])}
    many = b.array(elements[kind], 1 << 24)
    b.union("u", 1 << 24, [("m", many, 0)] * 2_000)
    b.struct("s", 1 << 24, [("m", b.array(elements[kind], 1 << 23), 8 * n) for n in range(2_000)])
    btf = b.parse()
    data = bytes([first]) * 2_000 + bytes((1 << 24) - 2_001) + b"\1"
    refused = pytest.raises(BtfFormatError, match="contains itself, or more than its bytes hold")
    for kind_, name in (("union", "u"), ("struct", "s")):
        layouts, layout = layout_of(btf, kind_, name)
        if first or name == "u":
            with processor_seconds(5), refused:
                Decoder(layouts).fields(layout, data)
            with processor_seconds(5), refused:
                plan_of(layouts, None, layout, elements=64)


def test_no_zeros_are_made_for_the_elements_of_an_array_of_none() -> None:
    """They may have gigabytes each, and the array none: a MemoryError."""
    b = BtfBuilder()
    one = b.struct("one", 1, [("x", b.int_("u8", 1), 0)])
    b.struct("holder", 8, [("none", b.array(b.array(one, 1 << 26), 0), 64)])
    layouts, layout = layout_of(b.parse(), "struct", "holder")
    compiled = compile_fields(layouts, None, layout, {"none": {}}, 8)
    (field,) = compiled(bytes(8))[0]
    assert (field.name, field.value) == ("none", [])
    assert all(len(made) < 4096 for made in zeros_of(compiled))


def zeros_of(compiled: object) -> list[bytes]:
    """Return the runs of zeros that generated code compares with."""
    made = getattr(compiled, "__globals__", {})
    return [value for name, value in made.items() if name[0] == "Z" and isinstance(value, bytes)]
