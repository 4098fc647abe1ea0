"""The entries of containers and arrays, as events."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from btfdump.decode.layout import StructLayout
from btfdump.errors import CorruptDataError
from btfdump.graph.events import Close, Group, Number, Open, Seen
from btfdump.kernel.notes import Note
from btfdump.walk import Anomaly, ValueEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump.decode.fields import Field
    from btfdump.graph.events import Label
    from btfdump.graph.limits import Place, Step
    from btfdump.graph.traverse import Traversal
    from btfdump.kernel.value import Value
    from btfdump.walk import Key

Found = TypeVar("Found")
_COUNT_AHEAD = 10_000
"""Entries beyond the last one shown that are still counted, so that "64 of 70" can be said."""
_BATCH = 64
"""Entries read before a container's heading, which tells their number."""


class Contents:
    """Shows the entries of one traversal's containers."""

    def __init__(self, traversal: Traversal) -> None:
        self.traversal = traversal
        self.context = traversal.context
        self.limits = traversal.limits

    def container(self, field: Field | None, value: Value, place: Place) -> Iterator[Step]:
        """Walk a container and show its entries."""
        try:
            expansion = value.expansion_()
        except CorruptDataError as error:
            yield Open(Group.NOTE, field, value)
            yield Note(str(error), value.address_)
            yield Close()
            return
        self.traversal.links.add((expansion.element, expansion.link_offset))
        items: Iterator[Value | ValueEntry | Anomaly] = value.entries_(expansion)
        limit = self.limits.elements
        is_live = self.context.target.is_live
        # What is live is counted by links alone; an entry is read when its turn has come.
        counted = value.links_(expansion) if is_live else items
        batch, ended = take(counted, min(limit, _BATCH))
        count = count_of(batch) if ended else None
        if not ended and limit <= _BATCH:
            count, batch = self.count_on(counted, batch)
        yield Open(Group.CONTAINER, field, value, expansion, count, expansion.provenance)
        for problem in value.facts_.problems if value.facts_ is not None else ():
            yield Note(problem, value.address_)
        shown = 0
        for item in items if is_live else chain(batch, items if count is None else ()):
            if isinstance(item, Anomaly):
                yield Note(item.message, item.address)
            elif shown < limit:
                yield self.item(item, shown, place)
                shown += 1
            elif count is not None:  # counted ahead
                break
            else:
                more, _ = self.count_on(items, [])
                count = None if more is None else shown + 1 + more
                break
        else:
            if is_live and count is not None:  # entries may have come or gone since the count
                count = shown
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

    def entry(self, value: Value, label: Label, place: Place) -> Iterator[Step]:
        """Show an entry: in full, or in one line where that would flood the screen.

        One line is for what has a summary of its own, such as a task, and for entries of a
        container inside another's entry; both are shown in full as far as the depth reaches.
        """
        layout = value.layout_
        has_summary = isinstance(layout, StructLayout) and bool(self.context.facts(layout).summary)
        wanted = place.selection is not None or self.traversal.is_followed(place.path)
        depth = place.depth
        if (has_summary or place.level > 0) and not wanted:
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
