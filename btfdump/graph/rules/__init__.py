"""The rules that say what lies behind a field, in the order in which they are asked.

A rule looks at one `Edge`. It returns None where it has nothing to say; an `Edge` where it knows
the field better, for the rules after it; or, as `Settled`, how the field is shown and the group of
events that follows for it. btfdump/graph/fields.py asks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump.btf import types
from btfdump.decode.layout import Category, ScalarLayout, StructLayout
from btfdump.graph.rules.array_of_pointers import array_of_pointers
from btfdump.graph.rules.condition import condition
from btfdump.graph.rules.container import container, container_behind_pointer
from btfdump.graph.rules.counted_array import counted_array
from btfdump.graph.rules.empty_list import empty_list
from btfdump.graph.rules.flexible_array import flexible_array
from btfdump.graph.rules.inferred_container import inferred_container
from btfdump.graph.rules.per_cpu import per_cpu
from btfdump.graph.rules.pointer import pointer
from btfdump.graph.rules.problems import problems
from btfdump.graph.rules.table import table
from btfdump.graph.rules.typed_bytes import typed_bytes
from btfdump.graph.rules.user_pointer import user_pointer

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.decode.fields import Field
    from btfdump.graph.edge import Edge
    from btfdump.graph.state import State
    from btfdump.graph.visits import Settled

    Rule: TypeAlias = Callable[[Edge, State], Edge | Settled | None]

ANNOTATED: tuple[Callable[[Edge, State], Edge | None], ...] = (condition, typed_bytes)
"""Rules for fields that annotations say anything of: what holds here, and of which type it is."""

POINTER: tuple[Rule, ...] = (
    user_pointer,
    per_cpu,
    counted_array,
    container_behind_pointer,
    pointer,
    problems,
)
STRUCT: tuple[Rule, ...] = (inferred_container, empty_list, container, problems)
ARRAY: tuple[Rule, ...] = (flexible_array, array_of_pointers, problems, table)
SCALAR: tuple[Rule, ...] = (problems,)


def rules_for(field: Field) -> tuple[Rule, ...]:
    """Return the rules for fields such as this one, in their order."""
    layout = field.layout
    if isinstance(layout, ScalarLayout):
        is_pointer = layout.category is Category.POINTER and isinstance(layout.base, types.Ptr)
        return POINTER if is_pointer and field.value else SCALAR
    return STRUCT if isinstance(layout, StructLayout) else ARRAY
