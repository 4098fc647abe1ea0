"""bpf_snprintf_btf(), byte for byte: recorded outputs of two kernels, and each quirk by itself."""

from __future__ import annotations

import json
import lzma
from functools import cache
from typing import Any

import pytest

import btfdump
from btfdump._btf import Btf, BtfBuilder
from btfdump._render.show.snprintf import Flags, Show, snprintf_btf
from btfdump.errors import TypeNotFoundError, UnprintableTypeError
from tests.support.case_files import read_btf, read_case
from tests.support.effort import effort
from tests.support.snprintf_types import SELECTED, Types, nested

# Recorded outputs


def not_of_the_renderer(case: dict[str, Any]) -> str:
    """Say why a recorded case is none of bytes and flags, "" if it is one."""
    if "ptr" in case:
        return "-ERANGE: the address given lies outside of the kernel's memory; there are no bytes"
    if "raw_flags" in case:
        return "-EINVAL: a bit that is no flag was set; here flags are keywords"
    return ""


def hasher(case: dict[str, Any], tables: dict[str, dict[str, str]]) -> Any:
    table = case.get("hashes") or tables.get(case.get("hashed", ""))
    if table is None:
        return None
    hashes = {int(raw, 16): int(hashed, 16) for raw, hashed in table.items()}
    return hashes.__getitem__


def wrong(case: dict[str, Any], btf: Btf, tables: dict[str, dict[str, str]]) -> str:
    """Run a case; return what is wrong with the outcome, "" if nothing."""
    data = bytes.fromhex(case["hex"])
    flags: dict[str, Any] = dict.fromkeys(case["flags"], True)
    errors = {-22: UnprintableTypeError, -2: TypeNotFoundError}
    if "error" in case:
        try:
            text = snprintf_btf(btf, case["type_id"], data, **flags)
        except errors[case["error"]]:
            return ""
        return f"{case['id']}: {text!r}, not error {case['error']}"
    show = Show(btf, data, Flags(**flags), hasher(case, tables))
    full = show.run(case["type_id"])
    text = snprintf_btf(
        btf,
        case["type_id"],
        data,
        **flags,
        size=case.get("out_size"),
        hash_pointer=hasher(case, tables),
    )
    if text != case["expect"].encode("latin-1"):
        return f"{case['id']}: {text!r}, not {case['expect']!r}"
    if len(full) != case["ret"]:
        return f"{case['id']}: {len(full)} bytes in all, not {case['ret']}"
    return "" if show.is_defined else f"{case['id']}: recorded, but of undefined bytes"


def selected() -> list[dict[str, Any]]:
    with lzma.open(SELECTED / "cases.jsonl.xz", "rt", encoding="ascii") as file:
        return [json.loads(line) for line in file]


@cache
def selected_btf(name: str) -> Btf:
    return Btf.from_bytes((SELECTED / f"{name}.btf").read_bytes(), name=name)


def test_selected_outputs() -> None:
    cases = selected()
    assert len(cases) > 600
    assert {case["kernel"] for case in cases} == {"6.12.117", "6.1.192"}
    problems = [wrong(case, selected_btf(case["btf"]), {}) for case in cases]
    assert not list(filter(None, problems))[:10]


def test_all_recorded_outputs() -> None:
    cases = [json.loads(line) for line in read_case("kernel_cases.jsonl.zst").splitlines()]
    tables = json.loads(read_case("kernel_ptr_hash.json.zst"))
    names = {case["btf"] for case in cases}
    btfs = {name: Btf.from_bytes(read_btf(name), name=name) for name in names}
    reasons = [not_of_the_renderer(case) for case in cases]
    problems = [
        wrong(case, btfs[case["btf"]], tables)
        for case, reason in zip(cases, reasons, strict=True)
        if not reason
    ]
    assert not list(filter(None, problems))[:10]
    assert len(cases) == 10_630
    assert len(problems) == 10_624, "no result is undefined: those were never recorded"


# Quirks, in both byte orders


def test_scalars(t: Types) -> None:
    assert t.show(t.int, t.pack((-5, 4))) == "(int)-5\n"
    assert t.show(t.u64, t.pack((-1, 8))) == "(long unsigned int)18446744073709551615\n"
    assert t.show(t.s8, b"A") == "(s8)65\n"
    assert t.show(t.u128, t.pack((0, 16))) == "(u128)0x0\n"
    assert t.show(t.u128, t.pack((1 << 127, 16))) == "(u128)0x80000000000000000000000000000000\n"
    assert t.show(t.ptr_int, t.pack((0xABC, 8)), compact=True) == "(int *)0x0000000000000abc"
    assert t.show(t.const(t.int), t.pack((7, 4))) == "()7\n"
    assert t.show(t.var("v", t.typedef("v_t", t.const(t.int))), t.pack((7, 4))) == "(int)7\n"


