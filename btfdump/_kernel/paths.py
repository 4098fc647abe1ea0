"""Member paths through structs, pointers and containers, checked against types alone."""

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
    """How far a path has led: a type, the facts about the member, and those about its members."""

    layout: Layout
    facts: MemberFacts | None
    stated: Stated


def check_path(value: Value, path: tuple[str, ...]) -> None:
    """Check that `path` names a member, starting at the type of `value`; no memory is read.

    A path passes through arrays and pointers, and through containers to their element type. Where
    only the kernel's memory could decide between several types, one that fits is enough. Raises
    `MemberNotFoundError` if the path leads nowhere.
    """
    _reached(value, path)


def structs_at(value: Value, path: tuple[str, ...]) -> list[StructLayout]:
    """Return the structs of what a path leads to, or of the entries of the container there.

    These are [] where only the kernel's memory can tell. No memory is read; raises
    `MemberNotFoundError` if the path leads nowhere.
    """
    found: dict[StructLayout, None] = {}
    places = _reached(value, path)
    for place in places:
        for facts in _possible(place.facts):
            found.update((struct, None) for struct, _ in _structs(value._context_, place, facts))
    if places and not found:
        raise MemberNotFoundError(f"{'.'.join(path)}: {places[0].layout.type} leads to no struct")
    return list(found)


def _reached(value: Value, path: tuple[str, ...]) -> list[_Reached]:
    """Return all that a path may lead to, [] if that can only be told by reading memory."""
    context = value._context_
    places = [_Reached(value._layout_, value.facts_, value._stated_)]
    for name in path:
        trouble: MemberNotFoundError | None = None
        found: dict[tuple[Layout, int], _Reached] = {}
        for place in places:
            for facts in _possible(place.facts):
                if facts is not None and facts.typed_by is not None:
                    return []
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
    return places


def _possible(facts: MemberFacts | None) -> list[MemberFacts | None]:
    """Return all facts that may hold for a member, one for each case of its conditions."""
    if facts is None:
        return [None]
    return [*(case.settled() for _, case in facts.cases), facts]


def _structs(
    context: Context, place: _Reached, facts: MemberFacts | None
) -> Iterator[tuple[StructLayout, Stated]]:
    """Yield the structs whose members the path may name next, with what is stated about those."""
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
