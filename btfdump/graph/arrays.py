"""Arrays of pointers, arrays whose length C does not tell, and what every CPU has one of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump.btf import types
from btfdump.decode.fields import Field
from btfdump.decode.holes import describe, read_around_holes
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.decode.scope import stated_by
from btfdump.errors import BtfdumpError, FaultError
from btfdump.graph.buckets import is_table, occupied
from btfdump.graph.events import Close, Enter, Exit, Group, Open
from btfdump.graph.limits import MAX_OBJECT
from btfdump.graph.moved import MOVED, has_moved
from btfdump.kernel.expression import evaluate_length
from btfdump.kernel.notes import Note
from btfdump.kernel.pointers import target_of, told_by
from btfdump.kernel.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump.annotate.facts import MemberFacts
    from btfdump.decode.layout import Layout
    from btfdump.graph.fields import Behind
    from btfdump.graph.limits import Place, Step
    from btfdump.kernel.expression import Scope


class Arrays:
    """Shows the arrays of one traversal."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind
        self.traversal = behind.traversal
        self.context = behind.context
        self.limits = behind.limits

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
                return self.behind.notes(field, self.behind.at(owner, field, facts), [trouble])
            layout = field.layout
        if not isinstance(layout, ArrayLayout) or not isinstance(layout.element, ScalarLayout):
            return None
        if not isinstance(field.value, list):
            return None
        target = target_of(self.context, layout.element, facts)
        deeper = place.depth < self.limits.depth or self.traversal.is_followed(path)
        if not deeper or not isinstance(target, types.Composite):
            return None
        addresses = [(i, a) for i, a in enumerate(field.value) if isinstance(a, int) and a]
        inner = self.behind.inside(place, path)._replace(depth=place.depth + 1)
        here = self.behind.at(owner, field, facts)
        return self.entries(field, here, target, here.address_, addresses, inner)

    # Lengths told by annotations

    def counted(
        self, owner: Value, field: Field, facts: MemberFacts, place: Place
    ) -> Iterator[Step]:
        """Show an array behind a pointer, whose length an annotation tells."""
        here = self.behind.at(owner, field, facts)
        assert isinstance(field.value, int)
        scopes = self.behind.scopes(owner, field)
        try:
            value, length, notes = self.behind_pointer(field.layout, field.value, facts, scopes)
        except (BtfdumpError, LookupError) as error:
            yield self.behind.notes(field, here, [f"array of {facts.length} elements: {error}"])
            return
        target = self.pointee(value)
        if isinstance(target, types.Composite):
            addresses = [(i, int(v)) for i, v in enumerate(value.value_()) if v]
            if length > len(value):
                notes.append(f"{length - len(value)} of {length} pointers were not looked at")
            array = field.value
            yield self.entries(field, here, target, array, addresses, place, notes)
            return
        yield Open(Group.POINTER, field, value, provenance=told_by(field))
        yield self.shown(value, length, facts, notes, place)
        yield Close(1, 1)

    def root(self, pointer: Value, facts: MemberFacts, place: Place) -> Iterator[Step]:
        """Show the array that a pointer leads to which was asked for by name.

        That is all there is to see, but where its elements are pointers, too, or it cannot be had.
        """
        try:
            address, scopes = int(pointer), pointer.around_()
            value, length, notes = self.behind_pointer(pointer.layout_, address, facts, scopes)
        except (BtfdumpError, LookupError):
            yield self.traversal.object(pointer, place)
            return
        if not address or isinstance(self.pointee(value), types.Composite):
            yield self.traversal.object(pointer, place)
            return
        yield self.shown(value, length, facts, notes, place)

    def behind_pointer(
        self, pointer: Layout, address: int, facts: MemberFacts, scopes: Sequence[Scope]
    ) -> tuple[Value, int, list[str]]:
        """Read an array behind a pointer: what is looked at of it, its length, what was missing.

        Raises `BtfdumpError`, `LookupError`.
        """
        assert isinstance(pointer, ScalarLayout)
        assert isinstance(pointer.base, types.Ptr)
        length = evaluate_length(scopes, facts.length or "0")
        element = self.context.layouts.of(pointer.base.btf.type(pointer.base.type_id))
        value, notes = self.read_array(element, length, address, facts)
        return value, length, notes

    def pointee(self, array: Value) -> types.Type | None:
        """Return what the pointers in an array point to, None if it is none of pointers."""
        layout = array.layout_
        assert isinstance(layout, ArrayLayout)
        if isinstance(layout.element, ScalarLayout):
            return target_of(self.context, layout.element, None)
        return None

    def shown(
        self, value: Value, length: int, facts: MemberFacts, notes: list[str], place: Place
    ) -> Iterator[Step]:
        """Show an array of `length` elements, and what lies behind them."""
        field = self.elements(value, length, facts, notes)
        if place.nesting == 0 and length and field.value == []:
            field.remark = "all empty"
        enter = Enter(value, [field])
        slots = list(self.behind.slots(value, enter, place))
        yield enter
        for text in notes:
            yield Note(text, value.address_)
        yield from slots
        yield Exit()

    def elements(self, value: Value, length: int, facts: MemberFacts, notes: list[str]) -> Field:
        """Decode an array of `length` elements, of which `value` holds those that were read."""
        layout = value.layout_
        assert isinstance(layout, ArrayLayout)
        if is_table(self.context.layouts, layout.element):
            if length > len(value):
                notes.append(f"{length - len(value)} of {length} elements were not looked at")
            field = self.table("", layout, value, 0)
        else:
            decoder = self.traversal.decoder
            (field,) = decoder.fields(layout, value.bytes_(), stated=value.stated_)
            field.elided = max(field.elided, 0) + length - len(value)
        field.facts = replace(facts, length=None)
        return field

    def table(self, name: str, layout: ArrayLayout, owner: Value, offset: int) -> Field:
        """Decode the elements of a table, at `offset` of `owner`, that are not vacant."""
        found, total = [], 0
        data = owner.bytes_()
        address = self.context.wrap(owner.address_ + offset)
        decoder = self.traversal.decoder
        for index, start in occupied(self.context, layout, data, offset, address):
            total += 1
            if total <= self.limits.elements:
                inner = decoder.fields(layout.element, data, at=start, stated=owner.stated_)
                found.append(Field(f"[{index}]", layout.element, start, inner))
        field = Field(name, layout, offset, found)
        field.elided = total - len(found)
        return field

    def read_array(
        self, element: Layout, length: int, address: int, facts: MemberFacts
    ) -> tuple[Value, list[str]]:
        """Read an array of `length` elements at `address`, cut to what is worth reading.

        What cannot be read of it is zero in the value, and told in the list. Raises `FaultError`
        where nothing can.
        """
        most = 4096 if element.size == 1 else self.limits.elements
        if is_table(self.context.layouts, element):
            most = length  # vacant ones are not shown
        elif isinstance(element, ScalarLayout) and element.category is Category.POINTER:
            most = 65536  # NULL ones are not shown
        most = min(most, MAX_OBJECT // max(element.size, 1))
        array = self.context.array(element.type, min(length, most))
        value = Value(
            self.context, array, self.context.wrap(address), stated=stated_by(facts.behind)
        )
        try:
            value.bytes_()
        except FaultError as error:
            data, holes = read_around_holes(self.context.target, value.address_, value.size_, error)
            value = Value(self.context, array, value.address_, data, stated=stated_by(facts.behind))
            return value, [describe(error, holes)]
        return value, []

    def flexible(self, owner: Value, field: Field, facts: MemberFacts) -> str:
        """Give a flexible array the elements that its annotation counts; return what went wrong."""
        layout = field.layout
        assert isinstance(layout, ArrayLayout)
        at = self.context.wrap(owner.address_ + field.offset)
        try:
            scopes = self.behind.scopes(owner, field)
            length = evaluate_length(scopes, facts.length or "0")
            value, notes = self.read_array(layout.element, length, at, facts)
        except (BtfdumpError, LookupError) as error:
            return f"array of {facts.length} elements: {error}"
        array = self.elements(value, length, facts, notes)
        shift(array, field.offset)
        field.layout, field.value, field.elided = array.layout, array.value, array.elided
        return "; ".join(notes)

    def entries(
        self,
        field: Field,
        value: Value,
        target: types.Composite,
        array: int,
        addresses: list[tuple[int, int]],
        place: Place,
        notes: Iterable[str] = (),
    ) -> Iterator[Step]:
        """Show what the pointers of the array at `array` point to; NULL ones have been dropped."""
        yield Open(Group.ARRAY, field, value, None, len(addresses), told_by(field))
        for text in notes:
            yield Note(text, value.address_)
        shown = addresses[: self.limits.elements]
        size = self.context.layouts.pointer_size
        for index, address in shown:
            entry = Value(self.context, target, address)
            slot = self.context.wrap(array + index * size)
            if has_moved((*place.chain, (slot, address)), entry):
                yield Note(f"[{index}] {MOVED}", address)
            else:
                yield self.behind.contents.entry(entry, f"[{index}]", place)
        yield Close(len(shown), len(addresses))

    # Per-CPU

    def per_cpu(
        self, field: Field, here: Value, target: types.Type, place: Place
    ) -> Iterator[Step]:
        """Show what a `__percpu` pointer points to: one object for every possible CPU."""
        assert isinstance(field.value, int)
        try:
            addresses = [
                self.context.wrap(field.value + o) for o in self.context.target.per_cpu_offsets
            ]
        except BtfdumpError as error:
            yield self.behind.notes(field, here, [str(error)])
            return
        if isinstance(self.context.layouts.of(target), StructLayout):
            shown = addresses[: self.limits.elements]
            yield Open(Group.ARRAY, field, here, None, len(addresses), told_by(field))
            for cpu, address in enumerate(shown):
                value = Value(self.context, target, address, key=f"cpu {cpu}")
                yield self.behind.contents.entry(value, f"[cpu {cpu}]", place)
            yield Close(len(shown), len(addresses))
            return
        yield self.scalars(field, here, target, addresses)

    def scalars(
        self, field: Field, here: Value, target: types.Type, addresses: list[int]
    ) -> Iterator[Step]:
        """Show one scalar, or array of such, of every CPU, as an array by CPU."""
        size = self.context.layouts.of(target).size
        pieces, missing = [], []
        for cpu, address in enumerate(addresses):
            try:
                pieces.append(self.context.target.read(address, size))
            except FaultError as error:
                pieces.append(bytes(size))
                missing.append(f"CPU {cpu} is unreadable: {error.reason}")
        array = self.context.array(target, len(addresses))
        value = Value(self.context, array, addresses[0], b"".join(pieces))
        yield Open(Group.POINTER, field, value, provenance=told_by(field))
        yield Enter(value, self.traversal.decoder.fields(value.layout_, value.bytes_()))
        for text in missing:
            yield Note(text, here.address_)
        yield Exit()
        yield Close(1, 1)


def shift(field: Field, offset: int) -> None:
    """Move a field, and all fields inside it, `offset` bytes further into the object around."""
    field.offset += offset
    for inner in field.value if isinstance(field.value, list) else ():
        if isinstance(inner, Field):
            shift(inner, offset)
