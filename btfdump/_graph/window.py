"""The counting window: the first entries of a container are shown, the rest are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from btfdump._walk import Anomaly

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_AHEAD = 64
"""The most entries read before a container's heading, which gives their number."""
MAX_BEYOND = 10_000
"""The most entries counted beyond the last one shown, for messages such as "64 of 70"."""

Found = TypeVar("Found")


class CountingWindow(Generic[Found]):
    """The entries of a container to show, at most `limit`, and how many there are.

    `items` yields the entries, and anomalies among them. `links` is given for memory that may
    change: it walks the same entries along their links alone. Then these are counted, and an entry
    is read only when it is about to be shown.

    `count` is the number of entries as far as it is known before the first one is shown. After the
    window has been iterated to its end, `shown` of `total` entries have been yielded. `count` and
    `total` are None if there are more entries than were counted.
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
        """Yield the entries to show, and all anomalies, including those beyond these entries."""
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
        if self._walk.is_ended:  # entries may have come or gone since they were counted
            self.total = self.shown
            return
        self._links.skip_to(self._limit + MAX_BEYOND)
        counted = self._links.total
        self.total = max(counted, self._walk.found) if counted is not None else None


class _Counted(Generic[Found]):
    """A walk along a container that counts the entries yielded so far."""

    def __init__(self, items: Iterator[Found | Anomaly]) -> None:
        self.found = 0
        self.is_ended = False
        self._items = items

    @property
    def total(self) -> int | None:
        """The number of entries, or None until the walk has ended."""
        return self.found if self.is_ended else None

    def up_to(self, most: int) -> Iterator[Found | Anomaly]:
        """Continue until `most` entries have been found altogether, or to the end."""
        while self.found < most and not self.is_ended:
            item = next(self._items, None)
            if item is None:
                self.is_ended = True
                return
            self.found += not isinstance(item, Anomaly)
            yield item

    def anomalies_to(self, most: int) -> Iterator[Anomaly]:
        """Continue as `up_to()` does, but yield only anomalies."""
        return (item for item in self.up_to(most) if isinstance(item, Anomaly))

    def skip_to(self, most: int) -> None:
        """Continue as `up_to()` does, but only count."""
        for _ in self.up_to(most):
            pass
