"""Rule: pointers into the memory of a process, or of a device, are not followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.graph.edge import ELSEWHERE
from btfdump.graph.rules.problems import not_followed

if TYPE_CHECKING:
    from btfdump.graph.edge import Edge
    from btfdump.graph.state import State
    from btfdump.graph.visits import Settled


def user_pointer(edge: Edge, state: State) -> Settled | None:
    """Leave alone what is no pointer into the kernel's memory."""
    return not_followed(edge, state) if edge.space in ELSEWHERE else None
