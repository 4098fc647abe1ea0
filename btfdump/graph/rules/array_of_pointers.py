"""Rule: an array of pointers to structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.btf import types
from btfdump.decode.layout import ArrayLayout, ScalarLayout
from btfdump.graph.entries import pointed_entries
from btfdump.graph.visits import Settled
from btfdump.kernel.pointers import target_of

if TYPE_CHECKING:
    from btfdump.graph.edge import Edge
    from btfdump.graph.state import State


def array_of_pointers(edge: Edge, state: State) -> Settled | None:
    """Show the structs, where a pointer to one of them would be followed."""
    field, depth = edge.field, edge.position.depth
    layout = field.layout
    if not isinstance(layout, ArrayLayout) or not isinstance(layout.element, ScalarLayout):
        return None
    if not isinstance(field.value, list):
        return None
    target = target_of(state.context, layout.element, edge.facts)
    deeper = depth < state.limits.depth or state.is_followed(edge.path)
    if not deeper or not isinstance(target, types.Composite):
        return None
    pointers = [(i, a) for i, a in enumerate(field.value) if isinstance(a, int) and a]
    inner, here = edge.inside()._replace(depth=depth + 1), edge.value()
    entries = pointed_entries(state, field, here, target, here.address_, pointers, inner)
    return Settled(field, entries)
