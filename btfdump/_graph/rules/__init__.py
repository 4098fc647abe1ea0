"""The rules that decide what a field leads to, in the order in which they are asked.

A rule looks at one `Edge`. It returns None if it does not apply; an `Edge` if it knows more about
the field, for the rules after it; or, as `Settled`, how to show the field and the group of events
that follows for it. btfdump/_graph/fields.py asks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types
from btfdump._decode.layout import StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.rules.address_space import address_space
from btfdump._graph.rules.array_of_pointers import array_of_pointers
from btfdump._graph.rules.condition import condition
from btfdump._graph.rules.container import container, container_behind_pointer
from btfdump._graph.rules.counted_array import counted_array
from btfdump._graph.rules.empty_list import empty_list
from btfdump._graph.rules.flexible_array import flexible_array
from btfdump._graph.rules.inferred_container import inferred_container
from btfdump._graph.rules.pointer import pointer
from btfdump._graph.rules.problems import problems
from btfdump._graph.rules.stale import stale
from btfdump._graph.rules.table import table
from btfdump._graph.rules.typed_bytes import typed_bytes
from btfdump._walk import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.fields import Field
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State
    from btfdump._graph.visits import Settled

    Rule: TypeAlias = Callable[[Edge, State], Edge | Settled | None]

ANNOTATED: tuple[Callable[[Edge, State], Edge | None], ...] = (condition, typed_bytes)
"""Rules for every annotated field: which conditions hold, and which type bytes have."""

POINTER: tuple[Rule, ...] = (
    address_space,
    counted_array,
    container_behind_pointer,
    stale,
    pointer,
    problems,
)
HEAD: tuple[Rule, ...] = (inferred_container, empty_list, container, problems)
STRUCT: tuple[Rule, ...] = (container, problems)
ARRAY: tuple[Rule, ...] = (flexible_array, array_of_pointers, problems, table)
SCALAR: tuple[Rule, ...] = (problems,)

_OF_FACTS = frozenset(
    (counted_array, container_behind_pointer, stale, container, flexible_array, problems)
)
"""Rules that never apply to a field without annotations."""


def _for_annotated_and_others(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules for annotated fields, and those for fields without annotations."""
    return rules, tuple(rule for rule in rules if rule not in _OF_FACTS)


_POINTER, _STRUCT, _ARRAY, _SCALAR = map(
    _for_annotated_and_others, (POINTER, STRUCT, ARRAY, SCALAR)
)
_HEAD = HEAD, HEAD  # the first rule may infer what the others need


def rules_for(field: Field, facts: MemberFacts | None) -> tuple[Rule, ...]:
    """Return the rules for a field with such facts, in their order."""
    layout = field.layout
    if isinstance(layout, ScalarLayout):
        is_pointer = layout.category is Category.POINTER and isinstance(layout.base, types.Ptr)
        rules = _POINTER if is_pointer and field.value else _SCALAR
    elif isinstance(layout, StructLayout):
        rules = _HEAD if layout.base.name in FAMILIES else _STRUCT
    else:
        rules = _ARRAY
    return rules[facts is None]
