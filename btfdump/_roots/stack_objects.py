"""What the words of a stack's frames point to: slab objects, variables, and the tasks on stacks."""

from __future__ import annotations

from itertools import zip_longest
from struct import unpack
from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._graph.summaries import Summaries, in_words
from btfdump._places.place import PER_CPU, SLAB, VARIABLE, Places
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._places.place import Place
    from btfdump._system.backtrace import Backtrace

_LIMIT = 256
_MOST_BYTES = 1 << 16
"""Bytes of a frame that are looked at: more than any frame has."""
_KINDS = (SLAB, VARIABLE, PER_CPU)


class StackObjects:
    """Finds the objects of one kernel that frames point to, other than the task itself."""

    def __init__(self, kernel: Context, tasks: Callable[[], Iterable[Value]]) -> None:
        self._kernel = kernel
        self._places = Places(kernel, tasks)
        self._summaries = Summaries(kernel, _LIMIT)
        self._known: dict[int, Place] = {}

    def of(self, trace: Backtrace) -> list[list[dict[str, str]]]:
        """Return for each frame what its words point to, each object once.

        `at` is the word's address, `value` the word, `object` what that points to.
        """
        starts = [frame.position if not frame.is_user else None for frame in trace.frames]
        own = trace.task.address_
        return [self._between(start, end, own) for start, end in zip_longest(starts, starts[1:])]

    def _between(self, start: int | None, end: int | None, own: int) -> list[dict[str, str]]:
        if start is None or end is None or not 0 < end - start <= _MOST_BYTES:
            return []
        kernel = self._kernel
        width = kernel.layouts.pointer_size
        count = (end - start) // width
        try:
            data = kernel.target.read(start, count * width)
        except BtfdumpError:
            return []
        mark = "<" if kernel.target.platform.byteorder == "little" else ">"
        words = unpack(f"{mark}{count}{'Q' if width == 8 else 'I'}", data)
        found: list[dict[str, str]] = []
        given: set[int] = set()
        for number, word in enumerate(words):
            if word < 1 << 12:  # no pointer
                continue
            place = self._place(word)
            is_told = place.kind in _KINDS and _is_struct(place.value) and place.start != own
            if not is_told or place.start in given:
                continue
            given.add(place.start)
            at, value = f"{start + number * width:#x}", f"{word:#x}"
            found.append({"at": at, "value": value, "object": self._told(place)})
        return found

    def _place(self, word: int) -> Place:
        if word not in self._known or self._kernel.target.is_live:
            self._known[word] = self._places.of(word)
        return self._known[word]

    def _told(self, place: Place) -> str:
        assert place.value is not None
        words = in_words(self._summaries.of(place.value)) if place.is_sure else ""
        holder = f"{place.holder} {words}" if words else place.holder
        is_start = place.address == place.start
        told = holder if is_start else place._replace(holder=holder).told
        return f"{told} ({place.stale})" if place.stale else told


def _is_struct(value: Value | None) -> bool:
    """Whether an object is a struct, or an array of some: numbers alone say nothing here."""
    layout = value._layout_ if value is not None else None
    while isinstance(layout, ArrayLayout):
        layout = layout.element
    return isinstance(layout, StructLayout)
