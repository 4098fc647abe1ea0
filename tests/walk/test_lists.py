"""list_head and hlist_head, sound and broken, in either byte order and pointer size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._kernel.value import Value
from btfdump._walk import Anomaly
from btfdump._walk.lists import poison_name
from btfdump.errors import CorruptDataError
from tests.support.synthetic import CountingTarget, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._btf.wire import ByteOrder


PAGE = 4096
LINKS = {"list_head": "list_head", "hlist_head": "hlist_node"}


class Lists:
    """A head of `kind` in a struct holder, and items that it links."""

    def __init__(self, kind: str, byteorder: ByteOrder, pointer_size: int, count: int) -> None:
        self.kind = kind
        self.world = world = World(byteorder, pointer_size)
        link = LINKS[kind]
        world.struct("item", [("id", "int"), ("link", f"struct {link}"), ("tail", "char[40]")])
        world.struct("holder", [("pad", "u64"), ("head", f"struct {kind}")], {"head": "item:link"})
        self.holder = world.new("holder")
        self.head = self.holder + world.offset("holder.head")
        self.items = [world.new("item", id=i) for i in range(count)]
        self.links = [item + world.offset("item.link") for item in self.items]
        world.link(kind, self.head, self.links)
        self.kernel = world.kernel()

    @property
    def value(self) -> Value:
        return self.kernel.value("struct holder", self.holder).head

    def next(self, index: int, to: int) -> None:
        self.world.point(self.links[index], to)

    def back(self, index: int, to: int) -> None:
        self.world.point(self.links[index] + self.world.pointer_size, to)

    def refused(self, index: int, back: int, holder: int) -> Anomaly:
        """Return what is said of an item that is not taken for an entry."""
        link, name = self.links[index], "prev" if self.kind == "list_head" else "pprev"
        text = f"{name} of {link:#x} is {back:#x}, not {holder:#x}"
        return Anomaly(f"{text}: it does not lead back, and is not taken for an entry", link, True)

    def copied_head(self) -> Value:
        """Return a head that was made as `*copy = *holder` makes it."""
        address = self.kernel.value("struct holder", self.holder).address_
        data = self.world.target.read(address, self.world.sizeof("struct holder"))
        copy = self.holder + 0x100000
        self.world.write(copy, data)
        return self.kernel.value("struct holder", copy).head

    def other_list(self, count: int) -> int:
        """Return the address of the first link of another list."""
        holder = self.holder + 0x200000
        size = self.world.sizeof("struct item")
        self.world.write(holder, bytes(0x1000 + size * count))
        links = [
            holder + 0x1000 + size * at + self.world.offset("item.link") for at in range(count)
        ]
        self.world.link(self.kind, holder + self.world.offset("holder.head"), links)
        return links[0]

    def walk(self) -> tuple[list[int], list[Anomaly]]:
        """Return the ids of the entries and what is wrong, after checking that walk_() agrees."""
        found, wrong = [], []
        for item in self.value.entries_():
            if isinstance(item, Anomaly):
                wrong.append(item)
            else:
                assert isinstance(item, Value)
                found.append(self.items.index(item.address_))
        plain = []
        walk = self.value.walk_()
        trouble = None
        while True:
            try:
                plain.append(self.items.index(next(walk).address_))
            except StopIteration:
                break
            except CorruptDataError as error:
                trouble = error
                break
        assert plain == found
        ends = [item for item in wrong if item.ends]
        assert len(ends) <= 1
        assert (trouble is not None) == bool(ends)
        if trouble is not None:
            assert (str(trouble), trouble.address) == (ends[0].message, ends[0].address)
        return found, wrong


@pytest.fixture(params=["list_head", "hlist_head"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[("little", 8), ("big", 8), ("little", 4), ("big", 4)], ids=str)
def platform(request: pytest.FixtureRequest) -> tuple[ByteOrder, int]:
    return request.param


@pytest.fixture
def make(kind, platform):
    byteorder, pointer_size = platform
    return lambda count: Lists(kind, byteorder, pointer_size, count)


@pytest.fixture
def make_list(platform):
    byteorder, pointer_size = platform
    return lambda count: Lists("list_head", byteorder, pointer_size, count)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_sound(make, count):
    lists = make(count)
    assert lists.walk() == (list(range(count)), [])
    assert [int(item.id) for item in lists.value.walk_()] == list(range(count))


def test_entries_come_with_their_bytes(make):
    lists = make(5)
    lists.kernel.target = target = CountingTarget(lists.kernel.target)
    items = list(lists.value.walk_())
    before = len(target.reads)
    assert before == 6  # the head, and each element once
    assert [int(item.id) for item in items] == [0, 1, 2, 3, 4]
    assert len(target.reads) == before


def test_loop_to_itself(make):
    lists = make(4)
    lists.next(1, lists.links[1])
    found, wrong = lists.walk()
    assert found[:2] == [0, 1]
    assert wrong[0].message == f"cycle: {lists.links[1]:#x} leads back to {lists.links[1]:#x}"
    assert wrong[0].ends
    if lists.kind == "list_head":
        assert found == [0, 1, 2, 3]
        assert "the last 2 entries were found by walking back" in wrong[1].message


def test_loop_that_leaves_out_the_head(make):
    lists = make(4)
    lists.next(3, lists.links[0])
    found, wrong = lists.walk()
    assert found == [0, 1, 2, 3]
    assert [(w.address, w.ends) for w in wrong] == [(lists.links[0], True)]
    assert "cycle" in wrong[0].message


def test_loop_with_agreeing_back_pointers_beyond_an_odd_entry(make):
    """What comes after the break may be another list, and the first of it that list's head."""
    lists = make(6)
    lists.next(5, lists.links[2])
    lists.back(2, lists.links[5])
    found, wrong = lists.walk()
    if lists.kind == "list_head":
        assert (found, wrong) == ([0, 1], [lists.refused(2, lists.links[5], lists.links[1])])
    else:
        assert found == [0, 1, 2, 3, 4, 5]
        assert [w.ends for w in wrong] == [False, True]


