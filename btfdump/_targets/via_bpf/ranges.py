"""Ranges: a set of addresses, as sorted and disjoint intervals."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Ranges:
    """Half-open intervals [start, end) of addresses; those that touch or overlap are merged."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(ranges):
            if start >= end:
                continue
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __or__(self, other: Ranges) -> Ranges:
        return Ranges(chain(self, other))

    def __contains__(self, address: int) -> bool:
        return self.end_of(address) > address

    def covers(self, address: int, size: int) -> bool:
        """Whether `size` bytes (at least one) from `address` on are inside one interval."""
        at = bisect_right(self._starts, address)
        return at > 0 and address + size <= self._ends[at - 1]

    def end_of(self, address: int) -> int:
        """Return where the interval around `address` ends, or `address` if it is in none."""
        at = bisect_right(self._starts, address) - 1
        return max(address, self._ends[at]) if at >= 0 else address
