"""The rules that say what lies behind a field, in the order in which they are asked.

A rule looks at one `Edge`. It returns None where it has nothing to say; an `Edge` where it knows
the field better, for the rules after it; or, as `Settled`, how the field is shown and the group of
events that follows for it. btfdump/graph/fields.py asks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump.btf import types
from btfdump.decode.layout import Category, ScalarLayout, StructLayout
from btfdump.graph.rules.address_space import address_space
from btfdump.graph.rules.array_of_pointers import array_of_pointers
from btfdump.graph.rules.condition import condition
from btfdump.graph.rules.container import container, container_behind_pointer
from btfdump.graph.rules.counted_array import counted_array
from btfdump.graph.rules.empty_list import empty_list
from btfdump.graph.rules.flexible_array import flexible_array
from btfdump.graph.rules.inferred_container import inferred_container
from btfdump.graph.rules.pointer import pointer
from btfdump.graph.rules.problems import not_followed, problems
from btfdump.graph.rules.table import table
from btfdump.graph.rules.typed_bytes import typed_bytes
from btfdump.walk import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.annotate.facts import MemberFacts
    from btfdump.decode.fields import Field
    from btfdump.graph.edge import Edge
    from btfdump.graph.state import State
    from btfdump.graph.visits import Settled

    Rule: TypeAlias = Callable[[Edge, State], Edge | Settled | None]

ANNOTATED: tuple[Callable[[Edge, State], Edge | None], ...] = (condition, typed_bytes)
"""Rules for all fields that annotations say anything of: what holds here, of which type it is."""

POINTER: tuple[Rule, ...] = (
    address_space,
    counted_array,
    container_behind_pointer,
    pointer,
    not_followed,
)
HEAD: tuple[Rule, ...] = (inferred_container, empty_list, container, problems)
STRUCT: tuple[Rule, ...] = (container, problems)
ARRAY: tuple[Rule, ...] = (flexible_array, array_of_pointers, problems, table)
SCALAR: tuple[Rule, ...] = (problems,)

_OF_FACTS = frozenset(
    (counted_array, container_behind_pointer, container, flexible_array, problems)
)
"""Rules that have nothing to say of a field that no annotation says anything of."""
_UNANNOTATED = {
    rules: tuple(rule for rule in rules if rule not in _OF_FACTS)
    for rules in (POINTER, STRUCT, ARRAY, SCALAR)
}
_UNANNOTATED[HEAD] = HEAD  # what it holds may be inferred, for the rules after that


def rules_for(field: Field, facts: MemberFacts | None) -> tuple[Rule, ...]:
    """Return the rules for fields such as this one, in their order."""
    rules = _rules_for(field)
    return rules if facts is not None else _UNANNOTATED[rules]


def _rules_for(field: Field) -> tuple[Rule, ...]:
    layout = field.layout
    if isinstance(layout, StructLayout):
        return HEAD if layout.base.name in FAMILIES else STRUCT
    if isinstance(layout, ScalarLayout):
        is_pointer = layout.category is Category.POINTER and isinstance(layout.base, types.Ptr)
        return POINTER if is_pointer and field.value else SCALAR
    return ARRAY
