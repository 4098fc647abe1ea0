"""Rule: look into a container that nothing describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.facts import MemberFacts
from btfdump._walk import FAMILIES

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def inferred_container(edge: Edge, state: State) -> Edge | None:
    """Infer what the container holds, or else remark on how much it holds.

    The link through which an entry was reached is not looked into.
    """
    field, owner = edge.field, edge.owner
    if not (edge.facts is None or edge.facts.is_blank) or field.layout.base.name not in FAMILIES:
        return None
    if (owner.type_.btf.skip_modifiers(owner.type_), field.offset) in state.links:
        return None
    found = state.inference.look_into(edge.value())
    if found is None:
        return None
    if found.expansion is None:
        return edge.refined(field.replace(remark=str(found)), edge.facts)
    problems = edge.facts.problems if edge.facts is not None else []
    facts = MemberFacts(expansion=found.expansion, problems=problems)
    return edge.refined(field.replace(facts=facts), facts)
