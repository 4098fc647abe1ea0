"""An edge of the graph of objects: a field, from which the traversal may go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.layout import ScalarLayout, StructLayout
from btfdump._kernel.pointers import space_of, target_of
from btfdump._kernel.value_at import value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._decode.fields import Field
    from btfdump._graph.position import Position
    from btfdump._kernel.expression import Scope
    from btfdump._kernel.value import Value

ELSEWHERE = ("user", "iomem")
"""Address spaces that hold no objects of the kernel."""


class Edge(NamedTuple):
    """A field of the object `owner`, and all that is known of it and of where it is.

    `facts` is what the annotations say: of the field itself, of the array that it is an element of,
    or of its type. `path` leads from the root to the field, `position` is that of the owner.
    `skipped` zero members were left out where a rule has decoded the field once more.
    """

    owner: Value
    field: Field
    facts: MemberFacts | None
    path: tuple[str, ...]
    position: Position
    skipped: int = 0

    @property
    def pointee(self) -> types.Type | None:
        """The type that a pointer points to, its modifiers stripped, None for no pointer."""
        layout = self.field.layout
        if not isinstance(layout, ScalarLayout):
            return None
        return target_of(self.owner._context_, layout, self.facts)

    @property
    def space(self) -> str | None:
        """The address space of a pointer: "user", "percpu", ...; None for the kernel's own."""
        return space_of(self.field.layout, self.facts)

    def value(self) -> Value:
        """Return the field as a value that shares the owner's bytes."""
        owner, field = self.owner, self.field
        return value_at(
            owner._context_,
            field.layout.type,
            owner._context_.wrap(owner.address_ + field.offset),
            owner._slice_(field.offset, field.layout.size),
            facts=self.facts,
            outer=(owner, field.name) if _is_struct(owner) else owner._outer_,
            index=int(field.name[1:-1]) if field.name.startswith("[") else 0,
        )

    def holder(self) -> Value:
        """Return the innermost struct that declares the field, or that a root is part of."""
        owner, context = self.owner, self.owner._context_
        layout = owner._layout_
        if not isinstance(layout, StructLayout):
            return owner._outer_[0] if owner._outer_ is not None else owner
        found = context.layouts.declarer(layout, self.field.name, self.field.offset)
        if found is None:
            return owner
        declarer, offset = found
        data = owner._slice_(offset, declarer.size)
        return value_at(context, declarer.type, owner.address_ + offset, data)

    def scopes(self) -> Sequence[Scope]:
        """Return what names in an expression about the field stand for members of."""
        if not _is_struct(self.owner):
            return self.owner._around_()
        return (self.holder(), *self.owner._scopes_())

    def inside(self) -> Position:
        """Return the position of what lies behind the field."""
        return self.position.inside(self.path)

    def via_pointer(self) -> Position:
        """Return the position of what a pointer leads to; it remembers one that may change."""
        inner = self.inside()
        context, pointer = self.owner._context_, self.field.value
        if not context.target.is_live or not isinstance(pointer, int):
            return inner
        slot = context.wrap(self.owner.address_ + self.field.offset)
        return inner._replace(chain=(*inner.chain, (slot, pointer)))


def _is_struct(value: Value) -> bool:
    """Whether a value is a struct or union, and no field without one around it."""
    return isinstance(value._layout_, StructLayout)
