"""Member paths that lead through structs, pointers and containers, checked against types alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scope import stated_by
from btfdump._kernel.pointers import struct_behind
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.layout import Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MAX_WAYS = 64


class _Reached(NamedTuple):
    """Where a path has led to: a type, what is known of the member, and of the members inside."""

    layout: Layout
    facts: MemberFacts | None
    stated: Stated


def check_path(value: Value, path: tuple[str, ...]) -> None:
    """Follow `path` from the type of `value`; raises `MemberNotFoundError` where it leads nowhere.

    A path passes through arrays and pointers, and through containers to their element type. Where
    only the memory of a kernel can tell which of several types that is, one that fits is enough.
    """
    context = value._context_
    places = [_Reached(value._layout_, value.facts_, value._stated_)]
    for name in path:
        trouble: MemberNotFoundError | None = None
        found: dict[tuple[Layout, int], _Reached] = {}
        for place in places:
            for facts in _possible(place.facts):
                if facts is not None and facts.typed_by is not None:
                    return  # only the memory of a kernel tells the type
                for struct, stated in _structs(context, place, facts):
                    try:
                        member, known, inside = context.member(struct, name, stated)
                    except MemberNotFoundError as error:
                        trouble = trouble or error
                    else:
                        found[member.layout, id(known)] = _Reached(member.layout, known, inside)
        if not found:
            raise trouble or MemberNotFoundError(
                f"{'.'.join(path)}: {places[0].layout.type} leads to no struct: no member {name!r}"
            )
        places = list(found.values())[:_MAX_WAYS]


def _possible(facts: MemberFacts | None) -> list[MemberFacts | None]:
    """Return all that may hold of a member, whichever of its conditions does."""
    if facts is None:
        return [None]
    return [*(case for _, case in facts.cases), facts]


def _structs(
    context: Context, place: _Reached, facts: MemberFacts | None
) -> Iterator[tuple[StructLayout, Stated]]:
    """Yield the structs whose members a path may name, and what is stated of those members."""
    if facts is not None and facts.is_container:
        for expansion in (facts.expansion, *facts.candidates):
            element = context.layouts.of(expansion.element) if expansion is not None else None
            if isinstance(element, StructLayout):
                yield element, ()
        return
    layout, stated = place.layout, place.stated
    while isinstance(layout, ArrayLayout):
        layout = layout.element
    if not isinstance(layout, StructLayout):
        stated = stated_by(facts.of_target) if facts is not None else ()
    struct = struct_behind(context, layout, facts)
    if struct is not None:
        yield struct, stated
