"""The entries of containers and arrays, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.decode.layout import StructLayout
from btfdump.errors import CorruptDataError
from btfdump.graph.events import Close, Group, Number, Open, Seen
from btfdump.graph.window import Window
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
        is_live = self.context.target.is_live
        window: Window[Value | ValueEntry] = Window(
            value.entries_(expansion),
            self.limits.elements,
            value.links_(expansion) if is_live else None,
        )
        yield Open(Group.CONTAINER, field, value, expansion, window.count, expansion.provenance)
        for problem in value.facts_.problems if value.facts_ is not None else ():
            yield Note(problem, value.address_)
        for item in window:
            if isinstance(item, Anomaly):
                yield Note(item.message, item.address)
            else:
                yield self.item(item, window.shown - 1, place)
        yield Close(window.shown, window.total)

    def item(self, item: Value | ValueEntry, position: int, place: Place) -> Iterator[Step]:
        """Show an entry of a container, labelled by its key or else by its position."""
        if isinstance(item, ValueEntry):
            return iter([Number(item, label_of(item.key, position))])
        return self.entry(item, label_of(item.key_, position), place)

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
