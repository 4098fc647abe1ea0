"""Compiled formatters agree with the reference, for every struct of real BTF."""

from __future__ import annotations

import linecache
import zlib
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import library
from btfdump._btf import BtfBuilder
from btfdump._decode.compiled.emitter import MAX_LOOPS
from btfdump._decode.compiled.source import HOT
from btfdump._decode.layout import MAX_NESTING, Layouts, StructLayout
from btfdump._render.compiled_text import compile_text
from btfdump._render.plain import Formatter, ScalarFacts, reference_text
from btfdump.errors import BtfFormatError
from tests.support.case_files import KERNELS
from tests.support.hostile_names import hostile, some_bytes, struct_of
from tests.support.shapes import one_of_each_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._btf import types
    from btfdump._btf.wire import ByteOrder

MOST = 40_000
"""Bytes of the largest struct that is tried; above it only padding and tables grow."""


def check(layouts: Layouts, type_: types.Composite, seed: int, *, zero: bool) -> None:
    layout = layouts.of(type_)
    assert isinstance(layout, StructLayout)
    if layout.size > MOST:
        return
    nothing = bytes(layout.size)
    try:
        expected = reference_text(layouts, layout, nothing, zero=True)
    except BtfFormatError:  # the second sample holds a few structs that are corrupt on purpose
        with pytest.raises(BtfFormatError):
            compile_text(layouts, layout)
        return
    compiled = compile_text(layouts, layout, zero=zero)
    if zero:  # from here on compiled code writes what it keeps of this for all that is zero
        assert compiled(nothing) == expected, type_
    for density in (0.0, 0.05, 1.0) if seed % 16 == 0 else (0.1 if zero else 0.3,):
        data = some_bytes(layout.size, seed, density)
        assert compiled(data) == reference_text(layouts, layout, data, zero=zero), type_


@pytest.mark.parametrize("kernel", KERNELS)
def test_text_of_every_struct(kernel: str) -> None:
    """One of each shape, with zeros shown or skipped, in one byte order or the other.

    In which, the struct's name says: that depends on nothing that its code depends on.
    """
    # The types are the same in either order; only the layout's reading of bytes differs.
    orders: tuple[ByteOrder, ByteOrder] = ("little", "big")
    layouts = [Layouts(order, 8) for order in orders]
    for seed, type_ in enumerate(one_of_each_shape()[kernel]):
        turn = zlib.crc32(type_.name.encode())
        check(layouts[turn % 2], type_, seed, zero=(turn >> 1) % 2 == 0)
        linecache.cache.clear()


@pytest.mark.parametrize("zero", [False, True])
def test_members_without_a_name(zero: bool) -> None:
    builder = BtfBuilder()
    int_ = builder.int_("int", 4, signed=True)
    pair = builder.struct("pair", 8, [("", int_, 0), ("", int_, 32)])
    empty = builder.struct("empty", 0)
    layout = struct_of(
        builder,
        [
            ("", int_, 4),
            ("x", pair, 8),
            ("", pair, 8),
            ("y", builder.array(pair, 2), 16),
            ("", empty, 0),
            ("z", builder.array(empty, 3), 0),
            ("f", builder.array(int_, 0), 0),
        ],
    )
    layouts = Layouts("little", 8)
    compiled = compile_text(layouts, layout, zero=zero)
    for density in (0.0, 0.3, 1.0):
        data = some_bytes(layout.size, 5, density)
        assert compiled(data) == reference_text(layouts, layout, data, zero=zero)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("depth", [MAX_NESTING - 2, MAX_NESTING + 1])
def test_nesting_is_limited_as_in_the_reference(depth: int, zero: bool) -> None:
    builder = BtfBuilder()
    int_ = builder.int_("int", 4, signed=True)
    type_ = builder.struct("s", 24, [(name, int_, 32 * i) for i, name in enumerate("abcdef")])
    for _ in range(depth):
        type_ = builder.struct("s", 24, [("m", type_, 0)])
    layouts, layout = Layouts("little", 8), struct_of(builder, [("m", type_, 24)])
    data = some_bytes(layout.size, 9, 0.5)
    if depth > MAX_NESTING:
        with pytest.raises(BtfFormatError):
            reference_text(layouts, layout, data, zero=zero)
        with pytest.raises(BtfFormatError):
            compile_text(layouts, layout, zero=zero)
    else:
        expected = reference_text(layouts, layout, data, zero=zero)
        assert compile_text(layouts, layout, zero=zero)(data) == expected