def test_loop_back_to_the_head_of_an_hlist():
    """The head is no entry, though its first word looks like the link of one."""
    lists = Lists("hlist_head", "little", 8, 3)
    lists.next(2, lists.head)
    found, wrong = lists.walk()
    assert found == [0, 1, 2]
    assert [(w.message, w.ends) for w in wrong] == [
        (f"cycle: {lists.links[2]:#x} leads back to {lists.head:#x}", True)
    ]


def test_loop_back_to_the_middle(make):
    lists = make(5)
    lists.next(4, lists.links[2])
    found, wrong = lists.walk()
    assert found == [0, 1, 2, 3, 4]
    assert sum(w.ends for w in wrong) == 1
    assert "cycle" in wrong[0].message


@pytest.mark.parametrize("at", [0, 1, 3, 4])
def test_next_to_an_unmapped_page(make, at):
    lists = make(5)
    wild = 0xDEAD0000
    lists.next(at, wild)
    found, wrong = lists.walk()
    assert wrong[0].ends
    assert wrong[0].address == wild
    assert "unreadable: not mapped" in wrong[0].message
    expected = list(range(at + 1))
    if lists.kind == "list_head":
        expected = list(range(5))
    assert found == expected


def test_next_is_null(make):
    lists = make(4)
    lists.next(1, 0)
    found, wrong = lists.walk()
    if lists.kind == "hlist_head":  # that is how it ends
        assert (found, wrong) == ([0, 1], [])
        return
    assert found == [0, 1, 2, 3]
    assert wrong[0].ends
    assert f"next of {lists.links[1]:#x} is NULL" in wrong[0].message


@pytest.mark.parametrize(("low", "mark"), [(0x100, "LIST_POISON1"), (0x122, "LIST_POISON2")])
def test_poisoned(make, low, mark):
    lists = make(3)
    poison = low + (0xDEAD000000000000 if lists.world.pointer_size == 8 else 0)
    lists.next(1, poison)
    found, wrong = lists.walk()
    assert wrong[0].ends
    assert f"is {mark}: that entry was deleted" in wrong[0].message
    assert found == ([0, 1, 2] if lists.kind == "list_head" else [0, 1])


def test_poison_names():
    assert poison_name(0xDEAD000000000100) == "LIST_POISON1"
    assert poison_name(0x122) == "LIST_POISON2"
    assert poison_name(0) is None
    assert poison_name(0x101) is None