def test_zeros_are_skipped_but_not_at_the_top(t: Types) -> None:
    inner = t.struct("inner", 8, [("a", t.int, 0), ("b", t.int, 32)])
    outer = t.struct("outer", 12, [("in", inner, 0), ("c", t.int, 64)])
    assert t.show(t.int, bytes(4)) == "(int)0\n"
    assert t.show(outer, bytes(12)) == "(struct outer){\n}\n"
    assert t.show(outer, t.pack((0, 4), (1, 4), (0, 4))) == (
        "(struct outer){\n .in = (struct inner){\n  .b = (int)1,\n },\n}\n"
    )
    assert t.show(outer, bytes(12), zero=True, compact=True) == (
        "(struct outer){.in = (struct inner){.a = (int)0,.b = (int)0,},.c = (int)0,}"
    )


def test_names_of_enumerators_are_never_zero(t: Types) -> None:
    named = t.enum("e", [("ZERO", 0), ("NIL", 0), ("MINUS", -1)])
    s = t.struct("s", 8, [("e", named, 0), ("n", t.enum("f", {"ONE": 1}), 32)])
    assert t.show(s, bytes(8)) == "(struct s){\n .e = (enum e)ZERO,\n}\n"
    assert t.show(s, t.pack((-1, 4), (2, 4)), compact=True) == (
        "(struct s){.e = (enum e)MINUS,.n = (enum f)2,}"
    )
    assert t.show(named, t.pack((-7, 4))) == "(enum e)-7\n"
    wide = t.enum64("w", {"BIG": 1 << 63})
    assert t.show(wide, t.pack((1 << 63, 8))) == "(enum w)BIG\n"
    assert t.show(wide, t.pack((-2, 8))) == f"(enum w){2**64 - 2}\n"


def test_small_enums_are_read_with_their_neighbours() -> None:
    t = Types()
    small = t.enum("small", {"ONE": 1, "MANY": 0x04030201}, size=1)
    s = t.struct("s", 4, [("e", small, 0), ("a", t.u8, 8), ("b", t.u16, 16)])
    assert t.show(small, b"\1") == "(enum small)ONE\n", "nothing follows the object"
    assert t.show(s, b"\1\2\3\4").startswith("(struct s){\n .e = (enum small)MANY,")
    assert t.show(s, b"\1\2\0\0").startswith(f"(struct s){{\n .e = (enum small){0x201},")
    big = Types("big")
    small = big.enum("small", {"ONE": 1}, size=1)
    assert big.show(small, b"\1") == f"(enum small){1 << 24}\n"


def test_the_window_that_enums_are_read_from() -> None:
    t = Types()
    small = t.enum("small", size=1)
    # An enum at 40 lies outside of the first copy, [0, 32): a second one starts there. It takes the
    # 3 bytes that are left of the object; the fourth is that of the first copy.
    members = [("pad", t.array(t.u8, 40), 0), ("e", small, 320), ("x", t.u8, 328), ("y", t.u8, 336)]
    s = t.struct("s", 43, members)
    data = bytes([0, 0, 0, 9, *([0] * 36), 1, 2, 3])
    assert f".e = (enum small){0x09030201}," in t.show(s, data)
    # At 28, 4 bytes are left in the window; from 29 on, the kernel reads its own stack.
    for at, is_defined in ((28, True), (29, False), (30, False), (31, True)):
        s = t.struct("s", 37, [("e", small, at * 8), ("z", t.u8, 36 * 8)])
        show = Show(t.parse(), bytes([7] * 37), Flags())
        text = show.run(s).decode()
        assert show.is_defined is is_defined, at
        assert text.startswith("(struct s){\n .e = (enum small)")


