"""The entries of containers, and of arrays whose length an annotation gives, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from btfdump._decode.fields import nonzero
from btfdump._decode.layout import StructLayout
from btfdump._decode.paths import split_path
from btfdump._decode.scalars import ScalarLayout
from btfdump._decode.scope import stated_by
from btfdump._kernel import containers
from btfdump._kernel.expression import evaluate
from btfdump._kernel.pointers import struct_behind
from btfdump._walk import Anomaly, Entry, ValueEntry, anomaly_of
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._annotate.facts import Expansion, MemberFacts
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Following
    from btfdump._kernel.typed import TypedAddress
    from btfdump._walk import Item

Typed = TypeVar("Typed", bound="TypedAddress")

PIECE = 512
"""Elements of an array that are read at once."""
MAX_UNREADABLE = 8
"""Pieces of one array that may be unreadable before the rest is given up."""
_WITH_BUCKETS = ("rhashtable", "rhltable")
"""Containers whose keys are the buckets of a hash table: several entries may have the same."""
_MOST_NAMED = 8


def entries(value: Typed, expansion: Expansion | None) -> Iterator[Typed | ValueEntry | Anomaly]:
    """Walk what `Value.entries_()` walks; raises the same errors."""
    facts = value.facts_
    if expansion is None and facts is not None and facts.length is not None:
        yield from _of_array(value, facts)
    elif facts is None or facts.vacant != value._number_:
        expansion = expansion or value.expansion_()
        holder = value._holder_(expansion)
        items = containers.items_of(holder, expansion, holder._number_)
        yield from _values(holder, items, expansion)


def linked(value: Typed, expansion: Expansion) -> Iterator[Typed | ValueEntry | Anomaly]:
    """Walk a container once, as it is now, reading links only and no entries."""
    holder = value._holder_(expansion)
    items = containers.links_of(holder, expansion, holder._number_)
    yield from _values(holder, items, expansion)


def walk(value: Typed) -> Iterator[Typed]:
    """Walk what `Value.walk_()` walks; raises the same errors."""
    trouble: Anomaly | None = None
    for item in value.entries_():
        if isinstance(item, Anomaly):
            trouble = trouble or (item if item.ends else None)
        elif not isinstance(item, ValueEntry):
            yield item
    if trouble is not None:
        raise CorruptDataError(trouble.message, trouble.address)


def walk_at(value: Typed, path: str) -> Iterator[Typed]:
    """Walk the container at a member path from a value; what is behind NULL has no entries."""
    found = value
    for name in split_path(path):
        if found.is_pointer_ and not found.value_():
            return
        found = found.member_(name)
    if not (found.is_pointer_ and not found.value_()):
        yield from found.walk_()


def entry(value: Typed, number: int) -> Typed:
    """Return the entry of a container whose key is `number`, or entry `number` if it has no keys.

    A range is the key of each number in it. Raises `IndexError`, also if several entries have that
    key, as those of one bucket have, and what `walk()` raises.
    """
    if not containers.is_perhaps_one(value):
        raise IndexError(f"{value.type_} is no array, and nothing says that it is a container")
    name = value._layout_.type.name if isinstance(value._layout_, StructLayout) else ""
    search: _Search[Typed] = _Search(number, is_unique=name not in _WITH_BUCKETS)
    trouble: Anomaly | None = None
    for item in value.entries_():
        if isinstance(item, Anomaly):
            trouble = trouble or (item if item.ends else None)
        elif search.ends_with(item):
            break
    if trouble is not None and not search.found:
        raise CorruptDataError(trouble.message, trouble.address)
    if len(search.found) == 1:
        return search.found[0]
    raise IndexError(search.told(f"in {value.type_} at {value.address_:#x}"))


class _Search(Generic[Typed]):
    """The search for the entry of a container with a key, or at a position if there are no keys."""

    def __init__(self, number: int, *, is_unique: bool) -> None:
        self.found: list[Typed] = []
        self._is_unique = is_unique
        self._number = number
        self._met = 0
        self._keys: list[int] = []
        self._mark = "d"
        self._plain: ValueEntry | None = None

    def ends_with(self, item: Typed | ValueEntry) -> bool:
        """Take one entry; return whether none behind it can be meant as well."""
        key = item.key if isinstance(item, ValueEntry) else item.key_
        if not isinstance(key, int | tuple):
            if isinstance(item, ValueEntry):
                return False
            if self._met == self._number:
                self.found.append(item)
            self._met += 1
            return bool(self.found)
        if isinstance(key, tuple):  # as of memory: addresses
            self._mark = "#x"
        first, last = key if isinstance(key, tuple) else (key, key)
        self._met += 1
        self._keys = [min([first, *self._keys[:1]]), max([last, *self._keys[1:]])]
        if not first <= self._number <= last:
            return False
        if isinstance(item, ValueEntry):
            self._plain = item
            return True
        self.found.append(item)
        return self._is_unique

    def told(self, where: str) -> str:
        """Return why there is not one entry."""
        number = format(self._number, self._mark)
        if len(self.found) > 1:
            some = ", ".join(f"{one.address_:#x}" for one in self.found[:_MOST_NAMED])
            more = ", ..." if len(self.found) > _MOST_NAMED else ""
            return f"{len(self.found)} entries have the key {number} {where}: {some}{more}"
        if self._plain is not None:
            held = f"{self._plain.meaning} {self._plain.value:#x}"
            return f"no object has the key {number} {where}: there is the {held}"
        if not self._keys:
            return f"no entry {self._number} {where}: it has {self._met}"
        least, most = (format(one, self._mark) for one in self._keys)
        keys = f"{self._met} entries, with keys from {least} to {most}"
        return f"no entry has the key {number} {where}: it has {keys}"


def project(value: TypedAddress, paths: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield lists of the tuples that `Value.project_()` yields; raises the same errors."""
    facts = value.facts_
    if facts is not None and facts.length is not None:
        return _projected(value, facts, paths)
    expansion = value.expansion_()
    holder = value._holder_(expansion)
    head = containers.head_of(holder, expansion, holder._number_)
    return containers.projected(value, expansion, head, paths, facts)


