"""Member paths that lead through structs, pointers and containers, checked against types alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.btf import types
from btfdump.decode.layout import ArrayLayout, ScalarLayout, StructLayout
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from btfdump.annotate.facts import MemberFacts
    from btfdump.decode.layout import Layout
    from btfdump.kernel.context import Context
    from btfdump.kernel.value import Value


def check_path(value: Value, path: tuple[str, ...]) -> None:
    """Follow `path` from the type of `value`; raises `MemberNotFoundError` where it leads nowhere.

    A path passes through pointers, and through containers to their element type.
    """
    context = value.context_
    layout, facts = value.layout_, value.facts_
    for name in path:
        if facts is not None and facts.typed_by is not None:
            return  # only the memory of a kernel tells the type
        struct = _struct_behind(context, layout, facts)
        if struct is None:
            raise MemberNotFoundError(
                f"{'.'.join(path)}: {layout.type} leads to no struct: no member {name!r}"
            )
        owner, index, _ = context.layouts.find_member(struct, name)
        layout = context.layouts.of_member(owner.members[index], owner)
        facts = context.facts(owner).members.get(index)


def _struct_behind(
    context: Context, layout: Layout, facts: MemberFacts | None
) -> StructLayout | None:
    """Return the struct that a member's members are those of, None for a scalar."""
    if facts is not None and facts.expansion is not None and not facts.expansion.is_ring:
        layout = context.layouts.of(facts.expansion.element)
    elif facts is not None and facts.points_to is not None:
        layout = context.layouts.of(facts.points_to)
    for _ in range(8):
        if isinstance(layout, StructLayout):
            return layout
        if isinstance(layout, ArrayLayout):
            layout = layout.element
        elif isinstance(layout, ScalarLayout) and isinstance(layout.base, types.Ptr):
            layout = context.layouts.of(context.pointee(layout.base))
        else:
            return None
    return None
