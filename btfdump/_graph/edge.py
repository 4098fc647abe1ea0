"""An edge of the graph of objects: a field from which the traversal may continue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from btfdump._decode.layout import StructLayout
from btfdump._kernel.pointers import space_of
from btfdump._kernel.value_at import value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.fields import Field
    from btfdump._graph.position import Position
    from btfdump._kernel.expression import Scope
    from btfdump._kernel.value import Value


@dataclass(slots=True, eq=False, repr=False)
class Edge:
    """A field of the object `owner`, with what is known about it and about its place.

    `facts` are the annotations that apply: those of the field itself, of the array that it is an
    element of, or of its type. `path` leads from the root to the field; `position` is that of the
    owner. `skipped` is the number of zero members left out when a rule decoded the field again.
    """

    owner: Final[Value]
    field: Final[Field]
    facts: Final[MemberFacts | None]
    path: Final[tuple[str, ...]]
    position: Final[Position]
    skipped: Final[int] = 0

    @property
    def space(self) -> str | None:
        """The address space of a pointer: "user", "percpu", ...; None for kernel memory."""
        return space_of(self.field.layout, self.facts)

    def refined(self, field: Field, facts: MemberFacts | None, skipped: int = 0) -> Edge:
        """Return this edge with a field decoded anew, of which `skipped` members are left out."""
        skipped += self.skipped
        return Edge(self.owner, field, facts, self.path, self.position, skipped)

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
        """Return the struct that declares the field, or that contains a bare root."""
        owner = self.owner
        declared = self._declarers()
        if declared:
            return declared[0]
        return owner if _is_struct(owner) or owner._outer_ is None else owner._outer_[0]

    def _declarers(self) -> tuple[Value, ...]:
        """Return the structs around the field, the innermost first, the owner last.

        The first declares the field. None are around elements of an array.
        """
        owner, context, name = self.owner, self.owner._context_, self.field.name
        if not name or name.startswith("["):
            return ()
        found = context.layouts.declarers(owner._layout_, name, self.field.offset)
        return tuple(
            value_at(
                context,
                declarer.type,
                owner.address_ + offset,
                owner._slice_(offset, declarer.size),
            )
            for declarer, offset in found
        )

    def scopes(self) -> Sequence[Scope]:
        """Return the scopes in which names in expressions about the field are looked up."""
        declared = self._declarers()
        if not _is_struct(self.owner):
            return (*declared, *self.owner._around_())
        # The outermost is the owner.
        return (*declared[:-1], *self.owner._scopes_())

    def inside(self) -> Position:
        """Return the position of what the field leads to."""
        return self.position.inside(self.path)

    def via_pointer(self) -> Position:
        """Return the position of a pointer's target; in live memory, it records the pointer."""
        inner = self.inside()
        context, pointer = self.owner._context_, self.field.value
        if not context.target.is_live or not isinstance(pointer, int):
            return inner
        slot = context.wrap(self.owner.address_ + self.field.offset)
        return inner._replace(chain=(*inner.chain, (slot, pointer)))


def _is_struct(value: Value) -> bool:
    """Whether a value is a struct or union, rather than a bare field."""
    return isinstance(value._layout_, StructLayout)
