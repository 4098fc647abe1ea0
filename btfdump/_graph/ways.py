"""Where the things are that templates say of the objects of one type, found once for each slot.

A way consists of pointers that are read one after another, and of what lies behind the last. The
reference is `telling.py`, which goes from value to value; there is a way only where that would ask
for nothing but types: no condition, no length that a member tells, no other address space.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from btfdump._annotate.template import Around, Index
from btfdump._btf import types
from btfdump._decode.compiled.projection import Located
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.pointers import ELSEWHERE, space_of, target_of
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.template import Slot, Step
    from btfdump._decode.layout import Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._meaning import Meaning

MAX_KNOWN = 1 << 14
"""The most pointers that are remembered."""


class Pointers:
    """Reads pointers, each once until `forget()`: many objects lead to the same few."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[int, int] = {}

    def forget(self) -> None:
        """Forget what was read: memory may have changed since."""
        self._known.clear()

    def read(self, address: int) -> int:
        """Return the pointer at a virtual address; raises `FaultError`."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            layouts = self._context.layouts
            data = self._context.target.read(address, layouts.pointer_size)
            found = self._known[address] = int.from_bytes(data, layouts.byteorder)
        return found


class SlotWay:
    """A way from an object: the offsets of the pointers, and what is `offset` behind the last.

    `facts` is what annotations state about that, and `stated` what they state about its members.
    """

    __slots__ = ("facts", "hops", "offset", "size", "stated", "type")

    def __init__(
        self,
        hops: tuple[int, ...],
        offset: int,
        layout: Layout,
        facts: MemberFacts | None,
        stated: Stated,
    ) -> None:
        self.hops = hops
        self.offset = offset
        self.type = layout.type
        self.size = layout.size
        self.facts = facts
        self.stated = stated

    def lead(self, value: Value, pointers: Pointers) -> Value:
        """Return what it leads to; raises `LookupError` for NULL on it, and `FaultError`."""
        context = value._context_
        address, data = value.address_, None
        if not self.hops:
            data = value._slice_(self.offset, self.size)
        for number, hop in enumerate(self.hops):
            own = None if number else value._slice_(hop, context.layouts.pointer_size)
            if own is not None:
                address = int.from_bytes(own, context.layouts.byteorder)
            else:
                address = pointers.read(context.wrap(address + hop))
            if not address:
                raise LookupError
        place = context.wrap(address + self.offset)
        return value_at(context, self.type, place, data, facts=self.facts, stated=self.stated)


class SlotPlace:
    """What one slot says: where it is in the objects of a type, as far as types alone tell.

    `located` is a number in the object itself of which the template says what it means, with that
    `meaning`; `way` leads to anything else. Neither is there for what must be followed, and before
    `SlotPlaces.find()`: many a slot is in a part that does not apply.
    """

    __slots__ = ("is_found", "located", "meaning", "slot", "way")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.is_found = False
        self.located: Located | None = None
        self.meaning: Meaning | None = None
        self.way: SlotWay | None = None


class SlotPlaces:
    """Finds the places of slots and members in the objects of one type."""

    def __init__(self, context: Context, struct: types.Composite) -> None:
        self._context = context
        self._struct = struct
        self._known: dict[str, Located | None] = {}

    def member(self, path: str) -> Located | None:
        """Return where a member is, None if it is reached through a pointer, or missing."""
        if path not in self._known:
            layout, located = self._context.layouts.of(self._struct), None
            if isinstance(layout, StructLayout):
                with suppress(BtfdumpError, LookupError):
                    located = Located(self._context.layouts, layout, path)
            self._known[path] = located
        return self._known[path]

    def find(self, place: SlotPlace) -> None:
        """Find the place of a slot; raises `AnnotationError` for what it cannot mean."""
        slot = place.slot
        if slot.means is not None and slot.member and not slot.length:
            located = self.member(slot.member)
            if located is not None and isinstance(located.layout, ScalarLayout):
                type_ = located.layout.type
                if located.layout.category is not Category.POINTER:
                    meanings = self._context.annotations.meanings
                    place.meaning = meanings.of(slot.means, type_, type_.btf)
                    place.located = located
        if place.located is None and not slot.length:
            with suppress(BtfdumpError, LookupError):
                place.way = self._way(slot)
        place.is_found = True

    def _way(self, slot: Slot) -> SlotWay | None:
        """Return the way to what a slot says, None if types alone do not tell."""
        finding = _Finding(self._context, self._context.layouts.of(self._struct))
        *first, last = slot.steps or ("",)
        if not slot.steps or not all(map(finding.go_on, first)):
            return None
        has_facts = slot.how == "" and slot.means is None
        return finding.way() if finding.go_on(last, has_facts=has_facts) else None


class _Finding:
    """The finding of one way: where it has led to."""

    def __init__(self, context: Context, layout: Layout) -> None:
        self._context = context
        self._layout = layout
        self._hops: list[int] = []
        self._offset = 0
        self._facts: MemberFacts | None = None
        self._stated: Stated = ()
        self._is_start = True

    def way(self) -> SlotWay:
        """Return the way to here."""
        return SlotWay(tuple(self._hops), self._offset, self._layout, self._facts, self._stated)

    def go_on(self, step: Step, *, has_facts: bool = False) -> bool:
        """Take one step, the last one if it `has_facts`; whether types tell where it leads."""
        is_start, self._is_start = self._is_start, False
        if isinstance(step, str):
            return self._enter(step, has_facts)
        layout = self._layout
        if isinstance(step, Index):
            # An object may have been allocated with fewer elements than its array has.
            if not isinstance(layout, ArrayLayout) or step.number != 0 or layout.length > 1:
                return False
            self._layout = layout.element
            return True
        if not isinstance(step, Around) or not is_start:
            return False  # of what a pointer leads to, it is asked whether it can be that
        self._layout, self._offset = self._context.layouts.of(step.struct), -step.offset
        return True

    def _enter(self, name: str, has_facts: bool) -> bool:
        """Go to a member, through a pointer if need be."""
        context, layout = self._context, self._layout
        if isinstance(layout, ScalarLayout):
            target = target_of(context, layout, None, is_followed=False)
            if not isinstance(target, types.Composite) or space_of(layout, None) in ELSEWHERE:
                return False
            self._hops.append(self._offset)
            layout, self._offset = context.layouts.of(target), 0
        if not isinstance(layout, StructLayout):
            return False
        found = context.layouts.member(layout, name)
        if has_facts:
            _, self._facts, self._stated = context.member(layout, name)
        inner = found.layout
        self._layout, self._offset = inner, self._offset + found.bit_offset // 8
        is_whole = not found.bit_size and not (isinstance(inner, ArrayLayout) and inner.length > 1)
        return is_whole and (self._facts is None or _is_plain(self._facts))


def _is_plain(facts: MemberFacts) -> bool:
    """Whether annotations say of a member no more than what its values mean."""
    is_other = facts.points_to is not None or facts.typed_by is not None
    return not (facts.cases or facts.is_container or facts.length is not None or is_other)
