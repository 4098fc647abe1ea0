"""The entries of a container, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.entries import entry_of
from btfdump._graph.events import Close, GroupKind, Number, Open
from btfdump._graph.visits import notes_on
from btfdump._graph.window import MAX_BEYOND, CountingWindow
from btfdump._kernel.entries import linked
from btfdump._kernel.notes import Note
from btfdump._walk import RESERVED, Anomaly, ValueEntry
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._decode.fields import Field
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value
    from btfdump._walk import Key


def entries_of(state: State, field: Field | None, value: Value, position: Position) -> Stream:
    """Walk the container `value` and show its entries; `field` is None if it is the root."""
    try:
        expansion = value.expansion_()
    except CorruptDataError as error:
        yield notes_on(field, value, [str(error)])
        return
    state.links.add((expansion.element, expansion.link_offset))
    reserved = _Reserved()
    window: CountingWindow[Value | ValueEntry] = CountingWindow(
        reserved.aside(value.entries_(expansion)),
        state.limits.elements,
        _Reserved().aside(linked(value, expansion)) if state.context.target.is_live else None,
    )
    yield Open(GroupKind.CONTAINER, field, value, expansion, window.count, expansion.provenance)
    for problem in value.facts_.problems if value.facts_ is not None else ():
        yield Note(problem, value.address_)
    for item in window:
        if isinstance(item, Anomaly):
            yield Note(item.message, item.address)
        elif isinstance(item, ValueEntry):
            yield Number(item, label_of(item.key, window.shown - 1))
        else:
            yield entry_of(state, item, label_of(item.key_, window.shown - 1), position)
    for mark in reserved.found[: state.limits.elements]:
        yield Number(mark, label_of(mark.key, 0))
    left = len(reserved.found) - state.limits.elements
    if left > 0:
        yield Note(f"{left} more indexes are reserved and hold nothing", value.address_)
    yield Close(window.shown, window.total)


class _Reserved:
    """Marks at indexes that are taken and hold nothing: the kernel counts none of them."""

    def __init__(self) -> None:
        self.found: list[ValueEntry] = []

    def aside(
        self, items: Iterator[Value | ValueEntry | Anomaly]
    ) -> Iterator[Value | ValueEntry | Anomaly]:
        """Yield the items but for the marks, which are kept; end if there are far too many."""
        for item in items:
            if not isinstance(item, ValueEntry) or item.meaning != RESERVED:
                yield item
            elif len(self.found) < MAX_BEYOND:
                self.found.append(item)
            else:
                text = f"more than {MAX_BEYOND} indexes are reserved: the rest is not looked at"
                yield Anomaly(text, item.value, ends=True)
                return


def label_of(key: Key, position: int) -> str:
    """Return the label of an entry: `[position]`, or its key, as in `[7]` or `[0x1000-0x1fff]`."""
    if key is None:
        return f"[{position}]"
    if isinstance(key, tuple):
        return f"[{key[0]:#x}-{key[1]:#x}]"
    return f"[{key}]"
