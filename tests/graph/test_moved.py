"""Objects of a kernel that goes on running: what moved on is said, what is shown was real."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._graph.events import Close, Enter, GroupKind, Open
from btfdump._graph.limits import Limits
from btfdump._graph.readers import Reader
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._kernel.pointers import MOVED
from btfdump._render import Root, get
from tests.support.running import live
from tests.support.synthetic import World


def when_read(kernel, address, act):
    """Call `act` once, after memory at `address` has been read."""
    plain_read = kernel.target.read
    pending = [act]

    def read(start, size):
        data = plain_read(start, size)
        if start <= address < start + size and pending:
            pending.pop()()
        return data

    kernel.target.read = read


def reads_of(kernel):
    """Keep a list of what is read from now on."""
    plain_read, reads = kernel.target.read, []

    def read(start, size):
        reads.append((start, size))
        return plain_read(start, size)

    kernel.target.read = read
    return reads


@pytest.fixture(params=["little", "big"])
def pointers(request):
    world = World(request.param)
    world.struct("thing", [("id", "u64")])
    world.struct(
        "owner", [("p", "struct thing *"), ("q", "struct thing *"), ("many", "struct thing *[3]")]
    )
    things = [world.new("thing", id=at) for at in range(5)]
    owner = world.new("owner", p=things[0], q=things[1])
    at = owner + 2 * 8
    for slot, thing in enumerate(things[2:]):
        world.write(at + 8 * slot, world.pack(thing))
    return world, owner, things


def shown(events):
    """Return the ids of the things shown, and the notes."""
    events = list(events)
    ids = [
        event.fields[0].value
        for event in events
        if isinstance(event, Enter) and event.value.type_.name == "thing" and event.fields
    ]
    return ids, [event.text for event in events if isinstance(event, Note)]


def test_a_pointer_that_has_moved_is_not_followed(pointers):
    world, owner, things = pointers
    kernel = live(world)
    value = kernel.value("struct owner", owner)
    # While the first thing is read, the pointer to it changes: it may have been freed.
    when_read(kernel, things[0], lambda: kernel.target.write(owner, world.pack(things[4])))
    ids, notes = shown(traverse(value, Limits(depth=1), zero=True))
    assert ids == [1, 2, 3, 4]
    assert notes == [MOVED]


def test_a_pointer_in_an_array_that_has_moved(pointers):
    world, owner, things = pointers
    kernel = live(world)
    slot = owner + 2 * 8 + 8
    value = kernel.value("struct owner", owner)
    when_read(kernel, things[3], lambda: kernel.target.unmap(slot, 8))
    ids, notes = shown(traverse(value, Limits(depth=1), zero=True))
    assert ids == [0, 1, 2, 4]
    assert notes == [f"[1] {MOVED}"]


def test_a_pointer_further_up_that_has_moved(pointers):
    """What a stale object points to is stale, though it still points there."""
    world, owner, things = pointers
    world.struct("top", [("owner", "struct owner *")])
    top = world.new("top", owner=owner)
    kernel = live(world)
    value = kernel.value("struct top", top)
    when_read(kernel, things[0], lambda: kernel.target.write(top, world.pack(0)))
    ids, notes = shown(traverse(value, Limits(depth=2), zero=True))
    assert ids == []
    assert notes == [MOVED, MOVED, *(f"[{index}] {MOVED}" for index in range(3))]


def test_a_dump_is_not_read_again(pointers):
    world, owner, _ = pointers
    kernel = world.kernel()
    reads = reads_of(kernel)
    ids, notes = shown(traverse(kernel.value("struct owner", owner), Limits(depth=1), zero=True))
    assert ids == [0, 1, 2, 3, 4]
    assert notes == []
    assert len(reads) == len(set(reads)) == 6


@pytest.fixture(params=["list_head", "hlist_head"])
def items(request):
    kind = request.param
    link = "list_head" if kind == "list_head" else "hlist_node"
    world = World()
    world.struct("item", [("id", "u64"), ("link", f"struct {link}")])
    world.struct("owner", [("items", f"struct {kind}")], {"items": "item:link"})
    owner = world.new("owner")
    made = [world.new("item", id=at) for at in range(100)]
    return world, kind, owner, made


def outline(kernel, owner, limits):
    value = kernel.value("struct owner", owner)
    root = Root(traverse(value, limits))
    return "".join(get("text")([root], kernel.options()))


@pytest.mark.parametrize("count", [0, 1, 5, 64, 65, 100])
@pytest.mark.parametrize("elements", [3, 64, 1000])
def test_what_does_not_change_is_shown_as_in_a_dump(items, count, elements):
    world, kind, owner, made = items
    world.link(kind, owner, [item + 8 for item in made[:count]])
    limits = Limits(elements=elements)
    kernel = world.kernel()
    dumped = outline(kernel, owner, limits)
    kernel.target.is_live = True
    assert outline(kernel, owner, limits) == dumped


def test_an_entry_that_goes_away_before_its_turn(items):
    world, kind, owner, made = items
    world.link(kind, owner, [item + 8 for item in made[:4]])
    kernel = live(world)

    def remove():
        # What the third entry leads to is as it was, but nothing leads to it.
        world.link(kind, owner, [item + 8 for item in (made[0], made[1], made[3])])
        world.target.write(made[2] + 16, world.pack(0xDEAD000000000122))

    events = []
    for event in traverse(kernel.value("struct owner", owner), Limits()):
        events.append(event)
        if isinstance(event, Enter) and event.value.address_ == made[1]:
            remove()  # the walk stands on the entry before
    ids = [e.value.address_ for e in events if isinstance(e, Enter)][1:]
    assert ids == [made[0], made[1], made[3]]
    opened = next(e for e in events if isinstance(e, Open) and e.kind is GroupKind.CONTAINER)
    assert opened.count == 4
    assert Close(3, 3) in events
    notes = [e.text for e in events if isinstance(e, Note)]
    assert notes == ["it was changing while it was read: walked 2 times"]


@pytest.mark.parametrize("is_live", [True, False])
def test_what_one_root_was_told_by_is_read_again_for_the_next(is_live):
    """Nothing that may change is kept from root to root; in a dump nothing can change."""
    world = World()
    world.struct("job", [("comm", "char[8]")])
    world.struct("holder", [("job", "struct job *")])
    job = world.new("job", comm=b"before")
    holder = world.new("holder", job=job)
    kernel = world.kernel([Overlay('[summary]\njob = ["comm"]\n', "overlay")])
    target: Any = kernel.target
    target.is_live = is_live
    limits = Limits()
    reader = Reader(kernel, limits)

    def told() -> str:
        events = traverse(kernel.value("struct holder", holder), limits, reader=reader)
        return "".join(get("text")([Root(events)], kernel.options()))

    assert '"before"' in told()
    world.target.write(job, b"after\0")
    assert ('"after"' in told()) is is_live


def test_a_pointer_that_was_computed_is_in_no_memory_that_could_change(pointers):
    world, _, things = pointers
    kernel = live(world)
    for text in (f"(struct thing *){things[3]:#x}", f"&*(struct thing *){things[3]:#x}"):
        ids, notes = shown(traverse(kernel.eval(text), Limits()))
        assert (ids, notes) == ([3], []), text
