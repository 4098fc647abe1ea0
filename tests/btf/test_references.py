"""What refers to some types, found in the words of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import Btf, BtfBuilder, Kind, types

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel

LEADING = (Kind.PTR, Kind.ARRAY, Kind.CONST, Kind.TYPEDEF)


def test_users_are_those_that_name_a_type_themselves() -> None:
    b = BtfBuilder()
    int_, long_ = b.int_("int", 4), b.int_("long", 8)
    pointer = b.ptr(int_)
    array = b.array(int_, 3)
    struct = b.struct("s", 16, [("a", long_, 0), ("b", int_, 64)])
    union = b.union("u", 8, [("p", pointer, 0)])
    takes = b.func_proto(long_, [("n", int_)])
    returns = b.func_proto(int_, [])
    func = b.func("f", takes)
    btf = Btf.from_bytes(b.build())

    def users(kind: Kind, *ids: int) -> list[int]:
        return [type_.id for type_ in btf.users(kind, set(ids))]

    assert users(Kind.STRUCT, int_) == [struct]
    assert users(Kind.UNION, int_) == []
    assert users(Kind.UNION, pointer) == [union]
    assert users(Kind.FUNC_PROTO, int_) == [takes, returns]
    assert users(Kind.FUNC, takes, returns) == [func]
    assert users(Kind.PTR, int_) == [pointer]
    assert users(Kind.ARRAY, int_) == [array]
    assert users(Kind.STRUCT) == []


def test_what_leads_to_a_type_does_so_over_any_number_of_others() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    const = b.const(int_)
    deep = b.ptr(b.ptr(const))
    array = b.array(deep, 2)
    struct = b.struct("s", 16, [("a", array, 0)])
    base = Btf.from_bytes(b.build())
    split = BtfBuilder(base=base)
    name = split.typedef("t", array)
    btf = Btf.from_bytes(split.build(), base=base)
    found = btf.leading_to(LEADING, base.leading_to(LEADING, {const}))
    assert found == {const, const + 1, deep, array, name}
    assert struct not in found
    assert btf.leading_to(LEADING, set()) == set()


def test_a_loop_of_pointers_is_followed_once() -> None:
    b = BtfBuilder()
    first = b.next_id
    b.ptr(first + 1)
    b.ptr(first)
    btf = Btf.from_bytes(b.build())
    assert btf.leading_to((Kind.PTR,), {first}) == {first, first + 1}


def test_users_on_a_kernel(opened: Callable[[str], Kernel]) -> None:
    """The same as asking every struct."""
    btf = opened("tagged").btf
    (list_head,) = btf.find_all("struct", "list_head")
    asked = [
        struct.id
        for struct in btf.iter_types(Kind.STRUCT)
        if isinstance(struct, types.Struct)
        and any(member.type_id == list_head.id for member in struct.members)
    ]
    assert [struct.id for struct in btf.users(Kind.STRUCT, {list_head.id})] == asked
    assert len(asked) > 400
