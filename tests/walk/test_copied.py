"""Lists whose elements come from copies made in the kernel: the same entries, notes and checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btfdump._walk import Anomaly, Entry, Head
from btfdump._walk.copied import copied
from btfdump._walk.lists import walk_hlist_head, walk_list_head
from tests.support.synthetic import World

WALKS = {"list_head": walk_list_head, "hlist_head": walk_hlist_head}
KINDS = list(WALKS)
SIZE, LINK = 64, 16


class CopyingMemory:
    """A memory that follows chains as the BPF source does, and counts what is asked of it."""

    def __init__(self, memory, byteorder="little", room=1000):
        self.memory, self.byteorder, self.room = memory, byteorder, room
        self.reads, self.chains = [], []

    def read(self, address, size):
        self.reads.append((address, size))
        return self.memory.read(address, size)

    def copy_chain(self, holder, stop, size, *, link_offset=0, next_offset=0):
        self.chains.append(holder)
        found: list[tuple[int, bytes]] = []
        while len(found) < self.room:
            link = int.from_bytes(self.memory.read(holder + next_offset, 8), self.byteorder)
            if link == stop or not self.is_there(link - link_offset, size):
                break
            found.append((link, self.memory.read(link - link_offset, size)))
            holder = link
        return found

    def is_there(self, address, size):
        return address in self.memory._map._starts


class Lists:
    def __init__(self, kind, count, byteorder="little", room=1000):
        self.world = world = World(byteorder)
        world.struct("item", [("id", "u64"), ("x", "u64"), ("link", "u64[2]"), ("y", "u64[4]")])
        self.kind = kind
        self.address = world.new(kind)
        self.items = [world.new("item", id=at) for at in range(count)]
        world.link(kind, self.address, [item + LINK for item in self.items])
        kernel = world.kernel()
        self.memory = CopyingMemory(world.target, byteorder, room)
        self.platform = kernel.target.platform

    def head(self, memory=None):
        return Head(memory or self.memory, self.platform, self.address, LINK, SIZE)

    def copied(self):
        """Return the head that the walk of a list_head goes by."""
        return copied(self.head(), stop=self.address)

    def walk(self, memory=None):
        return WALKS[self.kind](self.head(memory))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (1000, 1), (1001, 2)])
def test_the_same_entries_without_a_read_for_each(kind, byteorder, count, calls):
    lists = Lists(kind, count, byteorder)
    entries = list(lists.walk())
    assert [(entry.address, entry.data) for entry in entries] == [
        (item, lists.world.target.read(item, SIZE)) for item in lists.items
    ]
    assert len(lists.memory.reads) == 1  # the head
    assert len(lists.memory.chains) == calls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("room", [1, 3])
def test_copies_are_made_in_pieces(kind, room):
    lists = Lists(kind, 10, room=room)
    assert [entry.address for entry in lists.walk()] == lists.items
    resumed = [item + LINK for item in lists.items[room - 1 : -1 : room]]
    assert lists.memory.chains == [lists.address, *resumed]


def corruptions(lists):
    items, world = lists.items, lists.world
    link = items[2] + LINK
    yield "poison", lambda: world.point(link, 0xDEAD_0000_0000_0100)
    yield "cycle", lambda: world.point(link, items[1] + LINK)
    yield "null", lambda: world.point(link, 0)
    yield "nowhere", lambda: world.point(link, 0x1000)
    yield "back", lambda: world.point(link + 8, items[0])
    yield "gone", lambda: world.target.unmap(items[3], SIZE)
    yield "self", lambda: world.point(link, link)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", range(7))
@pytest.mark.parametrize("room", [2, 1000])
def test_what_is_broken_is_noticed_as_ever(kind, which, room):
    lists = Lists(kind, 6, room=room)
    _, corrupt = list(corruptions(lists))[which]
    corrupt()
    found = list(lists.walk())
    assert found == list(lists.walk(lists.world.target))
    expects_note = not (kind == "hlist_head" and which == 2)  # its end
    assert any(isinstance(item, Anomaly) for item in found) == expects_note


@pytest.mark.parametrize("kind", KINDS)
def test_an_element_that_changes_between_two_pieces_is_noticed(kind):
    """The next element was replaced after the piece before it was copied."""
    lists = Lists(kind, 6, room=2)
    walk = lists.walk()
    assert [next(walk).address for _ in range(2)] == lists.items[:2]
    lists.world.point(lists.items[1] + LINK, lists.items[4] + LINK)
    lists.world.point(lists.items[2] + LINK + 8, 0xDEAD_0000_0000_0122)
    found = list(walk)
    assert any(isinstance(item, Anomaly) for item in found)


def test_an_element_read_again_is_read_anew():
    lists = Lists("list_head", 3)
    head = lists.copied()
    first, _ = head.read_node(lists.items[0] + LINK, 16)
    lists.world.set(lists.items[0], "item.id", 99)
    again, link = head.read_node(lists.items[0] + LINK, 16)
    assert first != again == lists.world.target.read(lists.items[0], SIZE)
    assert link == again[LINK : LINK + 16]
    assert lists.memory.reads == [(lists.items[0], SIZE)]


def test_every_walk_copies_anew():
    lists = Lists("list_head", 3)
    list(lists.walk())
    lists.world.set(lists.items[1], "item.id", 99)
    assert [entry.data for entry in lists.walk()][1] == lists.world.target.read(
        lists.items[1], SIZE
    )
    assert len(lists.memory.chains) == 2


def test_what_is_not_copied_is_read_as_the_head_would():
    class Other(Head):
        def read_node(self, link, size):
            return None, b"other"

    lists = Lists("list_head", 3, room=0)
    head = copied(Other(lists.memory, lists.platform, lists.address, LINK, SIZE), stop=0)
    for item in lists.items:
        assert head.read_node(item + LINK, 16) == (None, b"other")
    assert len(lists.memory.chains) == 1


def test_what_cannot_be_copied_is_read():
    lists = Lists("list_head", 1)
    unknown_size = replace(lists.head(), element_size=0)
    assert copied(unknown_size, stop=0) is unknown_size
    plain = lists.head(lists.world.target)
    assert copied(plain, stop=0) is plain


def test_entries_carry_the_copies():
    lists = Lists("hlist_head", 2)
    entries = list(lists.walk())
    assert all(isinstance(entry, Entry) and entry.data is not None for entry in entries)
