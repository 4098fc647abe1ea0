"""Property: whatever is built is read back the same, and built again byte for byte."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._btf import Btf, BtfBuilder, Enum, FuncProto, Struct

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
ids = st.integers(0, 12)
u32 = st.integers(0, 0xFFFFFFFF)

calls = st.one_of(
    st.tuples(st.just("int_"), names, u32, st.fixed_dictionaries({"bits": st.integers(0, 255)})),
    st.tuples(st.sampled_from(["ptr", "const", "volatile", "restrict"]), ids),
    st.tuples(st.sampled_from(["typedef", "var", "decl_tag", "type_tag"]), names, ids),
    st.tuples(st.just("array"), ids, u32),
    st.tuples(
        st.sampled_from(["struct", "union"]),
        names,
        u32,
        st.lists(
            st.one_of(
                st.tuples(names, ids, st.integers(0, 0xFFFFFF)),
                st.tuples(names, ids, st.integers(0, 0xFFFFFF), st.integers(0, 255)),
            ),
            max_size=4,
        ),
    ),
    st.tuples(st.just("enum"), names, st.lists(st.tuples(names, st.integers(-9, 9)), max_size=4)),
    st.tuples(
        st.just("enum64"), names, st.lists(st.tuples(names, st.integers(0, 1 << 63)), max_size=4)
    ),
    st.tuples(st.sampled_from(["fwd"]), names),
    st.tuples(st.just("func_proto"), ids, st.lists(st.tuples(names, ids), max_size=4)),
    st.tuples(st.just("datasec"), names, st.lists(st.tuples(ids, u32, st.just(0)), max_size=3)),
    st.tuples(st.just("float_"), names, u32),
)


@settings(max_examples=150)
@given(
    st.sampled_from(["little", "big"]), st.lists(calls, max_size=12), st.lists(calls, max_size=4)
)
def test_round_trip(byteorder: Any, first: list[Any], second: list[Any]) -> None:
    base: Btf | None = None
    for calls_ in (first, second):
        b = BtfBuilder(byteorder, base)
        for method, *arguments in calls_:
            keywords = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            type_id = getattr(b, method)(*arguments, **keywords)
            assert type_id == b.next_id - 1
        while b.next_id < 13:  # so that every id exists
            b.int_("filler", 4)
        btf = b.parse()
        assert BtfBuilder.from_btf(btf).build() == btf.data
        for (method, *arguments), type_ in zip(calls_, btf.iter_types(), strict=False):
            if isinstance(arguments[0], str) and method not in ("decl_tag", "type_tag"):
                assert type_.name == arguments[0]
                if type_.name:
                    assert type_ in btf.find_all(type_.kind, type_.name)
            if isinstance(type_, (FuncProto, Struct, Enum)):
                parts = getattr(type_, "members", getattr(type_, "enumerators", None))
                parts = type_.params if isinstance(type_, FuncProto) else parts
                assert [p.name for p in parts or ()] == [row[0] for row in arguments[-1]]
        base = btf
