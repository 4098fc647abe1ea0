"""Rule: annotations that do not fit are told at the field, which is shown as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.decode.layout import ArrayLayout, ScalarLayout
from btfdump.graph.visits import Settled, notes_on

if TYPE_CHECKING:
    from btfdump.graph.edge import Edge
    from btfdump.graph.state import State


def problems(edge: Edge, state: State) -> Settled | None:
    """Say what does not fit; of an array of containers, each of them says it."""
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
    """Settle that nothing is shown behind a field, whatever the rules after this one say."""
    return problems(edge, state) or Settled(edge.field)
