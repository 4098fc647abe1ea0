"""Copies of types: what makes two of them one, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder, types
from btfdump._btf.alike import MAX_DIFFERENT, MAX_STEPS, distinct
from btfdump.errors import AmbiguousTypeError

if TYPE_CHECKING:
    from collections.abc import Callable


def pair(make: Callable[[BtfBuilder, int], int]) -> list[types.Type]:
    """Return what `make(builder, 0)` and `make(builder, 1)` add, in one BTF."""
    b = BtfBuilder()
    ids = [make(b, copy) for copy in range(2)]
    btf = b.parse()
    return [btf.type(type_id) for type_id in ids]


def are_alike(make: Callable[[BtfBuilder, int], int]) -> bool:
    found = pair(make)
    left = distinct(found)
    assert left[0] is found[0]
    return len(left) == 1


def int_(b: BtfBuilder) -> int:
    return b.int_("int", 4, signed=True)


def test_copies_are_one() -> None:
    def make(b: BtfBuilder, copy: int) -> int:
        inner = b.struct("inner", 4, [("x", int_(b), 0)])
        anonymous = b.union("", 4, [("a", int_(b), 0), ("b", inner, 0)])
        array = b.array(b.const(b.typedef("inner_t", inner)), 3)
        flags = b.enum("flags", {"A": 1, "B": 2})
        members = [("", anonymous, 0), ("list", array, 32), ("flags", flags, 128)]
        return b.struct("outer", 20, [*members, ("bits", int_(b), 160, 3)])

    assert are_alike(make)


@pytest.mark.parametrize(
    "made",
    [
        lambda b, n: b.struct("s", 4 + n, []),
        lambda b, n: b.struct("s", 8, [("xy"[n], int_(b), 0)]),
        lambda b, n: b.struct("s", 8, [("x", int_(b), 32 * n)]),
        lambda b, n: b.struct("s", 8, [("x", int_(b), 0, 3 + n)]),
        lambda b, n: b.struct("s", 8, [("x", int_(b), 0), ("y", int_(b), 32)][: n + 1]),
        lambda b, n: b.struct("s", 8, [("x", b.int_("int", 4, signed=n == 1), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.array(int_(b), 1 + n), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.struct("in", 4, [("ab"[n], int_(b), 0)]), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.enum("e", {"A": n}), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.ptr(int_(b)) if n else b.int_("u64", 8), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.ptr(b.fwd("ab"[n])), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.ptr(b.fwd("a", union=n == 1)), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.ptr(b.type_tag(("rcu", "user")[n], int_(b))), 0)]),
        lambda b, n: b.struct("s", 8, [("x", b.ptr(b.struct("", 4, [("ab"[n], 1, 0)])), 0)]),
        lambda b, n: (b.struct if n else b.union)("s", 8, []),
        lambda b, n: b.float_("f", 4 + 4 * n),
    ],
)
def test_differences(made: Callable[[BtfBuilder, int], int]) -> None:
    def make(b: BtfBuilder, copy: int) -> int:
        int_(b)
        return made(b, copy)

    assert not are_alike(make)


def test_what_pointers_lead_to_is_compared_by_name() -> None:
    """A copy exists because something far away differs; of some structs one knows no members."""

    def make(b: BtfBuilder, copy: int) -> int:
        far = b.struct("far", 4, [("x", int_(b), 0)]) if copy else b.fwd("far")
        proto = b.func_proto(0, [("n", int_(b))])
        return b.struct("near", 16, [("far", b.ptr(far), 0), ("fn", b.ptr(proto), 64)])

    assert are_alike(make)


@pytest.mark.parametrize("name", ["a typedef", "a pointer", "an array", "a modifier", "a struct"])
def test_a_forward_declaration_is_alike_its_definition(name: str) -> None:
    """Whatever lies between: modules of 7.3 repeat 1,500 structs of vmlinux so."""

    def make(b: BtfBuilder, copy: int) -> int:
        far = b.struct("far", 4, [("x", int_(b), 0)]) if copy else b.fwd("far")
        if name == "a typedef":
            member = b.ptr(b.typedef("far_t", far))
        elif name == "a modifier":
            member = b.ptr(b.const(b.volatile(far)))
        else:
            member = b.ptr(b.ptr(far))
        if name == "an array":
            member = b.array(b.ptr(far), 1)
        if name == "a struct":
            member = b.struct("", 8, [("inner", b.ptr(far), 0)])
        return b.struct("near", 8, [("far", member, 0)])

    assert are_alike(make)


def test_types_that_lead_to_themselves() -> None:
    def make(b: BtfBuilder, copy: int) -> int:
        struct = b.next_id
        b.struct("", 16, [("next", struct + 1, 0), ("n", struct + 2, 64)])
        b.ptr(struct)
        int_(b)
        return struct

    assert are_alike(make)


def test_a_struct_that_contains_itself_ends() -> None:
    b = BtfBuilder()
    first, second = b.next_id, b.next_id + 1
    b.struct("s", 8, [("s", first, 0)])
    b.struct("s", 8, [("s", second, 0)])
    assert len(distinct(b.parse().iter_types())) == 1


def test_work_is_bounded() -> None:
    """Too large to be compared: then they are not said to be one."""
    b = BtfBuilder()
    for _ in range(2):
        inner = int_(b)
        for depth in range(300):
            inner = b.struct(f"s{depth}", 4, [(f"m{n}", inner, 0) for n in range(500)])
    btf = b.parse()
    assert MAX_STEPS < 300 * 500
    assert len(distinct(btf.find_all("struct", "s10"))) == 1
    assert len(distinct(btf.find_all("struct", "s299"))) == 2


def test_no_more_than_some_are_told_apart() -> None:
    b = BtfBuilder()
    for size in range(3 * MAX_DIFFERENT):
        b.struct("s", size, [])
    assert [t.size for t in distinct(b.parse().iter_types())] == list(range(MAX_DIFFERENT))  # type: ignore[attr-defined]


def test_find_takes_copies_for_one() -> None:
    b = BtfBuilder()
    number = int_(b)
    for name in ("x", "x", "y"):
        b.struct("task_struct", 4, [("pid", number, 0)])
        b.struct("console", 4, [(name, number, 0)])
    btf = b.parse()
    assert btf.find("struct", "task_struct").id == 2
    with pytest.raises(AmbiguousTypeError, match=r"2 different .* struct console: \[3\], \[7\]"):
        btf.find("struct", "console")


def test_what_pointers_lead_to_is_compared_once() -> None:
    """`struct context *` of two modules: the first must not stand for both."""
    b = BtfBuilder()
    number = int_(b)
    for names in (("a", "b"), ("a", "c"), ("a", "b")):
        inner = b.struct("context", 8, [(n, number, 32 * i) for i, n in enumerate(names)])
        b.struct("holder", 8, [("context", b.ptr(inner), 0)])
    b.struct("holder", 8, [("context", b.ptr(b.fwd("context")), 0)])
    btf = b.parse()
    assert len(btf.find_all("struct", "holder")) == 4
    assert len(distinct(btf.find_all("struct", "holder"))) == 2
