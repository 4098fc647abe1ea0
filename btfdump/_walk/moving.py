"""Walks over memory that changes meanwhile: the same walkers, led so that nothing wrong is shown.

A reader in the kernel is protected by RCU; this one is not. So an entry counts only if it was in
the container while it was read, and a broken invariant only if a second look finds it again:

* Where links lead back (`node->prev`, `node->pprev`, a tree's parent), the link is read once more
  after the element: it must be the same, and the walker checks it. An entry that was taken out
  fails that check, whatever its memory has become.
* Where they do not, the entries met are read, and count if a second walk meets them again.
* An anomaly that the next walk over the container does not meet was a change and no damage: the
  walk begins again from the head. What was yielded already is not yielded again.

What no reader from outside can detect is memory that was freed and used again for the same purpose,
at the same place in the same container, while it was read: RCU makes that take milliseconds, and a
read takes microseconds. On memory that does not change none of this is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from btfdump._targets.memory import read_many
from btfdump._walk.entries import Anomaly, Entry, Head

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from btfdump._walk.entries import Item, Walk

MAX_WALKS = 100
"""Walks over one container, because it is changing."""
MAX_IDLE = 8
"""Of these, walks in a row that find nothing new."""
_BATCH, _MAX_BATCH = 64, 4096
_LOOK = 100_000
"""Items of a walk that only asks what is there."""
_SLACK = 1000
_READS = 3


@dataclass(frozen=True, slots=True)
class _MovingHead(Head):
    """A head whose entries are read so that what is read belongs together.

    Of entries in `known`, links alone are read.
    """

    known: set[int] = field(default_factory=set)

    def read_node(self, link: int, size: int) -> tuple[bytes | None, bytes]:
        """Read the element around `link`, and the link again: it must not have changed.

        After a few tries the last reading stands, for the walker to judge.
        """
        if self.element(link) in self.known:
            return None, self.memory.read(link, size)
        for _ in range(_READS):
            data, before = Head.read_node(self, link, size)
            if data is None:
                return None, before
            after = self.memory.read(link, size)
            if after == before:
                break
        return data, after


class MovingWalk:
    """One walk over a container in live memory: `walk` is its walker, `head` its head.

    `has_back` says that links lead back. `by_key` says that the same object may be there several
    times, under different keys.
    """

    def __init__(self, walk: Walk, head: Head, *, has_back: bool, by_key: bool) -> None:
        self._walk = walk
        self._known: set[int] = set()
        self._head = _MovingHead(
            head.memory,
            head.platform,
            head.address,
            head.link_offset,
            head.element_size,
            kernel=head.kernel,
            is_live=True,
            known=self._known,
        )
        self._has_back = has_back
        self._by_key = by_key
        self._given: set[Hashable] = set()
        self._believed: set[Anomaly] = set()
        self._told: set[Anomaly] = set()
        self._doubt: Anomaly | None = None
        self._walks = 1
        self._again = 0
        self._idle = 0
        self._gone = 0

    def items(self) -> Iterator[Item]:
        """Yield what is in the container, and at the end a note if it was changing."""
        yield from self._checked() if self._has_back else self._confirmed()
        if self._doubt is not None:
            text = f"it was changing while it was read: given up after {self._walks} walks"
            yield Anomaly(f"{text}; entries may be missing", self._head.address, True, True)
        elif self._again or self._gone:
            what = [f"walked {self._again + 1} times"] if self._again else []
            if self._gone:
                what.append(f"{self._gone} {'entries' if self._gone > 1 else 'entry'} went away")
            text = f"it was changing while it was read: {', '.join(what)}"
            yield Anomaly(text, self._head.address, is_change=True)

    def _checked(self) -> Iterator[Item]:
        """Yield entries as they are met: each is checked by its own link."""
        while True:
            before = len(self._given)
            for item in self._fresh():
                self._give(item)
                yield item
            if self._doubt is None or not self._goes_on(len(self._given) > before):
                return

    def _confirmed(self) -> Iterator[Item]:
        """Yield entries that two walks have met, one before and one after they were read."""
        size = _BATCH
        while True:
            walk = self._fresh()
            batch = self._read(list(islice(walk, size)))
            is_whole = len(batch) < size
            found = self._present()
            before = len(self._given)
            for item in batch:
                if isinstance(item, Anomaly) or self._identity(item) in found:
                    self._give(item)
                    yield item
                else:
                    self._gone += 1
            if is_whole and self._doubt is None and found <= self._given:
                return
            advanced = len(self._given) > before
            if is_whole or not advanced:
                self._doubt = self._doubt or Anomaly("entries come and go", self._head.address)
                if not self._goes_on(advanced):
                    return
            size = min(2 * size, _MAX_BATCH)

    def _fresh(self) -> Iterator[Item]:
        """Walk from the head, and yield what was not given yet, up to a doubtful anomaly."""
        self._doubt = None
        passed = 0
        for item in self._walk(self._head):
            if isinstance(item, Anomaly):
                if item not in self._believed:
                    self._doubt = item
                    return
                if item not in self._told:
                    yield item
            elif self._identity(item) not in self._given:
                yield item
            else:
                passed += 1
                if passed > 2 * len(self._given) + _SLACK:  # they come round as fast as we go
                    self._doubt = Anomaly("entries come back", self._head.address)
                    return

    def _goes_on(self, advanced: bool) -> bool:
        """Look whether a doubtful anomaly is still there; whether to walk again."""
        self._walks += 1
        anomalies = {item for item in self._quickly() if isinstance(item, Anomaly)}
        if self._doubt in anomalies:
            self._believed |= anomalies
            return self._walks < MAX_WALKS
        self._again += 1
        self._idle = 0 if advanced else self._idle + 1
        return self._walks < MAX_WALKS and self._idle < MAX_IDLE

    def _present(self) -> set[Hashable]:
        """Return what is in the container now."""
        return {self._identity(item) for item in self._quickly() if not isinstance(item, Anomaly)}

    def _quickly(self) -> Iterator[Item]:
        """Walk along the links alone, up to a bound."""
        return islice(self._walk(replace(self._head, element_size=0)), _LOOK + 2 * len(self._given))

    def _read(self, items: list[Item]) -> list[Item]:
        """Give entries the bytes of their elements, unless they have them or cannot be read."""
        size = self._head.element_size
        bare = {
            at: item
            for at, item in enumerate(items)
            if size and isinstance(item, Entry) and item.data is None
        }
        found = read_many(self._head.memory, [(item.address, size) for item in bare.values()])
        for (at, item), data in zip(bare.items(), found, strict=True):
            if data is not None:
                items[at] = item._replace(data=data)
        return items

    def _give(self, item: Item) -> None:
        if isinstance(item, Anomaly):
            self._told.add(item)
            return
        self._given.add(self._identity(item))
        if isinstance(item, Entry):
            self._known.add(item.address)

    def _identity(self, item: Item) -> Hashable:
        if not isinstance(item, Entry):
            return item
        return (item.address, item.key) if self._by_key else item.address