def test_pointers_are_hashed(t: Types) -> None:
    def hashed(value: int) -> int:
        return value ^ 0x1_FFFF_FFFF

    id_ = t.ptr_int
    assert t.show(id_, t.pack((0x1234, 8)), hash_pointer=hashed) == "(int *)0x00000000ffffedcb\n"
    assert t.show(id_, t.pack((0x1234, 8)), hash_pointer=hashed, ptr_raw=True) == (
        "(int *)0x0000000000001234\n"
    )
    for value, shown in ((0, "0" * 16), (-4095, "fffffffffffff001"), (-1, "f" * 16)):
        assert t.show(id_, t.pack((value, 8)), hash_pointer=hashed) == f"(int *)0x{shown}\n"
    assert "fffffffffffff000" not in t.show(id_, t.pack((-4096, 8)), hash_pointer=hashed)


def test_pointers_of_32_bits() -> None:
    b = BtfBuilder()
    b.int_("long unsigned int", 4)
    btf = b.parse()
    assert btf.pointer_size == 4
    pointer = b.ptr(0)
    assert snprintf_btf(b.parse(), pointer, b"\1\0\0\x80") == b"( *)0x80000001\n"


def test_bit_fields_are_hex(t: Types) -> None:
    e = t.enum("e", {"A": 1})
    s = t.struct("s", 8, [("a", t.int, 0, 4), ("e", e, 4, 12), ("w", t.u64, 16, 40)])
    if t.byteorder == "little":
        data = (0xF | 1 << 4 | 0xAB_CDEF_0123 << 16).to_bytes(8, "little")
    else:
        data = (0xF << 60 | 1 << 48 | 0xAB_CDEF_0123 << 8).to_bytes(8, "big")
    assert t.show(s, data, compact=True) == (
        "(struct s){.a = (int)0xf,.e = (enum e)0x1,.w = (long unsigned int)0xabcdef0123,}"
    )
    assert t.show(s, bytes(8), zero=True).count("0x0,") == 3


def test_128_bits_to_the_end_are_shifted_by_a_processor() -> None:
    t = Types()
    s = t.struct("s", 16, [("a", t.u128, 1, 127)])
    value = (1 << 100 | 0xF0) << 1
    # Nothing is shaken out on the left, so the low half is OR-ed into the high one.
    high, low = value >> 64, value & (1 << 64) - 1
    expected = ((high | low) << 64 | low) >> 1
    assert (
        t.show(s, value.to_bytes(16, "little")) == f"(struct s){{\n .a = (u128){expected:#x},\n}}\n"
    )


def test_floats_are_not_supported(t: Types) -> None:
    flt = t.struct("flt", 8, [("a", t.float, 0), ("b", t.float, 32)])
    nested = t.struct("nested", 12, [("f", flt, 0), ("i", t.int, 64)])
    unsupported = "<unsupported kind:16>"
    assert t.show(flt, bytes(8)) == f"(struct flt){{\n{unsupported * 2}}}\n"
    assert t.show(nested, t.pack((1, 12))).startswith("(struct nested){\n") is True
    assert unsupported not in t.show(nested, b"\1" * 12), "floats alone don't show a struct"
    assert unsupported in t.show(nested, bytes(12), zero=True)


def test_char_arrays_end_at_their_nul(t: Types) -> None:
    text = t.array(t.s8, 8)
    s = t.struct("s", 8, [("t", text, 0)])
    assert t.show(text, b"a'\n\xe9\0bcd", compact=True) == "(s8[])['a',''',10,'é',]"
    assert t.show(text, b"\x80\xff\x7f     ", compact=True).startswith("(s8[])[-128,'ÿ',127,' ',")
    assert t.show(s, b"\0bcdefgh") == "(struct s){\n}\n"
    assert t.show(s, b"\0bcdefgh", zero=True) == "(struct s){\n .t = (s8[])[\n ],\n}\n"


def test_zero_elements_lose_their_place(t: Types) -> None:
    assert t.show(t.array(t.u16, 3), t.pack((0, 2), (5, 2), (7, 2))) == "(u16[])[\n 5,\n 7,\n]\n"


def test_names_vanish_in_elements_until_an_inner_array_ends(t: Types) -> None:
    inner = t.struct("inner", 8, [("a", t.int, 0), ("b", t.int, 32)])
    members = [("in", t.array(inner, 2), 0), ("n", t.array(t.int, 2), 128), ("z", t.u8, 192)]
    element = t.struct("element", 28, members)
    s = t.struct("s", 28, [("g", t.array(element, 1), 0)])
    assert t.show(s, bytes(28), zero=True) == (
        "(struct s){\n"
        " .g = (struct element[])[\n"
        "  \n"
        "   \n"
        "    \n     0,\n     0,\n    },\n"
        "    \n     0,\n     0,\n    },\n"
        "   ],\n"
        "   .n = (int[])[\n    0,\n    0,\n   ],\n"
        "   .z = (u8)0,\n"
        "  },\n"
        " ],\n"
        "}\n"
    )
    # The silent walk has ended an inner array before the element is shown, so that it has a name.
    assert t.show(s, b"\1" * 28).splitlines()[2] == "  (struct element){"


