"""Containers that change between two reads: nothing wrong is shown, nothing twice, and it ends."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._targets.memory import UNMAPPED, Platform
from btfdump._walk import Anomaly, Entry, Head, Walker, walker_of
from btfdump._walk.moving import MAX_WALKS
from btfdump.errors import FaultError

HEAD = 0x1000
BASE = 0x10000
SIZE, LINK = 64, 16
POISON = 0xDEAD000000000122
MAGIC = 0x6B6C6E6C
QUARANTINE = {"list_head": 4, "hlist_head": 4, "llist_head": 80, "moving_array": 80}
"""Changes that go by before the memory of an element is used again, as RCU sees to.

Without links back, memory that is used again between two walks cannot be told from the same entry.
"""


def walk_moving_array(head):
    """Walk an array of 16 pointers, for this test: entries are pointers to the objects."""
    for slot, pointer in enumerate(head.pointers(head.read_head(128), 0, 16)):
        if pointer:
            yield Entry(pointer, None, slot)


@dataclass
class Model:
    """Elements on a container of one kind, in memory that changes as it is read.

    An element holds its incarnation before and behind its link. `script` has the changes to come.
    """

    kind: str
    script: list[tuple[int, int, int]] = field(default_factory=list)
    memory: dict[int, bytearray] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    free: list[tuple[int, int]] = field(default_factory=list)
    incarnation: int = 0
    changes: int = 0
    reads: int = 0
    real: set[tuple[int, int]] = field(default_factory=set)
    alive: dict[int, int] = field(default_factory=dict)

    def __post_init__(self):
        self.memory[HEAD] = bytearray(128)
        self.link_up()

    def add(self, where: int) -> None:
        if self.free and self.changes - self.free[0][1] >= QUARANTINE[self.kind]:
            address = self.free.pop(0)[0]
        else:
            address = BASE + SIZE * (len(self.memory) - 1)
        if self.kind == "moving_array" and len(self.order) == 16:
            return
        self.incarnation += 1
        self.memory[address] = bytearray(
            struct.pack("<QQ16xQQ16x", MAGIC, self.incarnation, MAGIC, self.incarnation)
        )
        self.order.insert(where % (len(self.order) + 1), address)
        self.real.add((address, self.incarnation))
        self.alive[address] = self.incarnation
        self.link_up()

    def remove(self, where: int) -> None:
        if not self.order:
            return
        address = self.order.pop(where % len(self.order))
        del self.alive[address]
        self.link_up()
        # As list_del() and a free that overwrites: of an RCU list only the way back is poisoned.
        (following,) = struct.unpack_from("<Q", self.memory[address], LINK)
        self.memory[address][:] = b"\xa5" * SIZE
        struct.pack_into("<QQ", self.memory[address], LINK, following, POISON)
        self.free.append((address, self.changes))

    def move(self, where: int) -> None:
        if self.order:
            self.order.append(self.order.pop(where % len(self.order)))
            self.link_up()

    def link_up(self) -> None:
        """Write all pointers: an element's link leads to that of the next, and back."""
        links = [address + LINK for address in self.order]
        if self.kind == "moving_array":
            data = struct.pack("<16Q", *(self.order + 16 * [0])[:16])
            self.memory[HEAD][:] = data
            return
        is_ring = self.kind == "list_head"
        ends = HEAD if is_ring else 0
        chain = [HEAD, *links, ends]
        for before, link, following in zip(chain, chain[1:], chain[2:], strict=False):
            struct.pack_into("<QQ", self.memory[link - LINK], LINK, following, before)
        struct.pack_into("<QQ", self.memory[HEAD], 0, chain[1], chain[-2])

    def change(self) -> None:
        if self.script:
            what, where, _ = self.script.pop()
            self.changes += 1
            (self.add, self.remove, self.move)[what](where)

    def read(self, address: int, size: int) -> bytes:
        """Read in two pieces; one change happens before the first, or between them."""
        self.reads += 1
        assert self.reads < 200_000, "it does not end"
        if self.script and self.script[-1][2] == 0:
            self.change()
        half = size // 2
        first = self.bytes_at(address, half)
        if self.script and self.script[-1][2] == 1:
            self.change()
        elif self.script:  # nothing happens during this read
            what, where, when = self.script.pop()
            self.script.append((what, where, when - 2))
        return first + self.bytes_at(address + half, size - half)

    def bytes_at(self, address: int, size: int) -> bytes:
        start = HEAD if address < BASE else address - (address - BASE) % SIZE
        data = self.memory.get(start)
        if data is None or not start <= address <= start + len(data) - size:
            raise FaultError(address, size, UNMAPPED)
        return bytes(data[address - start : address - start + size])

    def head(self, *, is_live: bool = True) -> Head:
        link = 0 if self.kind == "moving_array" else LINK
        return Head(self, Platform("little"), HEAD, link, SIZE, is_live=is_live)

    def items(self, **how):
        is_array = self.kind == "moving_array"
        walk = Walker(None, walk_moving_array, False) if is_array else walker_of(self.kind)
        assert walk is not None
        return walk.items(self.head(**how))


