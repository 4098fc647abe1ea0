"""Chains of pointers that lead from a root, a task or a variable, to an object: the shortest ones.

From the object upwards: who points to it, who points to those, until what is found is no part of
another object. Each step is one pass over all memory, for all objects of that step together.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.layout import StructLayout
from btfdump._places.place import MODULE, PER_CPU, SLAB, STACK, VARIABLE, VMALLOC
from btfdump._places.pointers import Pointer
from btfdump._places.stale import stale_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfdump._places.memory import Chunk
    from btfdump._places.place import Place
    from btfdump._targets.memory import ByteOrder

MAX_STEPS = 8
"""Pointers in a chain: who wants to know what holds an object is not helped by longer ones."""
MAX_OBJECTS = 4096
"""Objects of one step whose holders are looked for."""
_ROOTS = frozenset((VARIABLE, PER_CPU, MODULE, STACK))
_BETWEEN = frozenset((SLAB, VMALLOC))
_WORDS = {4: "I", 8: "Q"}


class Link(NamedTuple):
    """A pointer at `pointer.at`, in what `holder` is, that leads into the next link's holder."""

    holder: Place
    pointer: Pointer


class Chains:
    """Finds chains to one object. `unfollowed` counts objects that were not gone on from."""

    def __init__(
        self,
        places: Callable[[int], Place],
        pieces: Callable[[], Iterable[Chunk]],
        size: int,
        byteorder: ByteOrder,
    ) -> None:
        self._place = places
        self._pieces = pieces
        self._size = size
        self._byteorder = byteorder
        self.unfollowed = 0

    def to(self, start: int, end: int) -> Iterator[list[Link]]:
        """Yield chains to the object at [start, end), the shortest first, each from its root on.

        Each object is gone on from once: of several ways to it, only the shortest is yielded. Those
        nearer to the end are in many chains. Raises what reading memory does.
        """
        below: dict[int, list[Link]] = {start: []}
        step = {start: end}
        for _ in range(MAX_STEPS):
            above: dict[int, int] = {}
            spans = sorted(step.items())
            starts = [first for first, _ in spans]
            for pointer in words_into(self._pieces(), spans, self._size, self._byteorder):
                target = starts[bisect_right(starts, pointer.value) - 1]
                holder = self._place(pointer.at)
                if holder.start in below or not self._counts(holder):
                    continue
                chain = [Link(holder, pointer), *below[target]]
                if holder.kind in _ROOTS or _is_task(holder):
                    below[holder.start] = chain
                    yield chain
                elif len(above) < MAX_OBJECTS:
                    below[holder.start] = chain
                    above[holder.start] = holder.end
                else:
                    self.unfollowed += 1
            step = above
            if not step:
                return
        self.unfollowed += len(step)

    @staticmethod
    def _counts(holder: Place) -> bool:
        if holder.stale or holder.kind not in _ROOTS | _BETWEEN:
            return False
        if holder.value is None or holder.kind == STACK:
            return True
        return not stale_member(holder.value, holder.path)


def _is_task(holder: Place) -> bool:
    layout = holder.value._layout_ if holder.value is not None and holder.is_sure else None
    return isinstance(layout, StructLayout) and layout.base.name == "task_struct"


def words_into(
    pieces: Iterable[Chunk], spans: Sequence[tuple[int, int]], size: int, byteorder: ByteOrder
) -> Iterator[Pointer]:
    """Yield each aligned word of `size` bytes whose value lies in one of `spans`, by address.

    `spans` are [start, end), in ascending order, and none reaches into the next.
    """
    starts = [start for start, _ in spans]
    ends = [end for _, end in spans]
    low, high = starts[0], max(ends)
    for piece in pieces:
        words = array(_WORDS[size], piece.data[: len(piece.data) // size * size])
        if byteorder != _OWN:
            words.byteswap()
        for number, value in enumerate(words):
            if low <= value < high and value < ends[bisect_right(starts, value) - 1]:
                yield Pointer(piece.address + number * size, value)


_OWN: ByteOrder = "little" if array("H", [1]).tobytes()[0] else "big"