def test_unions(t: Types) -> None:
    empty = t.union("", 0)
    union = t.union("", 4, [("i", t.int, 0), ("c", t.array(t.u8, 4), 0)])
    s = t.struct("s", 4, [("", union, 0), ("e", empty, 32)])
    assert t.show(s, t.pack((5, 4)), compact=True, zero=True).endswith(".e = (union){}|}")
    assert t.show(s, b"abcd").startswith("(struct s){\n (union){\n  .i = (int)")
    assert ".c = (u8[])[\n   'a',\n   'b'," in t.show(s, b"abcd")


def test_flexible_arrays_are_shown_with_zero_only(t: Types) -> None:
    s = t.struct("s", 4, [("n", t.int, 0), ("tail", t.array(t.u64, 0), 32)])
    assert t.show(s, t.pack((1, 4))) == "(struct s){\n .n = (int)1,\n}\n"
    assert t.show(s, t.pack((1, 4)), zero=True).endswith(
        " .tail = (long unsigned int[])[\n ],\n}\n"
    )


def test_indentation_stops_at_32(t: Types) -> None:
    lines = t.show(nested(t, 40), t.pack((9, 4))).splitlines()
    assert len(lines) == 81
    assert lines[40] == " " * 32 + ".m = (int)9,"
    assert max(len(line) - len(line.lstrip()) for line in lines) == 32


# The call


def test_size_cuts() -> None:
    t = Types()
    for size, text in (
        (100, b"(int)-5\n"),
        (9, b"(int)-5\n"),
        (8, b"(int)-5"),
        (2, b"("),
        (1, b""),
    ):
        assert snprintf_btf(t.parse(), t.int, t.pack((-5, 4)), size=size) == text
    with pytest.raises(ValueError, match="size is -1"):
        snprintf_btf(t.parse(), t.int, bytes(4), size=-1)


@pytest.mark.parametrize("data", [b"\5\0\0\0", bytearray(b"\5\0\0\0"), memoryview(b"\5\0\0\0rest")])
def test_data_may_be_any_bytes_and_more_than_needed(data: Any) -> None:
    t = Types()
    assert snprintf_btf(t.parse(), t.int, data) == b"(int)5\n"


def test_what_cannot_be_printed_is_said(t: Types) -> None:
    section = t.datasec(".data", [(t.var("v", t.int), 0, 4)])
    unsized = t.array(t.fwd("ahead"), 2)
    btf = t.parse()
    for type_id in (0, section, unsized):
        with pytest.raises(UnprintableTypeError, match="cannot be printed"):
            snprintf_btf(btf, type_id, bytes(8))
    for type_id in (len(btf), 1 << 31, -1):
        with pytest.raises(TypeNotFoundError):
            snprintf_btf(btf, type_id, b"")
    with pytest.raises(ValueError, match="data has 3 bytes, the object needs 4"):
        snprintf_btf(btf, t.int, bytes(3))


def test_it_is_part_of_the_package() -> None:
    assert btfdump.snprintf_btf is snprintf_btf


# Hostile BTF


def test_nesting_does_not_need_pythons_stack() -> None:
    t = Types()
    type_id = nested(t, 250)
    btf = t.parse()

    def deep(levels: int) -> bytes:
        return deep(levels - 1) if levels else snprintf_btf(btf, type_id, t.pack((1, 4)))

    assert deep(850).count(b"\n") == 501


# Effort


def test_a_large_struct_takes_no_time() -> None:
    t = Types()
    part = t.struct("part", 16, [("a", t.int, 0), ("b", t.int, 32), ("p", t.ptr_int, 64)])
    s = t.struct("s", 16 * 700, [(f"m{i}", part, i * 128) for i in range(700)])
    btf = t.parse()
    data = bytes(range(1, 33)) * 350
    snprintf_btf(btf, s, data)
    with effort(700 * 200) as work:  # 114 calls for each member, itself of three
        snprintf_btf(btf, s, data)
    assert work.calls > 700