KINDS = ["list_head", "hlist_head", "llist_head", "moving_array"]


def incarnation_of(item: Entry) -> int:
    assert item.data is not None
    magic, first, other_magic, second = struct.unpack("<QQ16xQQ16x", item.data)
    assert magic == other_magic == MAGIC, "this was no element when it was read"
    assert first == second, "two elements' halves"
    return first


@settings(max_examples=400)
@given(
    kind=st.sampled_from(KINDS),
    count=st.integers(0, 12),
    script=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(0, 12)), max_size=60
    ),
)
def test_nothing_wrong_is_shown(kind, count, script):
    model = Model(kind)
    for _ in range(count):
        model.add(99)
    model.script = list(script)
    at_first = dict(model.alive)
    moved = {what for what, *_ in script} & {2}
    seen = set()
    given_up = False
    for item in model.items():
        if isinstance(item, Anomaly):
            assert item.is_change, item
            given_up |= item.ends
            continue
        assert (item.address, incarnation_of(item)) in model.real
        place = (item.address, item.key)
        assert place not in seen, "given twice"
        seen.add(place)
    steady = {a for a, incarnation in at_first.items() if model.alive.get(a) == incarnation}
    # A walk that stands on an entry which is moved to another place skips what lies between.
    if not given_up and not moved:
        assert steady <= {address for address, _ in seen}, "one that was there all the time is lost"


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_change_is_walked_as_ever(kind):
    model = Model(kind)
    for _ in range(10):
        model.add(99)
    still = list(model.items(is_live=False))
    reads = model.reads
    live = list(model.items())
    assert [(e.address, e.key) for e in live] == [(e.address, e.key) for e in still]
    assert sorted(map(incarnation_of, live)) == list(range(1, 11))
    assert model.reads - reads <= 3 * reads + 16


@pytest.mark.parametrize("kind", ["list_head", "hlist_head"])
def test_damage_is_told_as_in_a_dump(kind):
    """What a second look finds again is no change: the same items as on a dump, in order."""
    model = Model(kind)
    for _ in range(6):
        model.add(99)
    struct.pack_into("<Q", model.memory[model.order[2]], LINK + 8, 0x1234)
    struct.pack_into("<Q", model.memory[model.order[4]], LINK, 0)
    still = list(model.items(is_live=False))
    assert sum(isinstance(item, Anomaly) for item in still) >= 1
    assert list(model.items()) == still


def test_a_list_that_never_rests_is_given_up():
    """Entries come and go at every read: the end is a note, and what was given was real."""
    model = Model("list_head")
    for _ in range(20):
        model.add(0)

    def restless(address, size):
        model.script = [(model.reads % 2, model.reads * 7, 0)]
        return Model.read(model, address, size)

    model.read = restless  # type: ignore[method-assign]
    items = list(model.items())
    last = items[-1]
    assert isinstance(last, Anomaly)
    assert last.is_change
    assert "it was changing while it was read" in last.message
    for item in items:
        if isinstance(item, Entry):
            assert (item.address, incarnation_of(item)) in model.real
    assert model.reads < 100 * MAX_WALKS * 10


def test_a_list_that_turns_round_and_round_ends():
    """list_move_tail() as fast as we read: every entry once, then no more."""
    model = Model("list_head")
    for _ in range(20):
        model.add(0)

    def turning(address, size):
        model.script = [(2, 0, 0)]
        return Model.read(model, address, size)

    model.read = turning  # type: ignore[method-assign]
    found = [item.address for item in model.items() if isinstance(item, Entry)]
    assert len(found) == len(set(found)) <= 20


def test_a_list_that_grows_as_fast_as_it_is_read():
    model = Model("list_head")

    def growing(address, size):
        model.script = [(0, len(model.order), 0)]
        return Model.read(model, address, size)

    model.read = growing  # type: ignore[method-assign]
    found = [item.address for item in islice(model.items(), 500) if isinstance(item, Entry)]
    assert len(found) == len(set(found))


def test_the_note_says_what_was_noticed():
    model = Model("list_head")
    for _ in range(5):
        model.add(99)
    items = model.items()
    first = next(items)
    assert isinstance(first, Entry)
    model.remove(1)  # the next one, which the first one's bytes still lead to
    rest = list(items)
    assert [e.address for e in rest if isinstance(e, Entry)] == model.order[1:]
    assert rest[-1] == Anomaly(
        "it was changing while it was read: walked 2 times", HEAD, is_change=True
    )


def test_entries_of_a_dump_are_read_once():
    model = Model("list_head")
    for _ in range(10):
        model.add(99)
    list(model.items(is_live=False))
    assert model.reads == 11
