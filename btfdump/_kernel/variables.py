"""Global variables by name, typed by BTF or by an overlay's declaration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scope import stated_by
from btfdump._kernel.value_at import value_at
from btfdump.errors import ExpressionError, SymbolNotFoundError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.locks import FindGlobal
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def find_global(kernel: Context, name: str) -> Value:
    """Return a global variable that the kernel is known to have as a value.

    Raises what `Context.own_variable()` raises.
    """
    return _value(kernel, *kernel.own_variable(name))


def named_global(kernel: Context, name: str) -> Value:
    """Return the global variable that a user's `name` means as a value.

    Raises what `Context.variable()` raises.
    """
    return _value(kernel, *kernel.variable(name))


def _value(kernel: Context, type_: types.Type, address: int, facts: MemberFacts) -> Value:
    """Return a variable; what is said of its members is in its facts, as if it were a pointer."""
    return value_at(kernel, type_, address, facts=facts, stated=stated_by(facts.of_target))


def typed_as_of(value: Value) -> str:
    """Return on whose word alone the type of a global variable rests: "globals 6.12", "library".

    "" if BTF tells it, if it is a container, which is shown with who says what it holds, and for
    anything else.
    """
    return value.facts_.typed_as_of if value.facts_ is not None else ""


def length_at_most(value: Value) -> int:
    """Return the length of a variable that is an array and may be shorter; 0 for anything else.

    It is that of the room up to the next symbol, and nothing but that tells where the array ends.
    """
    facts, layout = value.facts_, value._layout_
    if facts is None or not isinstance(layout, ArrayLayout):
        return 0
    return layout.length if facts.may_be_shorter else 0


def without_padding(type_: types.Type, facts: MemberFacts) -> types.Type:
    """Return the type of a variable; of an array of pointers, without those that are padding.

    `facts` are those of the variable. It is for those who follow all of an array.
    """
    if facts.at_least is None or not isinstance(type_, types.Array):
        return type_
    if not isinstance(type_.btf.skip_modifiers(type_.element), types.Ptr):
        return type_
    return dataclasses.replace(type_, id=0, length=facts.at_least())


def globals_of(kernel: Context) -> FindGlobal:
    """Return the function by which lock annotations look up global variables of `kernel`.

    It returns (virtual address, type or None), or None if there is no such symbol, and raises
    `AmbiguousSymbolError` if there are several.
    """

    def find(name: str) -> tuple[int, types.Type | None] | None:
        try:
            address = kernel.own_symbol(name)
        except SymbolNotFoundError:
            return None
        try:
            return address, kernel.own_variable(name)[0]
        except ExpressionError:
            return address, None

    return find
