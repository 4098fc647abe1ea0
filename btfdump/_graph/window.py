"""The counting window: the first entries of a container are shown, the others are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from btfdump._walk import Anomaly

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_AHEAD = 64
"""Entries read before a container's heading, which tells their number."""
MAX_BEYOND = 10_000
"""Entries beyond the last one shown that are still counted, so that "64 of 70" can be said."""

Found = TypeVar("Found")


class Window(Generic[Found]):
    """The entries that are shown of a container, at most `limit`, and how many there are.

    `items` are the entries, and what is wrong among them. `links` is given for memory that may
    change: the same entries, walked along their links alone. Then these are counted, and an entry
    is read only when its turn to be shown has come.

    `count` is how many there are, as far as that is known before the first one is shown. When all
    that the window gives has been taken, `shown` of `total` entries have been. Both are None where
    there are more than were counted.
    """

    def __init__(
        self,
        items: Iterator[Found | Anomaly],
        limit: int,
        links: Iterator[object] | None = None,
    ) -> None:
        self.shown = 0
        self.total: int | None = None
        self._limit = limit
        self._walk = _Counted(items)
        self._links = _Counted(links) if links is not None else None
        self._ahead: list[Found | Anomaly] = []
        most = limit + MAX_BEYOND if limit <= MAX_AHEAD else MAX_AHEAD
        if self._links is not None:
            self._links.skip_to(most)
            self.count = self._links.total
        else:
            self._ahead += self._walk.up_to(min(limit, MAX_AHEAD))
            self._ahead += self._walk.anomalies_to(most)
            self.count = self._walk.total

    def __iter__(self) -> Iterator[Found | Anomaly]:
        """Yield the entries to be shown, and all that is wrong: beyond them as well."""
        for item in self._ahead:
            self.shown += not isinstance(item, Anomaly)
            yield item
        for item in self._walk.up_to(self._limit):
            self.shown += not isinstance(item, Anomaly)
            yield item
        if self._links is None:
            yield from self._walk.anomalies_to(self._limit + MAX_BEYOND)
            self.total = self._walk.total
            return
        yield from self._walk.anomalies_to(self._limit + 1)
        if self._walk.is_ended:  # since they were counted, some may have come or gone
            self.total = self.shown
            return
        self._links.skip_to(self._limit + MAX_BEYOND)
        counted = self._links.total
        self.total = max(counted, self._walk.found) if counted is not None else None


class _Counted(Generic[Found]):
    """A walk along a container, and how many entries it has given."""

    def __init__(self, items: Iterator[Found | Anomaly]) -> None:
        self.found = 0
        self.is_ended = False
        self._items = items

    @property
    def total(self) -> int | None:
        """The number of entries, None before the walk has come to its end."""
        return self.found if self.is_ended else None

    def up_to(self, most: int) -> Iterator[Found | Anomaly]:
        """Go on until `most` entries have been found in all, or to the end."""
        while self.found < most and not self.is_ended:
            item = next(self._items, None)
            if item is None:
                self.is_ended = True
                return
            self.found += not isinstance(item, Anomaly)
            yield item

    def anomalies_to(self, most: int) -> Iterator[Anomaly]:
        """Go on as `up_to()` does, and yield only what is wrong."""
        return (item for item in self.up_to(most) if isinstance(item, Anomaly))

    def skip_to(self, most: int) -> None:
        """Go on as `up_to()` does, for the number alone."""
        for _ in self.up_to(most):
            pass
