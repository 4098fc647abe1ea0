"""Chains of pointers from roots to an object, on memory that is a few words."""

from __future__ import annotations

import pytest

from btfdump._places import chains
from btfdump._places.chains import Chains, words_into
from btfdump._places.memory import Chunk
from btfdump._places.place import PAGE, SLAB, STACK, VARIABLE, Place

BASE = 0xFFFF_8880_0000_0000


class Memory:
    """Objects of 32 bytes, one after the other, each of a kind; `point(a, b)` stores a pointer."""

    def __init__(self, *kinds: str, stale: int = -1) -> None:
        self._kinds = kinds
        self._stale = stale
        self._data = bytearray(32 * len(kinds))
        self._used = [0] * len(kinds)
        self.passes = 0

    def address(self, number: int) -> int:
        return BASE + 32 * number

    def point(self, holder: int, target: int, inside: int = 0) -> None:
        at = 32 * holder + 8 * self._used[holder]
        self._used[holder] += 1
        self._data[at : at + 8] = (self.address(target) + inside).to_bytes(8, "little")

    def place(self, address: int) -> Place:
        number, offset = divmod(address - BASE, 32)
        stale = "freed" if number == self._stale else ""
        start = self.address(number)
        kind = self._kinds[number]
        return Place(
            kind, f"{kind} {number}", address, start, start + 32, f"+{offset}", stale=stale
        )

    def pieces(self) -> list[Chunk]:
        self.passes += 1
        return [Chunk(BASE, bytes(self._data))]

    def chains(self) -> Chains:
        return Chains(self.place, self.pieces, 8, "little")

    def to(self, number: int) -> list[list[int]]:
        """Return the numbers of the objects in each chain to one."""
        found = self.chains().to(self.address(number), self.address(number) + 32)
        return [[(link.holder.start - BASE) // 32 for link in chain] for chain in found]


def test_the_shortest_come_first() -> None:
    memory = Memory(SLAB, VARIABLE, SLAB, SLAB, VARIABLE, STACK)
    memory.point(1, 3)
    memory.point(3, 2)
    memory.point(2, 0, inside=16)
    memory.point(4, 0)
    memory.point(5, 2)
    assert memory.to(0) == [[4], [5, 2], [1, 3, 2]]


def test_what_leads_nowhere_or_counts_no_more_is_in_none() -> None:
    memory = Memory(SLAB, SLAB, PAGE, VARIABLE, SLAB, stale=4)
    memory.point(1, 0)  # nothing points there
    memory.point(2, 0)  # a page of which nothing is known
    memory.point(4, 0)
    memory.point(3, 4)
    assert memory.to(0) == []


def test_circles_end() -> None:
    memory = Memory(SLAB, SLAB, SLAB)
    for number in range(3):
        memory.point(number, (number + 1) % 3)
        memory.point(number, number)
    assert memory.to(0) == []
    assert memory.passes <= 4


def test_bounds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(*[SLAB] * 20)
    for number in range(19):
        memory.point(number + 1, number)
    found = memory.chains()
    assert list(found.to(BASE, BASE + 32)) == []
    assert memory.passes == chains.MAX_STEPS
    assert found.unfollowed == 1
    monkeypatch.setattr(chains, "MAX_OBJECTS", 2)
    wide = Memory(*[SLAB] * 6)
    for number in range(1, 6):
        wide.point(number, 0)
    found = wide.chains()
    assert list(found.to(BASE, BASE + 32)) == []
    assert found.unfollowed == 3


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("size", [4, 8])
def test_words_into(byteorder, size) -> None:
    values = [0, 99, 100, 109, 110, 200, 204, 205, 300]
    data = b"".join(value.to_bytes(size, byteorder) for value in values) + b"\1\2"
    found = words_into([Chunk(0x1000, data)], [(100, 110), (200, 205)], size, byteorder)
    assert [(one.at, one.value) for one in found] == [
        (0x1000 + size * values.index(value), value) for value in (100, 109, 200, 204)
    ]