def test_an_array_that_another_member_overlaps() -> None:
    """What comes before the other member decides if it is shown, as in the reference."""
    builder = BtfBuilder()
    long_ = builder.int_("long", 8, signed=True)
    odd = builder.struct("odd", 16, [("a", long_, 8), ("c", builder.array(long_, 1), 0)])
    layouts = Layouts("little", 8)
    layout = layouts.of(builder.parse().type(odd))
    assert isinstance(layout, StructLayout)
    for data in (b"\0\1".ljust(layout.size, b"\0"), b"\1".ljust(layout.size, b"\0")):
        text = compile_text(layouts, layout)(data)
        assert text == reference_text(layouts, layout, data)


def test_a_negative_zero_is_not_left_out() -> None:
    builder = BtfBuilder()
    float_ = builder.float_("float", 4)
    pair = builder.struct("pair", 8, [("a", float_, 0), ("b", float_, 32)])
    layouts, layout = Layouts("little", 8), struct_of(builder, [("x", pair, 8), ("y", float_, 4)])
    data = bytes.fromhex("00000080 00000000 00000080").ljust(layout.size, b"\0")
    text = compile_text(layouts, layout)(data)
    assert text == reference_text(layouts, layout, data)
    assert text.count("-0.0") == 2


def test_what_is_kept_of_zeros_comes_and_goes() -> None:
    layouts, layout = hostile()
    compiled = compile_text(layouts, layout, zero=True)
    datas = [bytes(layout.size), some_bytes(layout.size, 2, 0.05), some_bytes(layout.size, 3, 1.0)]
    expected = [reference_text(layouts, layout, data, zero=True) for data in datas]
    for order in ((2, 1, 0, 1, 2), (0, 2, 0, 1, 1)):
        assert [compiled(datas[i]) for i in order] == [expected[i] for i in order]


def test_formatter_compiles_when_hot() -> None:
    layouts, layout = hostile()
    formatter = Formatter(layouts)
    data = some_bytes(layout.size, 3, 0.5)
    expected = reference_text(layouts, layout, data)
    for _ in range(HOT + 2):
        assert formatter.text(layout, data) == expected
    assert formatter.is_compiled(layout)
    assert not Formatter(layouts).is_compiled(layout)


def test_what_is_nested_too_deep_to_be_compiled_is_shown_all_the_same() -> None:
    builder = BtfBuilder()
    int_ = builder.int_("int", 4, signed=True)
    type_ = builder.struct("s", 24, [(name, int_, 32 * i) for i, name in enumerate("abcdef")])
    for _ in range(MAX_LOOPS + 1):
        type_ = builder.struct("s", 24, [("m", builder.array(type_, 1), 0)])
    layouts, layout = Layouts("little", 8), struct_of(builder, [("m", type_, 24)])
    data = some_bytes(layout.size, 9, 0.5)
    expected = reference_text(layouts, layout, data)
    formatter = Formatter(layouts)
    for _ in range(HOT + 2):
        assert formatter.text(layout, data) == expected
    assert not formatter.is_compiled(layout)


@pytest.mark.parametrize("length", [1, 3, 70, 0xFFFF_FFFF])
@pytest.mark.parametrize("zero", [False, True])
def test_elements_without_a_size_are_not_shown(length: int, zero: bool) -> None:
    """The reference says how many there are; compiled text wrote some, and counted 64 less."""
    b = BtfBuilder()
    number = b.int_("long", 8, signed=True)
    elements = [b.fwd("f"), b.func_proto(0), 0, b.struct("empty", 0)]
    for element in elements:
        b.struct("s", 8, [("x", number, 0), ("a", b.array(element, length), 0)])
    data = bytes(range(8))
    layouts = Layouts("little", 8)
    for type_ in b.parse(check=False).find_all("struct", "s"):
        layout = layouts.of(type_)
        assert isinstance(layout, StructLayout)
        text = compile_text(layouts, layout, zero=zero)(data)
        assert text == reference_text(layouts, layout, data, zero=zero)


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_what_annotations_say_of_scalars(opened: Callable[[str], Kernel], name: str) -> None:
    """Every struct of a kernel of which something is said that a formatter shows.

    Zeros are shown of every other one: of those that are skipped in `stock`, in the others.
    """
    kernel = opened(name)
    facts_of = ScalarFacts(kernel.facts)
    count = 0
    for seed, struct in enumerate(library().structs()):
        for type_ in kernel.btf.find_all("struct", struct)[:1]:
            layout = kernel.layouts.of(type_)
            assert isinstance(layout, StructLayout)
            if not facts_of(layout).members or layout.size > MOST:
                continue
            count += 1
            zero = (seed + (name == "stock")) % 2 == 0
            compiled = compile_text(kernel.layouts, layout, zero=zero, facts_of=facts_of)
            for density in (0.0, 0.3, 1.0):
                data = some_bytes(layout.size, seed, density)
                assert compiled(data) == reference_text(
                    kernel.layouts, layout, data, zero=zero, facts_of=facts_of
                ), struct
            linecache.cache.clear()
    assert count > 15
