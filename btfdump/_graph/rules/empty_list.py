"""Rule: a list_head that points to itself, an empty list or unused link, is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import EMPTY_LIST, Field
from btfdump._graph.visits import Settled

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def empty_list(edge: Edge, state: State) -> Settled | None:
    """Mark an empty list, unless everything is to be shown or something is wrong with it."""
    field, facts = edge.field, edge.facts
    if state.zero or field.layout.base.name != "list_head" or (facts and facts.problems):
        return None
    if not isinstance(field.value, list) or len(field.value) != 2:
        return None
    own = state.context.wrap(edge.owner.address_ + field.offset)
    if all(isinstance(inner, Field) and inner.value == own for inner in field.value):
        return Settled(field.replace(elided=EMPTY_LIST))
    return None
