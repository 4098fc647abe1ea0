"""Rule: an array of pointers to structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.entries import pointed_entries
from btfdump._graph.visits import Settled

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def array_of_pointers(edge: Edge, state: State) -> Settled | None:
    """Show the structs, if a single pointer to one of them would be followed."""
    field, depth = edge.field, edge.position.depth
    inner = edge.inside()
    layout = field.layout
    if not isinstance(layout, ArrayLayout) or not isinstance(layout.element, ScalarLayout):
        return None
    if not isinstance(field.value, list):
        return None
    if not (state.is_wanted(inner) or depth < state.limits.depth):
        return None
    target = state.pointee(layout.element, edge.facts)
    if not isinstance(target, types.Composite):
        return None
    pointers = [(i, a) for i, a in enumerate(field.value) if isinstance(a, int) and a]
    here = edge.value()
    entries = pointed_entries(state, field, here, target, here.address_, pointers, inner.deeper())
    return Settled(field, entries)
