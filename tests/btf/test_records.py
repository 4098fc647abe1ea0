"""Records: where each begins, whatever their kinds and layouts."""

from __future__ import annotations

import struct
from array import array

import pytest

from btfdump._btf import (
    Btf,
    BtfBuilder,
    Enum,
    Unknown,
)
from btfdump._btf.index import Index
from btfdump._btf.records import Records, Sizes
from btfdump._btf.wire import Kind, parse_header
from btfdump.errors import BtfFormatError
from tests.support.btf_blobs import with_layout


def test_split_btf_uses_the_layout_of_its_base(b: BtfBuilder) -> None:
    b.layout[42] = (4, 0)
    base = b.parse()
    split = BtfBuilder(b.byteorder, base)
    split.unknown(42, "novelty", trailer=b"1234")
    btf = split.parse()
    assert btf.layout is base.layout
    assert isinstance(btf.type(1), Unknown)
    assert BtfBuilder.from_btf(btf).build() == btf.data


def test_a_vlen_beyond_16_bits(b: BtfBuilder) -> None:
    # 24 bits since 2026.
    b.enum("huge", [(f"E{i}", i) for i in range(70_000)])
    huge = b.parse().type(1)
    assert isinstance(huge, Enum)
    assert len(huge.enumerators) == 70_000
    assert huge.names[69_999] == "E69999"


@pytest.mark.parametrize("sizes", [(2, 0), (0, 3)])
def test_layouts_of_odd_sizes(sizes: tuple[int, int]) -> None:
    types = struct.pack("<3I", 0, 20 << 24, 0)
    with pytest.raises(BtfFormatError, match="no multiple of 4"):
        Btf.from_bytes(with_layout(types, bytes(80) + bytes((*sizes, 0, 0))))
    assert len(Btf.from_bytes(with_layout(b"", bytes(80) + bytes((*sizes, 0, 0))))) == 1


def records_of(b: BtfBuilder) -> Records:
    data = b.build()
    return Records(data, parse_header(data, split=False), Sizes({}), 1)


def test_words_are_in_the_order_of_the_machine(b: BtfBuilder) -> None:
    b.int_("int", 4)
    b.struct("pair", 8, [("a", 1, 0), ("b", 1, 32)])
    b.ptr(2)
    records = records_of(b)
    assert records.starts == [0, 4, 4 + 3 + 2 * 3]
    assert (records.end_id, 1 in records, 3 in records, 4 in records) == (4, True, True, False)
    assert records.words[records.at(2) + 2] == 8
    assert records.byte_offset(records.at(2)) == 24 + 4 * 4
    assert records.sizes == (4, 8, 2)
    assert records.kinds == bytes((Kind.INT, Kind.STRUCT, Kind.PTR))
    assert list(records.ids(Kind.PTR)) == [3]
    assert list(records.ids(Kind.UNION)) == []


@pytest.mark.parametrize("count", [0, 1])
def test_columns_of_few_records(b: BtfBuilder, count: int) -> None:
    for _ in range(count):
        b.struct("empty", 0)
    records = records_of(b)
    assert len(records.name_offsets()) == len(records.sizes) == len(records.infos) == count
    assert records.kinds == bytes((Kind.STRUCT,)) * count


def test_an_index_is_used_where_it_fits(b: BtfBuilder) -> None:
    b.int_("int", 4)
    shorter = records_of(b)
    b.ptr(1)
    plain = records_of(b)
    index = Index(array("I", plain.starts), plain.kinds, array("I"), array("I"))
    data = b.build()
    header = parse_header(data, split=False)
    found = Records(data, header, Sizes({}), 1, index)
    assert found.starts is index.starts
    assert found.kinds is index.kinds
    cut = header._replace(type_end=header.type_start + 4 * len(shorter.words))
    assert Records(data, cut, Sizes({}), 1, index).starts == shorter.starts
