"""Records into type objects: what the words of a record mean, in both byte orders."""

from __future__ import annotations

from btfdump._btf import (
    BtfBuilder,
    Enum,
    Enum64,
    Enumerator,
    Kind,
    Struct,
    Unknown,
)


def test_bit_fields_without_kind_flag(b: BtfBuilder) -> None:
    # As old compilers wrote them: the integer type is narrower than its bytes, and may be shifted.
    whole = b.int_("u32", 4)
    narrow = b.int_("u32", 4, bits=3)
    shifted = b.int_("u32", 4, bits=5, bit_offset=3)
    hidden = b.typedef("t", b.const(shifted))
    b.struct("s", 8, [("w", whole, 0), ("a", narrow, 32), ("b", shifted, 32), ("c", hidden, 40)])
    b.struct("next", 8, [("inner", b.next_id, 0)])  # a struct member is looked through, not into
    btf = b.parse()
    s = btf.find("struct", "s")
    assert isinstance(s, Struct)
    assert not s.kind_flag
    assert [(m.bit_offset, m.bit_size) for m in s.members] == [(0, 0), (32, 3), (35, 5), (43, 5)]
    again = BtfBuilder.from_btf(btf).build()
    assert again == btf.data


def test_old_bit_fields_of_the_base(b: BtfBuilder) -> None:
    narrow = b.int_("u32", 4, bits=3)
    split = BtfBuilder(b.byteorder, b.parse())
    split.struct("s", 4, [("a", narrow, 8)])
    s = split.parse().find("struct", "s")
    assert isinstance(s, Struct)
    assert (s.members[0].bit_offset, s.members[0].bit_size) == (8, 3)


def test_enum(b: BtfBuilder) -> None:
    b.enum("unsigned", {"A": 0, "B": 0xFFFFFFFF, "ALSO_A": 0})
    b.enum("signed", [("N", -1), ("P", 7)], size=1)
    unsigned, signed = b.parse().iter_types(Kind.ENUM)
    assert isinstance(unsigned, Enum)
    assert isinstance(signed, Enum)
    assert (unsigned.size, unsigned.is_signed) == (4, False)
    assert unsigned.enumerators[1] == Enumerator("B", 0xFFFFFFFF)
    assert unsigned.names == {0: "A", 0xFFFFFFFF: "B"}
    assert unsigned.names is unsigned.names
    assert (signed.size, signed.is_signed) == (1, True)
    assert signed.names == {-1: "N", 7: "P"}


def test_enum64(b: BtfBuilder) -> None:
    b.enum64("unsigned", {"BIG": 1 << 63, "ONE": 1})
    b.enum64("signed", {"MIN": -1 << 63, "MINUS": -1, "MAX": (1 << 63) - 1})
    unsigned, signed = b.parse().iter_types(Kind.ENUM64)
    assert isinstance(unsigned, Enum64)
    assert isinstance(signed, Enum64)
    assert unsigned.names == {1 << 63: "BIG", 1: "ONE"}
    assert signed.names == {-1 << 63: "MIN", -1: "MINUS", (1 << 63) - 1: "MAX"}
    assert (signed.size, signed.is_signed) == (8, True)


def test_unknown_kind_with_a_layout(b: BtfBuilder) -> None:
    b.layout[42] = (4, 8)
    trailer = bytes(range(4 + 2 * 8))
    type_id = b.unknown(42, "novelty", vlen=2, kind_flag=True, size_or_type=0x1234, trailer=trailer)
    after = b.int_("int", 4)
    btf = b.parse()
    novelty = btf.type(type_id)
    assert isinstance(novelty, Unknown)
    assert (novelty.kind_number, novelty.name, novelty.vlen) == (42, "novelty", 2)
    assert (novelty.kind_flag, novelty.size_or_type) == (True, 0x1234)
    assert novelty.trailer == trailer
    assert novelty.kind == Kind.UNKN
    assert str(novelty) == "<kind 42 novelty>"
    assert btf.type(after).name == "int"
    assert btf.find_all(None, "novelty") == [novelty]
    assert btf.layout[Kind.ARRAY] == (12, 0)
    assert BtfBuilder.from_btf(btf).build() == btf.data


def test_both_byte_orders_mean_the_same() -> None:
    blobs = []
    types = []
    for byteorder in ("little", "big"):
        builder = BtfBuilder(byteorder)
        builder.struct("s", 0x0102, [("m", 1, 0x0304)])
        btf = builder.parse()
        assert btf.byteorder == byteorder
        s = btf.type(1)
        assert isinstance(s, Struct)
        blobs.append(btf.data)
        types.append((s.name, s.size, s.members))
    assert types[0] == types[1]
    assert blobs[0] != blobs[1]
    assert len(blobs[0]) == len(blobs[1])
