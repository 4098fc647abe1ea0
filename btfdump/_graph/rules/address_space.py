"""Rule: pointers that do not refer to the kernel's own memory directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.rules.per_cpu import per_cpu
from btfdump._graph.rules.problems import problems
from btfdump._graph.visits import Settled
from btfdump._kernel.pointers import ELSEWHERE

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def address_space(edge: Edge, state: State) -> Settled | None:
    """Follow a `__percpu` pointer on every CPU; follow none into a process or device."""
    space = edge.space
    if space == "percpu":
        return per_cpu(edge, state)
    if space in ELSEWHERE:
        return problems(edge, state) or Settled(edge.field)
    return None
