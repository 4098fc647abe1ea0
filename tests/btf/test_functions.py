"""Functions and prototypes out of the words of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import Btf, BtfBuilder, Kind, types
from btfdump._btf.names import declare
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


def test_they_are_what_the_types_say(opened: Callable[[str], Kernel]) -> None:
    btf = opened("tagged").btf
    funcs = [func for func in btf.iter_types(Kind.FUNC) if isinstance(func, types.Func)]
    assert list(btf.iter_functions()) == [(func.name, func.type_id) for func in funcs]
    for func in funcs[:2000]:
        params = [(param.name, param.type_id) for param in func.proto.params]
        assert btf.signature(func.type_id) == (func.proto.type_id, params)


def test_of_a_module_on_a_base() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    proto = b.func_proto(int_, [("n", int_)])
    base = Btf.from_bytes(b.build())
    split = BtfBuilder(base=base)
    split.func("f", proto)
    btf = Btf.from_bytes(split.build(), base=base)
    assert list(btf.iter_functions()) == [("f", proto)]
    assert btf.signature(proto) == (int_, [("n", int_)])


@pytest.mark.parametrize(
    ("word", "value", "reason"),
    [(2, 999, "refers to"), (3, 0xFFFF, "no string has offset"), (4, 999, "refers to")],
)
def test_a_malformed_prototype(word: int, value: int, reason: str) -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    proto = b.func_proto(int_, [("n", int_)])
    b.func("f", proto)
    data = bytearray(b.build())
    records = Btf.from_bytes(bytes(data))._records
    where = records.byte_offset(records.at(proto) + word)
    data[where : where + 4] = value.to_bytes(4, "little")
    btf = Btf.from_bytes(bytes(data), check=False)
    assert list(btf.iter_functions()) == [("f", proto)]
    with pytest.raises(BtfFormatError, match=reason):
        btf.signature(proto)


def test_what_stands_around_a_name_is_what_a_declaration_has(
    opened: Callable[[str], Kernel],
) -> None:
    btf = opened("tagged").btf
    for type_id in range(1, len(btf), 7):
        before, behind = btf.around[type_id]
        assert f"{before}name{behind}" == declare(btf.type(type_id), "name")
