"""Make values from a type and an address, for all code outside of `Value` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.value import Value

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._walk import Key


def value_at(
    context: Context,
    type_: types.Type | str,
    address: int | str,
    data: bytes | None = None,
    *,
    facts: MemberFacts | None = None,
    outer: tuple[Value, str] | None = None,
    index: int = 0,
    key: Key = None,
    stated: Stated = (),
    bits: tuple[int, int] = (0, 0),
) -> Value:
    """Return the object of a type at a virtual address; nothing is read yet.

    `type_` may be a C name (`struct idr`), and `address` the name of a symbol. `data` holds the
    object's bytes if they have been read already. `facts` is what is known of it beyond its type,
    `outer` the object that it is a member of and the member's path, `index` its position in an
    array, `key` where it was found in a container, and `stated` what is known of its members. Of a
    bit field, `bits` is (offset from the address, width). For names, raises the same errors as
    `Context.type()` and `Context.symbol()`.
    """
    if isinstance(type_, str):
        type_ = context.own_type(type_)
    if isinstance(address, str):
        address = context.own_symbol(address)
    return Value(
        context,
        type_,
        address,
        data,
        facts=facts,
        outer=outer,
        index=index,
        key=key,
        stated=stated,
        bit_offset=bits[0],
        bit_size=bits[1],
    )


def offset_of(context: Context, type_: types.Type | str, member: str) -> int:
    """Return the offset of a member in bytes, as offsetof() in C.

    Members of anonymous structs are found too. Raises `MemberNotFoundError`, and for a type's name
    the same errors as `Context.type()`.
    """
    return value_at(context, type_, 0).member_(member).address_
