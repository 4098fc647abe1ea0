"""Rules: report, at the field, annotations that do not fit and pointers not followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.visits import Settled, notes_on

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def problems(edge: Edge, state: State) -> Settled | None:
    """Note what does not fit; in an array of containers, each of them does so itself."""
    del state
    facts, layout = edge.facts, edge.field.layout
    if facts is None or not facts.problems:
        return None
    if facts.is_container and isinstance(layout, ArrayLayout) and layout.length:
        is_each_told = not isinstance(layout.element, ScalarLayout)
        if is_each_told:
            return None
    return Settled(edge.field, notes_on(edge.field, edge.value(), facts.problems))


def not_followed(edge: Edge, state: State) -> Settled:
    """Settle that a pointer is not followed; it is counted if it leads to a struct."""
    to_struct = isinstance(state.pointee(edge.field.layout, edge.facts), types.Composite)
    return problems(edge, state) or Settled(edge.field, is_unfollowed=to_struct)


def struct_not_followed(edge: Edge, state: State) -> Settled:
    """Settle that a pointer to a struct is not followed, and count it."""
    return problems(edge, state) or Settled(edge.field, is_unfollowed=True)
