"""Rule: annotations that apply to a member under a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.expression import applying

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def condition(edge: Edge, state: State) -> Edge | None:
    """Choose the case that applies to this object."""
    del state
    if edge.facts is None or not edge.facts.cases:
        return None
    facts = applying(edge.facts, edge.scopes())
    return edge.refined(edge.field.replace(facts=facts), facts)
