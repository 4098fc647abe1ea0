"""How one scalar reads: numbers, names, bits, pointers and what they lead to."""

from __future__ import annotations

import pytest

from btfdump._annotate.facts import MemberFacts
from btfdump._btf import BtfBuilder
from btfdump._decode.fields import Field
from btfdump._decode.layout import Layouts
from btfdump._decode.scalars import ScalarLayout
from btfdump._render import Options
from btfdump._render.scalar import array_text, enum_flags, field_scalar, scalar, summary, text

SYMBOLS = {0xFFFF_8000_0000_1000: "a_symbol"}
STRINGS = {0xFFFF_8000_0000_2000: 'a "string"\x1b'}
OBJECTS = {0xFFFF_8000_0000_3000: "task_struct+0x10"}
OPTIONS = Options(SYMBOLS.get, OBJECTS.get, STRINGS.get)


class Scalars:
    """Layouts by name, for a 64-bit kernel."""

    def __init__(self) -> None:
        b = BtfBuilder()
        char = b.int_("char", 1, signed=True, char=True)
        ids = {
            "int": b.int_("int", 4, signed=True),
            "u8": b.int_("unsigned char", 1),
            "u64": b.int_("long unsigned int", 8),
            "u128": b.int_("u128", 16),
            "bool": b.int_("_Bool", 1, boolean=True),
            "char": char,
            "double": b.float_("double", 8),
            "enum": b.enum("state", {"NONE": 0, "A": 1, "B": 2, "C": 4}),
            "single": b.enum("single", {"NONE": 0, "ONE": 1}),
            "char *": b.ptr(b.const(char)),
            "user char *": b.ptr(b.type_tag("user", char)),
            "void *": b.ptr(0),
            "percpu void *": b.ptr(b.type_tag("percpu", 0)),
            "percpu_kptr void *": b.ptr(b.type_tag("percpu_kptr", 0)),
            "iomem char *": b.ptr(b.type_tag("iomem", char)),
            "percpu char *": b.ptr(b.type_tag("percpu", char)),
        }
        self.btf, self.ids = b.parse(), ids
        self.layouts = Layouts("little", 8)

    def __getitem__(self, name: str) -> ScalarLayout:
        layout = self.layouts.of(self.btf.type(self.ids[name]))
        assert isinstance(layout, ScalarLayout)
        return layout


@pytest.fixture(scope="module")
def layouts() -> Scalars:
    return Scalars()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("int", -5, ("-5", "")),
        ("u64", (1 << 48) - 1, (str((1 << 48) - 1), "")),
        ("u64", 1 << 48, ("0x1000000000000", "")),  # an address, a mask, or random
        ("u128", 5, ("0x5", "")),
        ("u128", -5, ("-0x5", "")),
        ("bool", 1, ("true", "")),
        ("bool", 2, ("2", "")),
        ("char", 0x41, ("'A'", "")),
        ("char", 0x27, ("'\\''", "")),
        ("char", 0x1B, ("27", "")),
        ("double", 1.25, ("1.25", "")),
        ("enum", 2, ("B", "2")),
        ("enum", 6, ("6", "B|C")),
        ("enum", 9, ("9", "")),  # a new value, as not all of its bits have names
        ("enum", -1, ("-1", "")),
        ("single", 3, ("3", "")),
        ("u64", b"\x01\xff", ("/* 2 bytes */ 01ff", "")),
        ("u64", b"", ("{}", "")),
        ("u64", None, ("?", "")),
    ],
)
def test_numbers(layouts, name, value, shown):
    assert scalar(layouts[name], value, OPTIONS) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("void *", 0, ("NULL", "")),
        ("void *", (1 << 64) - 22, ("0xffffffffffffffea", "error EINVAL")),
        ("void *", 0xFFFF_8000_0000_1000, ("0xffff800000001000", "a_symbol")),
        ("void *", 0xFFFF_8000_0000_3000, ("0xffff800000003000", "task_struct+0x10")),
        ("percpu void *", 0xFFFF_8000_0000_3000, ("0xffff800000003000", "")),
        ("char *", 0xFFFF_8000_0000_2000, ("0xffff800000002000", r'"a \"string\"\x1b"')),
        ("char *", 0xFFFF_8000_0000_3000, ("0xffff800000003000", "")),
        ("user char *", 0xFFFF_8000_0000_2000, ("0xffff800000002000", "")),
    ],
)
def test_pointers(layouts, name, value, shown):
    assert scalar(layouts[name], value, OPTIONS) == shown


def test_hexadecimal_where_it_is_asked_for(layouts):
    assert scalar(layouts["int"], 255, OPTIONS, as_hex=True) == ("0xff", "")
    assert scalar(layouts["int"], -255, OPTIONS, as_hex=True) == ("-0xff", "")


def test_enumerators_that_are_bits(layouts):
    enum = layouts["enum"].base
    assert enum_flags(enum, 3) == ["A", "B"]
    assert enum_flags(enum, 9) == enum_flags(enum, 0) == enum_flags(enum, -1) == []
    assert enum_flags(layouts["single"].base, 1) == []


@pytest.mark.parametrize(
    ("name", "values", "elided", "shown"),
    [
        ("int", [1, -2], 0, "{ 1, -2 }"),
        ("int", [1, 0], 3, "{ 1, 0 } /* 3 more */"),
        ("int", [0] * 8 + [7], 0, "{ [8] = 7 }"),
        ("int", [1] * 9, 0, "{ 1, 1, 1, 1, 1, 1, 1, 1, 1 }"),
        ("u8", [1, 255, 16, 0, 0], 0, "{ 01 ff 10 00 00 }"),
        ("void *", [0, 0xFFFF_8000_0000_1000], 0, "{ NULL, 0xffff800000001000 <a_symbol> }"),
    ],
)
def test_arrays(layouts, name, values, elided, shown):
    assert array_text(values, elided, layouts[name], OPTIONS) == shown


def test_summaries_and_strings():
    assert summary([("comm", "in\nit"), ("pid", 1)]) == r'"in\nit" pid 1'
    assert text(b"abc\0def", Options()) == '"abc"'
    assert text(b"abcdef", Options(string=3)).startswith('"abc"')


@pytest.mark.parametrize(
    "name",
    [
        "user char *",
        "percpu char *",
        "iomem char *",
        "percpu void *",
        "percpu_kptr void *",
    ],
)
def test_nothing_is_read_in_another_address_space(layouts, name):
    for address in (*STRINGS, *OBJECTS):
        assert scalar(layouts[name], address, OPTIONS) == (f"{address:#x}", "")


@pytest.mark.parametrize("space", ["user", "percpu", "iomem"])
def test_a_pointer_that_an_annotation_puts_elsewhere_says_where(layouts, space):
    field = Field("p", layouts["char *"], 0, min(STRINGS), MemberFacts(space=space))
    assert field_scalar(field, OPTIONS) == (f"{min(STRINGS):#x}", f"__{space}")
