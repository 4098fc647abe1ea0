"""The fields of one object: rules decide on each of them, and the groups are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from btfdump._decode.fields import EMPTY_LIST, Field
from btfdump._decode.layout import StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.edge import Edge
from btfdump._graph.rules import ANNOTATED, rules_for
from btfdump._graph.visits import Settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value


class Resolver:
    """Resolves the decoded fields of one object into the fields to show.

    `groups` are the streams that follow the object, in the order of their fields. It also counts
    what was left out: zero members of fields that were decoded again, empty lists, and pointers
    that were not followed.
    """

    def __init__(self, state: State, owner: Value, position: Position) -> None:
        self.groups: list[Stream] = []
        self.skipped = 0
        self.empty_lists = 0
        self.unfollowed = 0
        self._state = state
        self._owner = owner
        self._position = position

    def resolve(
        self, fields: Sequence[Field], around: Sequence[tuple[str, ...]] = ()
    ) -> Sequence[Field]:
        """Return the fields of the object as shown; `around` are the names around each of them."""
        path = self._position.path
        if not around:
            return self._changed(fields, path, None) or fields
        return [
            field
            if field.facts is None and _is_bare_scalar(field)
            else self._one(field, (*path, *names), None)
            for field, names in zip(fields, around, strict=True)
        ]

    def _changed(
        self, fields: Sequence[Field], path: tuple[str, ...], inherited: MemberFacts | None
    ) -> list[Field] | None:
        """Return the fields as shown, or None if they are all shown as decoded."""
        changed: list[Field] | None = None
        for index, field in enumerate(fields):
            if inherited is None and field.facts is None and _is_bare_scalar(field):
                continue
            shown = self._one(field, path, inherited)
            if shown is not field:
                if changed is None:
                    changed = list(fields)
                changed[index] = shown
        return changed

    def _one(self, field: Field, path: tuple[str, ...], inherited: MemberFacts | None) -> Field:
        """Return a field as shown, after the rules have been asked."""
        state, layout = self._state, field.layout
        if field.name and not field.name.startswith("["):
            path = (*path, field.name)
        facts: MemberFacts | None = field.facts or inherited
        if facts is None and isinstance(layout, StructLayout):
            facts = state.context._container_facts(layout)
        rules = rules_for(field, facts)
        if not rules:
            return self._inside(field, path, facts)
        edge = Edge(self._owner, field, facts, path, self._position)
        if facts is not None and (facts.cases or facts.typed_by is not None):
            for refine in ANNOTATED:
                edge = refine(edge, state) or edge
            if edge.field is not field:
                rules = rules_for(edge.field, edge.facts)
        for rule in rules:
            found = rule(edge, state)
            if found is None:
                continue
            if isinstance(found, Settled):
                return self._settled(edge, found)
            edge = found
        self.skipped += edge.skipped
        return self._inside(edge.field, path, edge.facts)

    def _settled(self, edge: Edge, settled: Settled) -> Field:
        field, group = settled.field, settled.group
        self.skipped += edge.skipped
        if group is not None:
            self.groups.append(group)
            return field.as_shown(field.value, field.elided, has_group=True)
        if field.elided == EMPTY_LIST:
            self.empty_lists += 1
            return field
        self.unfollowed += settled.is_unfollowed
        return self._inside(field, edge.path, edge.facts)

    def _inside(self, field: Field, path: tuple[str, ...], facts: MemberFacts | None) -> Field:
        """Return a field that itself leads nowhere, with the fields inside it as shown."""
        layout, value = field.layout, field.value
        if isinstance(layout, ScalarLayout) or not isinstance(value, list) or field.remark:
            return field
        if isinstance(layout, StructLayout):
            facts = None
        elif isinstance(layout.element, ScalarLayout):
            return field
        # Of an array of structs, or a struct, the list is one of fields.
        inside = self._changed(cast("list[Field]", value), path, facts)
        return field if inside is None else field.as_shown(inside, field.elided)


def _is_bare_scalar(field: Field) -> bool:
    """Whether a field without facts is a scalar that leads nowhere, as most fields are."""
    layout = field.layout
    return isinstance(layout, ScalarLayout) and (
        layout.category is not Category.POINTER or not field.value
    )
