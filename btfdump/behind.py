"""What lies behind the fields of an object: pointer targets, entries of containers, arrays.

`Behind` looks at the decoded fields of one object at a time, decides which of them are followed,
and makes the generator of events for each.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from btfdump.btf import types
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError
from btfdump.events import Close, Enter, Exit, Group, Note, Number, Open, Seen
from btfdump.expression import evaluate_length
from btfdump.interp import EMPTY_LIST, Field
from btfdump.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.limits import MAX_OBJECT, Place, selection_of
from btfdump.readable import describe, read_around_holes
from btfdump.value import Value, pointer_space
from btfdump.walk import Anomaly, ValueEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump.annotate.facts import MemberFacts
    from btfdump.context import Context
    from btfdump.graph import Traversal
    from btfdump.layout import Layout
    from btfdump.limits import Step
    from btfdump.walk import Key

    Found: TypeAlias = Value | ValueEntry | Anomaly

_COUNT_AHEAD = 10_000
"""Entries beyond the last one shown that are still counted, so that "64 of 70" can be said."""
_BATCH = 64
"""Entries read before a container's heading, which tells their number."""


class Behind:
    """Makes the groups of one traversal."""

    def __init__(self, traversal: Traversal) -> None:
        self.traversal = traversal
        self.context = traversal.context
        self.limits = traversal.limits

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
            if facts is not None and facts.typed_by is not None:
                facts = self.typed(owner, field, facts, enter, self.inside(place, path))
            layout = field.layout
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
            elif isinstance(field.value, list):
                inherits = facts if isinstance(field.layout, ArrayLayout) else None
                pending.extend(
                    (inner, path, inherits)
                    for inner in reversed(field.value)
                    if isinstance(inner, Field)
                )

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
            found = self.array(owner, field, facts, path, place)
        elif facts is not None and (facts.expansion is not None or facts.candidates):
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
            and isinstance(target_of(self.context, layout, facts), types.Composite)
        )

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
            outer=(owner, field.name),
            index=index,
        )

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
        if facts is None or not (facts.expansion or facts.candidates):
            return None
        if facts.expansion is not None and facts.expansion.is_ring and place.is_open:
            return None  # a link that leads from each of them to all others
        return self.container(field, self.at(owner, field, facts), self.inside(place, path))

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
        if not isinstance(pointer, types.Ptr) or pointer_space(pointer, facts) in (
            "user",
            "percpu",
            "iomem",
        ):
            return None
        if facts is not None and facts.length is not None:
            return self.counted(owner, field, facts, self.inside(place, path))
        target = target_of(self.context, layout, facts)
        if not isinstance(target, types.Composite) or not isinstance(field.value, int):
            return None
        value = Value(self.context, target, field.value)
        inner = self.inside(place, path)
        # A field that is here at all has been selected; without a selection of its own, all of it.
        if inner.selection is None and not self.is_followed(path):
            if facts is not None and facts.follow is not None:
                selection = selection_of(facts.follow) or None
                inner = inner._replace(selection=selection, guided=selection is not None)
            elif place.depth < self.limits.depth:
                inner = inner._replace(depth=place.depth + 1)
            elif not self.is_known(value, owner):
                if not self.traversal.summary(value):
                    return None
                return self.target(field, value, self.traversal.brief(value, ""))
        return self.target(field, value, self.traversal.object(value, inner))

    def is_known(self, value: Value, owner: Value) -> bool:
        """Whether an object is the one around this field, or was shown in full before."""
        key = self.traversal.key(value)
        return key in self.traversal.seen or key == self.traversal.key(owner)

    def is_followed(self, path: tuple[str, ...]) -> bool:
        """Whether --follow names this path, or one further in."""
        return any(path == wanted[: len(path)] for wanted in self.traversal.follow)

    def target(self, field: Field, value: Value, inner: Iterator[Step]) -> Iterator[Step]:
        """Show the target of a pointer below it."""
        yield Open(Group.POINTER, field, value, provenance=told_by(field))
        yield inner
        yield Close(1, 1)

    # Arrays of pointers, arrays behind a pointer

    def array(
        self,
        owner: Value,
        field: Field,
        facts: MemberFacts | None,
        path: tuple[str, ...],
        place: Place,
    ) -> Iterator[Step] | None:
        """Return the group of a flexible array of known length, or of pointers to be followed."""
        layout = field.layout
        if (
            isinstance(layout, ArrayLayout)
            and facts is not None
            and facts.length is not None
            and not layout.length
        ):
            trouble = self.flexible(owner, field, facts)
            if trouble:
                return self.notes(field, self.at(owner, field, facts), [trouble])
            layout = field.layout
        if not isinstance(layout, ArrayLayout) or not isinstance(layout.element, ScalarLayout):
            return None
        if not isinstance(field.value, list):
            return None
        target = target_of(self.context, layout.element, facts)
        deeper = place.depth < self.limits.depth or self.is_followed(path)
        if not deeper or not isinstance(target, types.Composite):
            return None
        addresses = [(i, a) for i, a in enumerate(field.value) if isinstance(a, int) and a]
        inner = self.inside(place, path)._replace(depth=place.depth + 1)
        return self.entries(field, self.at(owner, field, facts), target, addresses, inner)

    def counted(
        self, owner: Value, field: Field, facts: MemberFacts, place: Place
    ) -> Iterator[Step]:
        """Show an array behind a pointer, whose length an annotation tells."""
        here = self.at(owner, field, facts)
        layout = field.layout
        assert isinstance(layout, ScalarLayout)
        assert isinstance(layout.base, types.Ptr)
        assert isinstance(field.value, int)
        try:
            length = evaluate_length(self.holder(owner, field), facts.length or "0")
            element = self.context.layouts.of(layout.base.btf.type(layout.base.type_id))
            target = None
            if isinstance(element, ScalarLayout):
                target = target_of(self.context, element, None)
            value, notes = self.read_array(element, length, field.value)
        except (BtfdumpError, LookupError) as error:
            yield self.notes(field, here, [f"array of {facts.length} elements: {error}"])
            return
        if isinstance(target, types.Composite):
            addresses = [(i, int(v)) for i, v in enumerate(value.value_()) if v]
            if length > len(value):
                notes.append(f"{length - len(value)} of {length} pointers were not looked at")
            yield self.entries(field, here, target, addresses, place, notes)
            return
        array = self.traversal.decoder.fields(value.layout_, value.bytes_())
        array[0].elided = max(array[0].elided, 0) + length - len(value)
        yield Open(Group.POINTER, field, value, provenance=told_by(field))
        yield Enter(value, array)
        for text in notes:
            yield Note(text, value.address_)
        yield Exit()
        yield Close(1, 1)

    def read_array(self, element: Layout, length: int, address: int) -> tuple[Value, list[str]]:
        """Read an array of `length` elements at `address`, cut to what is worth reading.

        What cannot be read of it is zero in the value, and told in the list. Raises `FaultError`
        where nothing can.
        """
        most = 4096 if element.size == 1 else self.limits.elements
        if isinstance(element, ScalarLayout) and element.category is Category.POINTER:
            most = 65536  # NULL ones are not shown
        most = min(most, MAX_OBJECT // max(element.size, 1))
        array = self.context.array(element.type, min(length, most))
        value = Value(self.context, array, self.context.wrap(address))
        try:
            value.bytes_()
        except FaultError as error:
            data, holes = read_around_holes(self.context.target, value.address_, value.size_, error)
            return Value(self.context, array, value.address_, data), [describe(error, holes)]
        return value, []

    def flexible(self, owner: Value, field: Field, facts: MemberFacts) -> str:
        """Give a flexible array the elements that its annotation counts; return what went wrong."""
        layout = field.layout
        assert isinstance(layout, ArrayLayout)
        try:
            length = evaluate_length(self.holder(owner, field), facts.length or "0")
            value, notes = self.read_array(layout.element, length, owner.address_ + field.offset)
        except (BtfdumpError, LookupError) as error:
            return f"array of {facts.length} elements: {error}"
        array = self.traversal.decoder.fields(
            value.layout_, bytes(field.offset) + value.bytes_(), at=field.offset
        )[0]
        field.layout, field.value = array.layout, array.value
        field.elided = array.elided + length - len(value)
        return "; ".join(notes)

    def holder(self, owner: Value, field: Field) -> Value:
        """Return the innermost struct that declares `field`: expressions name its members."""
        layout, offset = owner.layout_, 0
        while isinstance(layout, StructLayout):
            for member in layout.members:
                inner = self.context.layouts.of_member(member, layout)
                at = offset + member.offset
                if member.name == field.name and at == field.offset:
                    data = owner.slice_(offset, layout.size)
                    return Value(self.context, layout.type, owner.address_ + offset, data)
                if isinstance(inner, StructLayout) and at <= field.offset <= at + inner.size:
                    layout, offset = inner, at
                    break
            else:
                break
        return owner

    def entries(
        self,
        field: Field,
        value: Value,
        target: types.Composite,
        addresses: list[tuple[int, int]],
        place: Place,
        notes: Iterable[str] = (),
    ) -> Iterator[Step]:
        """Show what the pointers of an array point to; NULL ones have been dropped."""
        yield Open(Group.ARRAY, field, value, None, len(addresses), told_by(field))
        for text in notes:
            yield Note(text, value.address_)
        shown = addresses[: self.limits.elements]
        for index, address in shown:
            yield self.entry(Value(self.context, target, address), f"[{index}]", place)
        yield Close(len(shown), len(addresses))

    # Containers

    def container(self, field: Field | None, value: Value, place: Place) -> Iterator[Step]:
        """Walk a container and show its entries."""
        try:
            expansion = value.expansion_()
        except CorruptDataError as error:
            yield Open(Group.NOTE, field, value)
            yield Note(str(error), value.address_)
            yield Close()
            return
        items = value.entries_()
        limit = self.limits.elements
        batch, ended = take(items, min(limit, _BATCH))
        count = count_of(batch) if ended else None
        if not ended and limit <= _BATCH:
            count, batch = self.count_on(items, batch)
        yield Open(Group.CONTAINER, field, value, expansion, count, expansion.provenance)
        for problem in value.facts_.problems if value.facts_ is not None else ():
            yield Note(problem, value.address_)
        shown = 0
        for item in chain(batch, items if count is None else ()):
            if isinstance(item, Anomaly):
                yield Note(item.message, item.address)
            elif shown < limit:
                yield self.item(item, shown, place)
                shown += 1
            else:
                more, _ = self.count_on(items, [])
                count = None if more is None else shown + 1 + more
                break
        yield Close(shown, count)

    def item(self, item: Value | ValueEntry, position: int, place: Place) -> Iterator[Step]:
        """Show an entry of a container, labelled by its key or else by its position."""
        if isinstance(item, ValueEntry):
            return iter([Number(item, label_of(item.key, position))])
        return self.entry(item, label_of(item.key_, position), place)

    def count_on(
        self, items: Iterator[Found], batch: list[Found]
    ) -> tuple[int | None, list[Found]]:
        """Count the entries that will not be shown, up to a bound, and keep what is wrong there."""
        extra, ended = take(items, _COUNT_AHEAD)
        kept = batch + [item for item in extra if isinstance(item, Anomaly)]
        if not ended:
            return None, kept
        return count_of(batch) + count_of(extra), kept

    def entry(self, value: Value, label: str, place: Place) -> Iterator[Step]:
        """Show an entry: in full, or in one line where that would flood the screen.

        One line is for what has a summary of its own, such as a task, and for entries of a
        container inside another's entry; both are shown in full as far as the depth reaches.
        """
        layout = value.layout_
        has_summary = isinstance(layout, StructLayout) and bool(self.context.facts(layout).summary)
        wanted = place.selection is not None or self.is_followed(place.path)
        depth = place.depth
        if (has_summary or place.level) and not wanted:
            if depth >= self.limits.depth:
                key = self.traversal.key(value)
                seen = self.traversal.seen.get(key)
                if seen is None and key not in self.traversal.partial:
                    return self.traversal.brief(value, label)
                return iter([Seen(value, label, self.traversal.summary(value), bool(seen))])
            depth += 1
        inner = place._replace(label=label, level=place.level + 1, depth=depth)
        return self.traversal.object(value, inner)


def label_of(key: Key, position: int) -> str:
    """Return what an entry is called: `[position]`, or its key: `[7]`, `[0x1000-0x1fff]`."""
    if key is None:
        return f"[{position}]"
    if isinstance(key, tuple):
        return f"[{key[0]:#x}-{key[1]:#x}]"
    return f"[{key}]"


def count_of(items: list[Found]) -> int:
    """Count the entries among what a walk gave."""
    return sum(not isinstance(item, Anomaly) for item in items)


def take(items: Iterator[Found], most: int) -> tuple[list[Found], bool]:
    """Take items up to `most` entries; whether they came to their end."""
    taken: list[Found] = []
    found = 0
    while found < most:
        item = next(items, None)
        if item is None:
            return taken, True
        taken.append(item)
        found += not isinstance(item, Anomaly)
    return taken, False


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