@pytest.mark.parametrize("at", [0, 2, 4])
def test_back_pointer_disagrees(make, at):
    """Forward links are whole: every entry is there once, and one note says what is wrong."""
    lists = make(5)
    lists.back(at, 0x1234)
    found, wrong = lists.walk()
    assert found == [0, 1, 2, 3, 4]
    word = "prev" if lists.kind == "list_head" else "pprev"
    holder = lists.links[at - 1] if at else lists.head
    assert [(w.address, w.ends, w.message) for w in wrong] == [
        (lists.links[at], False, f"{word} of {lists.links[at]:#x} is 0x1234, not {holder:#x}")
    ]


def test_back_pointer_of_the_only_one_disagrees(make):
    """A ring leads from it to the head; in a list that just ends nothing says it belongs there."""
    lists = make(1)
    lists.back(0, 0x1234)
    found, wrong = lists.walk()
    if lists.kind == "list_head":
        assert found == [0]
        assert [w.ends for w in wrong] == [False]
    else:
        assert (found, wrong) == ([], [lists.refused(0, 0x1234, lists.head)])


def test_every_back_pointer_is_wrong(make):
    lists = make(50)
    for at in range(50):
        lists.back(at, 0x1234)
    found, wrong = lists.walk()
    if lists.kind == "list_head":  # the links forward lead round to the head
        assert found == list(range(50))
        assert len(wrong) == 50
    else:
        assert found == []
        assert wrong == [lists.refused(0, 0x1234, lists.head)]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_head_that_was_copied(make, count):
    """As the children of an idle task are those of the task that it was made from: not its own."""
    lists = make(count)
    if count or lists.kind == "list_head":
        copy = lists.copied_head()
        (note,) = copy.entries_()
        assert isinstance(note, Anomaly)
        assert note.ends
        assert note.message.endswith("it does not lead back, and is not taken for an entry")
        with pytest.raises(CorruptDataError, match="does not lead back"):
            list(copy.walk_())


@pytest.mark.parametrize("count", [1, 3])
def test_a_copied_head_whose_list_breaks_off(make, count):
    """Where the way round cannot be walked to its end, the neighbours decide: it is another's."""
    lists = make(count)
    copy = lists.copied_head()
    lists.next(count - 1, 0xDEAD0000)
    notes = [item for item in copy.entries_() if isinstance(item, Anomaly)]
    assert list(copy.entries_()) == notes
    assert "is not taken for an entry" in notes[0].message


def test_a_back_pointer_disagrees_before_a_break(make_list):
    """The one after it points back to it: it is an entry though the way round is not known."""
    lists = make_list(5)
    lists.back(1, 0x1234)
    lists.next(3, 0xDEAD0000)
    found, wrong = lists.walk()
    assert found == [0, 1, 2, 3, 4]
    assert [w.ends for w in wrong] == [False, True, False]


def test_next_into_another_list(make_list):
    """Nothing of the other list is shown, least of all its head."""
    lists = make_list(3)
    other = lists.other_list(4)
    lists.next(1, other)
    found, wrong = lists.walk()
    assert found == [0, 1, 2]
    assert wrong[0].address == other
    assert "is not taken for an entry" in wrong[0].message


def test_head_was_never_initialised(make):
    lists = make(0)
    lists.world.write(lists.head, bytes(2 * lists.world.pointer_size)[: lists.value.size_])
    found, wrong = lists.walk()
    assert found == []
    if lists.kind == "list_head":
        assert [w.message for w in wrong] == ["list head was never initialised (NULL)"]
    else:
        assert wrong == []


def test_head_is_unreadable(make):
    lists = make(2)
    lists.world.target.unmap(lists.head, 1)
    found, wrong = lists.walk()
    assert found == []
    text = f"list head at {lists.head:#x} is unreadable: not mapped"
    assert [(w.message, w.ends) for w in wrong] == [(text, True)]


def test_prev_of_the_head_disagrees(make_list):
    lists = make_list(3)
    lists.world.point(lists.head + lists.world.pointer_size, lists.links[0])
    found, wrong = lists.walk()
    assert found == [0, 1, 2]
    assert [w.message for w in wrong] == [
        f"prev of the head is {lists.links[0]:#x}, but the last entry is at {lists.links[2]:#x}"
    ]


