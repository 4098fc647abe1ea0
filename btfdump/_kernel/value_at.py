"""Values by type and address: how everything but `Value` itself makes one."""

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
) -> Value:
    """Return the object of a type at a virtual address; nothing is read yet.

    `type_` may be a C name (`struct idr`), `address` the name of a symbol. `data` are the object's
    bytes where they have been read. `facts` says what is known of it beside its type, `outer` is
    the object that it is a member of and the member's path, `index` its number in an array, `key`
    where it was found in a container, `stated` what is known of paths below it. Raises what
    `Context.type()` and `Context.symbol()` raise, for names.
    """
    if isinstance(type_, str):
        type_ = context.type(type_)
    if isinstance(address, str):
        address = context.symbol(address)
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
    )


def offset_of(context: Context, type_: types.Type | str, member: str) -> int:
    """offsetof(): return how many bytes into a struct its member lies.

    The member may be one of an anonymous struct inside. Raises `MemberNotFoundError`, and what
    `Context.type()` raises for a name.
    """
    return value_at(context, type_, 0).member_(member).address_
