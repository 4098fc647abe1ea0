"""What lies behind the fields of an object: pointer targets, entries of containers, arrays.

`Behind` looks at the decoded fields of one object at a time, decides which of them are followed,
and makes the generator of events for each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump.annotate.facts import MemberFacts
from btfdump.btf import types
from btfdump.decode.fields import EMPTY_LIST, Field
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.decode.scope import stated_by
from btfdump.errors import BtfdumpError, CorruptDataError
from btfdump.graph.arrays import Arrays
from btfdump.graph.buckets import is_table
from btfdump.graph.containers import Contents
from btfdump.graph.events import Close, Enter, Group, Open
from btfdump.graph.limits import Place, selection_of
from btfdump.graph.moved import MOVED, has_moved
from btfdump.kernel.expression import applying
from btfdump.kernel.notes import Note
from btfdump.kernel.pointers import address_of, pointer_space, target_of, told_by
from btfdump.kernel.value import Value
from btfdump.walk import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump.graph.infer import Inference
    from btfdump.graph.limits import Step
    from btfdump.graph.traverse import Traversal
    from btfdump.kernel.context import Context
    from btfdump.kernel.expression import Scope


ELSEWHERE = ("user", "iomem")
"""Address spaces that hold no objects of the kernel."""


class Behind:
    """Makes the groups of one traversal."""

    def __init__(self, traversal: Traversal) -> None:
        self.traversal = traversal
        self.context = traversal.context
        self.limits = traversal.limits
        self.contents = Contents(traversal)
        self.arrays = Arrays(self)
        self.inference: Inference | None = None

    def slots(self, owner: Value, enter: Enter, place: Place) -> Iterator[Iterator[Step]]:
        """Find the fields that groups of events follow for, mark them, and return the groups."""
        around = enter.around or [()] * len(enter.fields)
        pending: list[tuple[Field, tuple[str, ...], MemberFacts | None]] = [
            (field, (*place.path, *names), None)
            for field, names in zip(enter.fields, around, strict=True)
        ]
        pending.reverse()
        while pending:
            field, path, inherited = pending.pop()
            if inherited is None and field.facts is None and is_bare_scalar(field):
                continue
            if field.name and not field.name.startswith("["):
                path = (*path, field.name)
            facts: MemberFacts | None = field.facts or inherited
            if facts is None and isinstance(field.layout, StructLayout):
                facts = self.context.container_facts(field.layout)
            if facts is not None and facts.cases:
                field.facts = facts = applying(facts, self.scopes(owner, field))
            if facts is not None and facts.typed_by is not None:
                facts = self.typed(owner, field, facts, enter, self.inside(place, path))
            layout = field.layout
            if facts is None and isinstance(layout, StructLayout) and layout.base.name in FAMILIES:
                facts = self.look_into(owner, field)
            has_problems = facts is not None and bool(facts.problems)
            if (
                not self.traversal.zero
                and not has_problems
                and is_empty_list(field, owner.address_, self.context)
            ):
                field.elided = EMPTY_LIST
                enter.empty_lists += 1
                continue
            group = self.group(owner, field, facts, path, place)
            if group is not None:
                field.slot = group
                yield group
            elif isinstance(layout, ScalarLayout):
                enter.unfollowed += self.is_struct_pointer(field, facts)
            elif isinstance(field.value, list) and not field.remark:
                self.look_again(owner, field)
                inherits = facts if isinstance(field.layout, ArrayLayout) else None
                pending.extend(
                    (inner, path, inherits)
                    for inner in reversed(field.value)
                    if isinstance(inner, Field)
                )

    def look_into(self, owner: Value, field: Field) -> MemberFacts | None:
        """Say how much is in a container of which nothing is known, and infer what it is.

        The link of an entry, by which it was found, is none.
        """
        if (owner.type_.btf.skip_modifiers(owner.type_), field.offset) in self.traversal.links:
            return None
        if self.inference is None:
            from btfdump.graph.infer import Inference

            self.inference = Inference(self.context)
        found = self.inference.look_into(self.at(owner, field, None))
        if found is None:
            return None
        if found.expansion is None:
            field.remark = str(found)
            return None
        field.facts = known = MemberFacts(expansion=found.expansion)
        return known

    def look_again(self, owner: Value, field: Field) -> None:
        """Cut an array of heads by what is occupied, not by what is zero."""
        layout = field.layout
        if field.elided > 0 and isinstance(layout, ArrayLayout):
            if owner.slice_(0, field.offset + layout.size) is None:
                return
            if is_table(self.context.layouts, layout.element):
                table = self.arrays.table("", layout, owner, field.offset)
                field.value, field.elided = table.value, table.elided

    def group(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts | None,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of a field, None where nothing is known, or wanted, behind it."""
        layout = field.layout
        found: Iterator[Step] | None = None
        if isinstance(layout, ScalarLayout):
            if layout.category is Category.POINTER and field.value:
                found = self.pointer(owner, field, facts, path, place)
        elif isinstance(layout, StructLayout):
            found = self.head(owner, field, facts, path, place)
        elif isinstance(layout.element, ScalarLayout) or not layout.length:
            found = self.arrays.array(owner, field, facts, path, place)
        elif facts is not None and facts.is_container:
            return None  # an array of heads: each has a group of its own
        if found is None and facts is not None and facts.problems:
            found = self.notes(field, self.at(owner, field, facts), facts.problems)
        return found

    def is_struct_pointer(self, field: Field, facts: MemberFacts | None) -> bool:
        """Whether a field is a pointer, not NULL, to a struct or union that the BTF describes."""
        layout = field.layout
        return (
            isinstance(layout, ScalarLayout)
            and layout.category is Category.POINTER
            and bool(field.value)
            and not self.is_elsewhere(layout, facts)
            and isinstance(target_of(self.context, layout, facts), types.Composite)
        )

    def is_elsewhere(self, layout: ScalarLayout, facts: MemberFacts | None) -> bool:
        """Whether a pointer leads to what is not the kernel's own memory, and never followed."""
        pointer = layout.base
        return isinstance(pointer, types.Ptr) and pointer_space(pointer, facts) in ELSEWHERE

    def typed(
        self, owner: Value, field: Field, facts: MemberFacts, enter: Enter, inner: Place
    ) -> MemberFacts:
        """Give bytes the type that the map they belong to tells; return what is known of them now.

        Where it tells none, they stay bytes, and why is a problem at their place.
        """
        holder = self.holder(owner, field)
        here = Value(
            self.context,
            field.layout.type,
            self.context.wrap(owner.address_ + field.offset),
            facts=facts,
            outer=(holder, field.name),
        )
        decoder = self.traversal.decoder
        try:
            value = here.typed_()
            data = bytes(field.offset) + value.bytes_()
            layout = value.layout_
            found = decoder.fields(layout, data, inner.selection, at=field.offset)
        except (BtfdumpError, LookupError) as error:
            known = replace(facts, typed_by=None, problems=[*facts.problems, str(error)])
        else:
            enter.skipped += decoder.skipped
            field.layout = layout
            field.value = found if isinstance(layout, StructLayout) else found[0].value
            field.elided = 0 if isinstance(layout, StructLayout) else found[0].elided
            known = value.facts_ or facts
        field.facts = known
        return known

    def at(self, owner: Value, field: Field, facts: MemberFacts | None) -> Value:
        """Return the field as a value that shares the owner's bytes."""
        index = int(field.name[1:-1]) if field.name.startswith("[") else 0
        return Value(
            self.context,
            field.layout.type,
            self.context.wrap(owner.address_ + field.offset),
            owner.slice_(field.offset, field.layout.size),
            facts=facts,
            outer=(owner, field.name) if is_struct(owner) else owner.outer_,
            index=index,
        )

    def scopes(self, owner: Value, field: Field) -> Sequence[Scope]:
        """Return what names in an expression about a field stand for members of."""
        if not is_struct(owner):
            return owner.around_()
        return (self.holder(owner, field), *owner.scopes_())

    def holder(self, owner: Value, field: Field) -> Value:
        """Return the innermost struct that declares `field`, or that a root itself is part of."""
        layout = owner.layout_
        if not isinstance(layout, StructLayout):
            return owner.outer_[0] if owner.outer_ is not None else owner
        found = self.context.layouts.declarer(layout, field.name, field.offset)
        if found is None:
            return owner
        declarer, offset = found
        data = owner.slice_(offset, declarer.size)
        return Value(self.context, declarer.type, owner.address_ + offset, data)

    def inside(self, place: Place, path: tuple[str, ...]) -> Place:
        """Return the place of an object behind a field at `path`."""
        selection = place.selection
        for name in path[len(place.path) :]:
            selection = selection.get(name) if selection else None
        return place._replace(
            nesting=place.nesting + 1,
            path=path,
            selection=selection or None,
            label="",
            guided=place.guided and bool(selection),
        )

    def head(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts | None,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of a container."""
        if facts is None or not facts.is_container:
            return None
        if facts.expansion is not None and facts.expansion.is_ring and place.is_open:
            return None  # a link that leads from each of them to all others
        return self.contents.container(
            field, self.at(owner, field, facts), self.inside(place, path)
        )

    def notes(self, field: Field, value: Value, texts: list[str]) -> Iterator[Step]:
        """Say what is wrong with a field, which is shown as it is."""
        yield Open(Group.NOTE, field, value)
        for text in texts:
            yield Note(text, value.address_)
        yield Close()

    # Pointers

    def pointer(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts | None,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of what a pointer points to, or None where it is not followed."""
        layout = field.layout
        assert isinstance(layout, ScalarLayout)
        pointer = layout.base
        if not isinstance(pointer, types.Ptr) or not isinstance(field.value, int):
            return None
        space = pointer_space(pointer, facts)
        if space in ELSEWHERE:
            return None
        if space == "percpu":
            return self.per_cpu(owner, field, facts, path, place)
        if facts is not None and (facts.length is not None or facts.is_container):
            return self.many(owner, field, facts, path, place)
        value = self.pointee(owner, field, layout, facts)
        if value is None:
            return None
        inner = self.via(owner, field, self.inside(place, path))
        # A field that is here at all has been selected; without a selection of its own, all of it.
        if inner.selection is None and not self.traversal.is_followed(path):
            if facts is not None and facts.follow is not None:
                selection = selection_of(facts.follow) or None
                inner = inner._replace(selection=selection, guided=selection is not None)
            elif place.depth < self.limits.depth:
                inner = inner._replace(depth=place.depth + 1)
            elif not self.is_known(value, owner):
                if not self.traversal.summary(value):
                    return None
                brief = self.traversal.brief(value, "")
                return self.target(owner, field, value, inner, brief)
        return self.target(owner, field, value, inner, self.traversal.object(value, inner))

    def pointee(
        self, owner: Value, field: Field, layout: ScalarLayout, facts: MemberFacts | None
    ) -> Value | None:
        """Return the struct that a pointer leads to, None if it leads to no struct."""
        target = target_of(self.context, layout, facts)
        if not isinstance(target, types.Composite):
            return None
        assert isinstance(field.value, int)
        if facts is None:
            return Value(self.context, target, field.value)
        try:
            address = address_of(self.holder(owner, field), field.value, facts)
        except CorruptDataError:
            return None  # what is said of such pointers does not hold of this one
        return Value(self.context, target, address, stated=stated_by(facts.behind))

    def many(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of an array or a container that a pointer leads to."""
        if facts.length is not None:
            inner = self.via(owner, field, self.inside(place, path))
            return self.arrays.counted(owner, field, facts, inner)
        expansion = facts.expansion
        if expansion is not None and expansion.is_ring and place.is_open:
            return None
        here = self.at(owner, field, facts)
        return self.contents.container(field, here, self.inside(place, path))

    def per_cpu(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts | None,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of a `__percpu` pointer, followed as far as any other."""
        layout = field.layout
        assert isinstance(layout, ScalarLayout)
        inner = self.inside(place, path)
        if inner.selection is None and not self.traversal.is_followed(path):
            if place.depth >= self.limits.depth:
                return None
            inner = inner._replace(depth=place.depth + 1)
        target = target_of(self.context, layout, facts)
        if target is None or not self.context.layouts.of(target).size:
            return None
        return self.arrays.per_cpu(field, self.at(owner, field, facts), target, inner)

    def is_known(self, value: Value, owner: Value) -> bool:
        """Whether an object is the one around this field, or was shown in full before."""
        key = self.traversal.key(value)
        return key in self.traversal.seen or key == self.traversal.key(owner)

    def via(self, owner: Value, field: Field, inner: Place) -> Place:
        """Return a place that remembers which pointer led there, where that may change."""
        if not self.context.target.is_live or not isinstance(field.value, int):
            return inner
        slot = self.context.wrap(owner.address_ + field.offset)
        return inner._replace(chain=(*inner.chain, (slot, field.value)))

    def target(
        self, owner: Value, field: Field, value: Value, inner: Place, shown: Iterator[Step]
    ) -> Iterator[Step]:
        """Return the group of a pointer's target, or of a note if it has moved meanwhile."""
        if has_moved(inner.chain, value):
            return self.notes(field, self.at(owner, field, None), [MOVED])
        opened = Open(Group.POINTER, field, value, provenance=told_by(field))
        return iter((opened, shown, Close(1, 1)))


def is_struct(value: Value) -> bool:
    """Whether a value is a struct or union, and no field without one around it."""
    return isinstance(value.layout_, StructLayout)


def is_bare_scalar(field: Field) -> bool:
    """Whether a field, of which nothing more is known, has nothing behind it: most have not."""
    layout = field.layout
    return isinstance(layout, ScalarLayout) and (
        layout.category is not Category.POINTER or not field.value
    )


def is_empty_list(field: Field, owner: int, context: Context) -> bool:
    """Whether the field is a list_head that points to itself: an empty list, or an unused link."""
    base = field.layout.base
    if base.name != "list_head" or not isinstance(field.value, list) or len(field.value) != 2:
        return False
    own = context.wrap(owner + field.offset)
    return all(isinstance(inner, Field) and inner.value == own for inner in field.value)