def test_forward_chain_skips_what_the_tail_knows(make_list):
    """Someone unlinked 3 and 4 forwards only."""
    lists = make_list(6)
    lists.next(2, lists.head)
    found, wrong = lists.walk()
    assert found == [0, 1, 2, 3, 4, 5]
    assert len(wrong) == 2
    assert not any(w.ends for w in wrong)


def test_element_across_an_unmapped_page(make):
    """The link is readable, the rest of the element is not: the walk goes on."""
    lists = make(3)
    end = lists.items[1] + lists.world.sizeof("struct item")
    lists.world.target.unmap(end - 8, 8)
    found, wrong = lists.walk()
    assert (found, wrong) == ([0, 1, 2], [])
    events = list(traverse(lists.value))
    texts = [event.text for event in events if isinstance(event, Note)]
    assert len(texts) == 1
    assert texts[0].startswith("unreadable: not mapped; bytes ")


def test_link_is_unreadable(make):
    lists = make(4)
    lists.world.target.unmap(lists.links[2], 1)
    found, wrong = lists.walk()
    assert found == ([0, 1, 3] if lists.kind == "list_head" else [0, 1])
    assert wrong[0].ends
    assert wrong[0].address == lists.links[2]


def test_break_in_the_middle_of_many(make_list):
    lists = make_list(1000)
    lists.next(499, 0x10)
    found, wrong = lists.walk()
    assert found == list(range(1000))
    assert "the last 500 entries were found by walking back from the tail" in wrong[1].message


def test_two_breaks(make_list):
    """What lies between two breaks cannot be reached; everything else is there, in order."""
    lists = make_list(10)
    lists.next(2, 0x10)
    lists.back(7, 0x10)
    found, _ = lists.walk()
    assert found == [0, 1, 2, 7, 8, 9]


def test_big_list(kind):
    lists = Lists(kind, "little", 8, 6_000)
    assert sum(1 for _ in lists.value.walk_()) == 6_000
    lists.back(3_000, 0x10)
    found = [item for item in lists.value.entries_() if isinstance(item, Value)]
    assert len(found) == 6_000
    limits = Limits(elements=6_000, objects=20_000)
    lines = sum(1 for _ in lists.kernel.dump(lists.value, "tree", limits))
    assert lines > 6_000


def test_address_wraps():
    """An element that would begin below zero is no reason for anything but a note."""
    lists = Lists("list_head", "little", 8, 1)
    lists.world.point(lists.head, 0)
    lists.world.point(lists.head, 4)
    _, wrong = lists.walk()
    assert wrong[0].ends
    assert "unreadable" in wrong[0].message


def reachable(lists: Lists) -> list[int]:
    """The entries on the way forward, read naively."""
    by_link = {link: i for i, link in enumerate(lists.links)}
    found: list[int] = []
    size = lists.world.pointer_size
    at = lists.head
    while True:
        at = int.from_bytes(lists.world.target.read(at, size), lists.world.byteorder)
        if at not in by_link or by_link[at] in found:
            return found
        found.append(by_link[at])


@settings(max_examples=300)
@given(
    kind=st.sampled_from(sorted(LINKS)),
    platform=st.sampled_from([("little", 8), ("big", 4)]),
    changes=st.lists(st.tuples(st.integers(-1, 9), st.booleans(), st.integers(-2, 9)), max_size=6),
)
def test_rewired(kind, platform, changes: Sequence[tuple[int, bool, int]]):
    """Any pointer may lead to any entry, the head (-1) or NULL (-2).

    What can be reached is there, up to where nothing shows that it belongs to this list.
    """
    byteorder, pointer_size = platform
    lists = Lists(kind, byteorder, pointer_size, 10)
    places = [*lists.links, 0, lists.head]
    for index, is_next, to in changes:
        at = places[index]
        if at == lists.head and kind == "hlist_head" and not is_next:
            continue
        lists.world.point(at + (0 if is_next else pointer_size), places[to])
    found, wrong = lists.walk()
    assert len(found) == len(set(found))
    forward = reachable(lists)
    refused = [w.address for w in wrong if w.message.endswith("not taken for an entry")]
    if refused:
        forward = forward[: forward.index(lists.links.index(refused[0]))]
    assert found[: len(forward)] == forward
