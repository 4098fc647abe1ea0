"""Rule: a list_head that points to itself, an empty list or unused link, is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from btfdump._decode.fields import EMPTY_LIST
from btfdump._graph.visits import Settled

if TYPE_CHECKING:
    from btfdump._decode.fields import Field
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def empty_list(edge: Edge, state: State) -> Settled | None:
    """Mark an empty list, unless everything is to be shown or something is wrong with it."""
    field, facts = edge.field, edge.facts
    if state.zero or field.layout.base.name != "list_head" or (facts and facts.problems):
        return None
    links = cast("list[Field]", field.value)  # of a struct the list is one of fields
    if len(links) != 2:
        return None
    own = state.context.wrap(edge.owner.address_ + field.offset)
    if links[0].value == links[1].value == own:
        return Settled(field.as_shown(links, EMPTY_LIST))
    return None
