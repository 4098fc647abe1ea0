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


def listed(btf: Btf) -> list[tuple[str, int]]:
    """Return name and prototype's id of each function."""
    return [one for some in btf.iter_functions() for one in zip(*some, strict=True)]


def spelled(proto: types.FuncProto) -> str:
    """Return the declaration of a function `f`, parameter by parameter."""
    params = [
        "..."
        if proto.is_variadic and param is proto.params[-1]
        else declare(param.type, param.name)
        for param in proto.params
    ]
    before, _, behind = declare(proto.return_type, "\0").partition("\0")
    return f"{before}f({', '.join(params) or 'void'}){behind}"


def test_they_are_what_the_types_say(opened: Callable[[str], Kernel]) -> None:
    btf = opened("tagged").btf
    funcs = [func for func in btf.iter_types(Kind.FUNC) if isinstance(func, types.Func)]
    assert listed(btf) == [(func.name, func.type_id) for func in funcs]
    protos = {func.proto.id: func.proto for func in funcs[::7]}
    around = btf.around_names(protos)
    assert [f"{before}f{behind}" for before, behind in around] == list(
        map(spelled, protos.values())
    )


def test_of_modules(opened: Callable[[str], Kernel]) -> None:
    """Their names and types are their own, or the kernel's."""
    kernel = opened("stock")
    found = 0
    for btf in kernel.modules.btfs():
        funcs = [func for func in btf.iter_types(Kind.FUNC) if isinstance(func, types.Func)]
        protos = [func.type_id for func in funcs]
        assert listed(btf) == [(func.name, func.type_id) for func in funcs]
        assert [f"{before}f{behind}" for before, behind in btf.around_names(protos)] == [
            spelled(func.proto) for func in funcs
        ]
        found += len(funcs)
    assert found


def test_of_a_module_on_a_base() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    proto = b.func_proto(int_, [("n", int_)])
    base = Btf.from_bytes(b.build())
    split = BtfBuilder(base=base)
    split.func("f", proto)
    split.func("g", split.func_proto(0, [("n", int_), ("", split.ptr(split.struct("s", 4)))]))
    btf = Btf.from_bytes(split.build(), base=base)
    assert [name for name, _ in listed(btf)] == ["f", "g"]
    assert btf.around_names([proto for _, proto in listed(btf)]) == [
        ("int ", "(int n)"),
        ("void ", "(int n, struct s *)"),
    ]


def test_what_a_prototype_may_have() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    char = b.ptr(b.const(b.int_("char", 1)))
    returning = b.ptr(b.func_proto(int_, []))
    protos = [
        b.func_proto(int_, []),
        b.func_proto(0, [("format", char), ("", 0)]),
        b.func_proto(0, [("", 0)]),
        b.func_proto(returning, [("", int_), ("call", returning), ("of", b.ptr(b.array(int_, 4)))]),
        b.func_proto(0, [("", 0), ("anonymous", b.ptr(b.ptr(b.struct("", 8))))]),
        b.func_proto(b.enum("e", [("A", 1)]), [("n" * 600, b.ptr(b.fwd("u", union=True)))]),
    ]
    btf = b.parse()
    assert [f"{before}f{behind}" for before, behind in btf.around_names(protos)] == [
        "int f(void)",
        "void f(const char *format, ...)",
        "void f(...)",
        "int (*f(int, int (*call)(void), int (*of)[4]))(void)",
        "void f(void, struct {...} **anonymous)",
        f"enum e f(union u *{'n' * 511}...)",
    ]


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
    assert listed(btf) == [("f", proto)]
    with pytest.raises(BtfFormatError, match=reason) as raised:
        btf.around_names([proto])
    assert raised.value.reason.startswith(f"type [{proto}]")


def test_a_malformed_type_of_a_parameter() -> None:
    b = BtfBuilder()
    pointer = b.ptr(b.const(b.struct("s", 4)))
    proto = b.func_proto(0, [("n", pointer)])
    data = bytearray(b.build())
    records = Btf.from_bytes(bytes(data))._records
    where = records.byte_offset(records.at(pointer) + 2)
    data[where : where + 4] = (999).to_bytes(4, "little")
    btf = Btf.from_bytes(bytes(data), check=False)
    with pytest.raises(BtfFormatError, match=r"refers to \[999\]") as raised:
        btf.around_names([proto])
    assert raised.value.reason.startswith(f"type [{pointer}]")


def test_what_stands_around_a_name_is_what_a_declaration_has(
    opened: Callable[[str], Kernel],
) -> None:
    btf = opened("tagged").btf
    around = btf._prototypes.around
    for type_id in range(0, len(btf), 7):
        before, behind = around[type_id]
        assert f"{before}name{behind}" == declare(btf.type(type_id), "name")


def test_pointers_without_end_come_to_one() -> None:
    b = BtfBuilder()
    first = last = b.ptr(0)
    for _ in range(300):
        last = b.ptr(last)
    data = bytearray(b.build())
    records = Btf.from_bytes(bytes(data))._records
    where = records.byte_offset(records.at(first) + 2)
    data[where : where + 4] = first.to_bytes(4, "little")  # to itself
    btf = Btf.from_bytes(bytes(data))
    for type_id in (first, last):
        before, behind = btf._prototypes.around[type_id]
        assert f"{before}name{behind}" == declare(btf.type(type_id), "name")