def _projected(
    value: TypedAddress, facts: MemberFacts, paths: tuple[str, ...]
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the members `paths` of what an array of annotated length holds, or leads to."""
    if not facts.candidates:  # else what its containers hold is decided for each of them
        _check(value, facts, paths)
    readers: dict[Layout, Callable[[TypedAddress], tuple[Any, ...]]] = {}
    followings: list[Following] = []
    for found in value.walk_():
        layout = found._layout_
        if layout not in readers:
            readers[layout] = _reader(value._context_, layout, paths, followings)
        yield [readers[layout](found)]
    for following in followings:
        following.check()


def _reader(
    context: Context, layout: Layout, paths: tuple[str, ...], followings: list[Following]
) -> Callable[[TypedAddress], tuple[Any, ...]]:
    """Return what reads the members `paths` of objects of a type; enters it where it follows."""
    from btfdump._decode.compiled.projection import compile_reader

    bounds = context._bounds
    if not isinstance(layout, StructLayout):
        return lambda found: containers.row(found, paths, None)
    if not containers.is_within(context.layouts, layout, paths):
        following = containers.through_pointers(context, layout, paths)
        followings.append(following)
        return following.of
    if bounds is not None and any(bounds.may_lack(layout, path) for path in paths):
        return lambda found: containers.row(found, paths, None)
    read = compile_reader(context.layouts, layout, paths)
    return lambda found: containers.row(found, paths, read)


def _check(value: TypedAddress, facts: MemberFacts, paths: tuple[str, ...]) -> None:
    """Check that an array leads to structs with these members; raises `MemberNotFoundError`."""
    from btfdump._kernel.counted import about, element_type

    context = value._context_
    element = element_type(value, facts)
    if facts.expansion is not None:
        element = facts.expansion.element
    struct = struct_behind(context, context.layouts.of(element), None)
    for path in paths:
        if struct is None:
            raise MemberNotFoundError(
                about(facts.length or "", f"{element} has no members: no member {path!r}")
            )
        if not containers.is_within(context.layouts, struct, (path,)):
            containers.through_pointers(context, struct, (path,))


def _of_array(value: Typed, facts: MemberFacts) -> Iterator[Typed | ValueEntry | Anomaly]:
    """Walk an array of annotated length: what its heads contain or its pointers lead to."""
    from btfdump._kernel.counted import about, count, read  # most values are none

    holder = value._holder_(None)
    array = count(holder, facts, holder._around_())
    context = value._context_
    layout = context.layouts.of(array.element)
    of_each, stated = facts.of_each, stated_by(facts.of_target)
    is_leading = facts.is_container or (
        isinstance(layout, ScalarLayout) and struct_behind(context, layout, None) is not None
    )
    unreadable = 0
    for first in range(0, array.length if layout.size else 0, PIECE):
        try:
            piece = read(context, array, first, min(PIECE, array.length - first))
        except FaultError as error:
            yield anomaly_of(error, str(value.type_), value.address_)
            unreadable += 1
            if unreadable == MAX_UNREADABLE:
                return
            continue
        numbers: Iterable[int] = range(piece.array.length)
        if is_leading and not facts.is_container:  # most pointers of a table may be NULL
            numbers = nonzero(piece.data, 0, piece.array.length, layout.size)
        for number in numbers:
            start = number * layout.size
            if not piece.has(start, layout.size):
                continue
            element = value._at_(
                array.element,
                context.wrap(piece.address + start),
                piece.data[start : start + layout.size],
                facts=of_each,
                index=first + number,
                stated=stated,
            )
            if facts.is_container:
                yield from element.entries_(element.expansion_())
            elif not is_leading:
                yield element
            elif element:
                target = element.deref_()
                target.key_ = first + number
                yield target
        if piece.missing:
            yield Anomaly(about(array.stated, piece.missing), piece.address, ends=True)
    if array.cut:
        yield Anomaly(array.cut, array.address, ends=True)


def _values(
    holder: Typed, items: Iterator[Item], expansion: Expansion
) -> Iterator[Typed | ValueEntry | Anomaly]:
    facts = holder.facts_
    skip = facts.skip if facts is not None else None
    make, element = holder._at_, expansion.element
    for item in items:
        if not isinstance(item, Entry):
            yield item
            continue
        found = make(element, item.address, item.data, key=item.key)
        if skip is not None:
            try:
                if evaluate((found,), skip, "skip"):
                    continue
            except BtfdumpError as error:
                yield Anomaly(f"skip:{skip}: {error}", item.address)
        yield found
