"""Rules: the head of a container, and a pointer to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.containers import entries_of
from btfdump._graph.rules.problems import not_followed
from btfdump._graph.visits import Settled

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def container(edge: Edge, state: State) -> Settled | None:
    """Show the entries of the container whose head the field is."""
    if edge.facts is None or not edge.facts.is_container or _is_only_a_link(edge):
        return None
    if edge.facts.vacant is not None and edge.field.name == f"[{edge.facts.vacant}]":
        return None
    return _entries(edge, state)


def container_behind_pointer(edge: Edge, state: State) -> Settled | None:
    """Show the entries of the container that a pointer leads to."""
    if edge.facts is None or not edge.facts.is_container:
        return None
    return not_followed(edge, state) if _is_only_a_link(edge) else _entries(edge, state)


def _entries(edge: Edge, state: State) -> Settled:
    field = edge.field
    return Settled(field, entries_of(state, field, edge.value(), edge.inside()))


def _is_only_a_link(edge: Edge) -> bool:
    """Whether this links each entry to all the others, and was not asked for by name."""
    expansion = edge.facts.expansion if edge.facts is not None else None
    return expansion is not None and expansion.is_ring and edge.position.is_open
