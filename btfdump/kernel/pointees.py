"""What a pointer points to, and who says so where C does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.btf import types

if TYPE_CHECKING:
    from btfdump.annotate.facts import MemberFacts
    from btfdump.decode.fields import Field
    from btfdump.decode.layout import ScalarLayout
    from btfdump.kernel.context import Context


def target_of(
    context: Context, layout: ScalarLayout, facts: MemberFacts | None
) -> types.Type | None:
    """Return the type that a pointer points to, its modifiers stripped, None for no pointer."""
    if facts is not None and facts.points_to is not None:
        return facts.points_to
    if not isinstance(layout.base, types.Ptr):
        return None
    return context.pointee(layout.base)


def told_by(field: Field) -> str:
    """Return who told a type, a length or a target that C does not, "" if nobody had to."""
    facts: MemberFacts | None = field.facts
    if facts is None:
        return ""
    is_told = facts.is_typed or facts.length is not None or facts.points_to is not None
    return facts.provenance if is_told else ""
