"""`Value.project_()` gives what walking entry by entry gives, whatever is wrong with the list."""

from __future__ import annotations

from functools import reduce
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._kernel.value import Value
from btfdump._targets.memory import unchecked_read
from btfdump.errors import BtfdumpError, FaultError, MemberNotFoundError
from tests.support.synthetic import CountingTarget, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._btf.wire import ByteOrder

LINKS = {"list_head": "list_head", "hlist_head": "hlist_node"}
PLATFORMS: list[tuple[ByteOrder, int]] = [("little", 8), ("big", 8), ("little", 4), ("big", 4)]
PLAIN = ("id", "tail")
EVERYTHING = (
    *("tail", "id", "flag", "on", "low", "high", "name", "deep.word", "deep.signed_", "deep"),
    *("one", "other", "link.next", "numbers", "ratio", "empty"),
)


class Lists:
    """A head of `kind` and `count` items around its links."""

    def __init__(self, kind: str, byteorder: ByteOrder, pointer_size: int, count: int) -> None:
        self.world = world = World(byteorder, pointer_size)
        link = LINKS[kind]
        world.struct("deep", [("pad", "u8"), ("word", "u16"), ("signed_", "s16")])
        world.union("either", [("one", "u32"), ("other", "u16")])
        members: list[tuple[Any, ...]] = [("unused", "u64"), ("id", "u32"), ("flag", "bool")]
        members += [("low", "u32", 5), ("high", "int", 7), ("on", "bool", 1)]
        members += [("link", f"struct {link}"), ("name", "char[6]"), ("deep", "struct deep")]
        members += [("", "union either"), ("numbers", "u16[3]"), ("ratio", "double")]
        members += [("tail", "u64"), ("unused_", "u64[4]"), ("empty", "u32[0]")]
        world.struct("item", members)
        world.struct("holder", [("pad", "u64"), ("head", f"struct {kind}")], {"head": "item:link"})
        self.holder = world.new("holder")
        self.head = self.holder + world.offset("holder.head")
        self.size = world.sizeof("struct item")
        self.items = [world.new("item") for _ in range(count)]
        at = {name: world.offset(f"item.{name}") for name in ("id", "link", "tail")}
        self.links = [item + at["link"] for item in self.items]
        for number, item in enumerate(self.items):
            world.write(item, bytes((number * 37 + i * 11) & 0xFF for i in range(self.size)))
            world.write(item + at["id"], world.pack(number, 4))
        world.link(kind, self.head, self.links)
        self.kernel = world.kernel()

    @property
    def value(self) -> Value:
        return self.kernel.value("struct holder", self.holder).head

    def next(self, index: int, to: int) -> None:
        self.world.point(self.links[index], to)

    def back(self, index: int, to: int) -> None:
        self.world.point(self.links[index] + self.world.pointer_size, to)


def outcome(rows: Iterable[Any]) -> tuple[list[Any], str]:
    """Return what an iterator yields, and the error that ends it."""
    found = []
    try:
        for row in rows:
            found.append(row)  # noqa: PERF402 - what came before an error counts
    except BtfdumpError as error:
        return found, f"{type(error).__name__}: {error}"
    return found, ""


def one_by_one(value: Value, paths: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    for entry in value.walk_():
        yield tuple(reduce(Value.member_, p.split("."), entry).value_() for p in paths)


def agree(value: Value, paths: Sequence[str] = EVERYTHING) -> tuple[list[Any], str]:
    """Check that both ways agree to the last entry and the error, and return what they say."""
    expected = outcome(islice(one_by_one(value, paths), 5000))
    got = outcome(islice(value.project_(*paths), 5000))
    assert repr(got) == repr(expected)  # True is not 1, and NaN is NaN
    assert len(got[0]) < 5000
    return got


@pytest.fixture(params=["list_head", "hlist_head"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=PLATFORMS, ids=str)
def make(request: pytest.FixtureRequest, kind: str) -> Any:
    byteorder, pointer_size = request.param
    return lambda count: Lists(kind, byteorder, pointer_size, count)


# Where pieces end: after 1, 3, 7, 15, ... entries.
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 300])
def test_sound(make, count):
    lists = make(count)
    rows, error = agree(lists.value)
    assert [row[1] for row in rows] == list(range(count))
    assert not error


@pytest.mark.parametrize("path", EVERYTHING)
def test_every_kind_of_member_alone(make, path):
    assert len(agree(make(9).value, [path])[0]) == 9


def test_no_members(make):
    assert list(make(3).value.project_()) == [(), (), ()]


def test_an_unknown_member_is_refused_in_an_empty_list(make):
    for count in (0, 2):
        with pytest.raises(MemberNotFoundError):
            next(make(count).value.project_("id", "nothing"))


@pytest.mark.parametrize("at", [0, 1, 2, 6, 7, 19])
def test_wrong_back_pointer(make, at):
    lists = make(20)
    lists.back(at, lists.links[3] + 8)
    rows, error = agree(lists.value)
    assert [row[1] for row in rows] == list(range(20))
    assert not error


@pytest.mark.parametrize("at", [0, 2, 10, 19])
@pytest.mark.parametrize("to", [0, 0x100, 0x122, 0xDEAD000000000100, 0x4, 0x12345])
def test_next_leads_nowhere(make, at, to):
    lists = make(20)
    lists.next(at, to)
    agree(lists.value)
    agree(lists.value, PLAIN)


def test_poisoned_entry(make):
    lists = make(20)
    lists.next(9, 0x100)
    lists.back(9, 0x122)
    rows, error = agree(lists.value)
    assert [row[1] for row in rows][:10] == list(range(10))
    assert "LIST_POISON1" in error


@pytest.mark.parametrize("to", [0, 0x100, 0x122])
def test_an_entry_where_a_pointer_leads_nowhere_is_none(make, to):
    """Memory is mapped there, and all pointers agree."""
    lists = make(5)
    at = lists.links[0] - lists.items[0]
    base = to - at
    data = lists.kernel.target.read(lists.items[3], lists.size)
    lists.world.target.write(max(base, 0), data[max(0, -base) :])
    lists.next(2, to)
    agree(lists.value)


@pytest.mark.parametrize("at", [0, 3, 19])
@pytest.mark.parametrize("to", [0, 2, 3])
def test_cycle(make, at, to):
    lists = make(20)
    lists.next(at, lists.links[to])
    agree(lists.value)


def test_cycle_through_the_head_of_a_bucket():
    """Read as a node, the head's `pprev` is the next bucket: it may agree."""
    for platform in PLATFORMS:
        lists = Lists("hlist_head", *platform, 1)
        lists.next(0, lists.head)
        lists.world.target.write(lists.head, lists.world.pack(lists.links[0]) * 2 + bytes(8))
        rows, error = agree(lists.value, ("id", "name"))
        assert len(rows) == 1
        assert "cycle" in error


@pytest.mark.parametrize("at", [0, 1, 5, 6, 7, 19])
def test_unreadable_entry(make, at):
    lists = make(20)
    lists.world.target.unmap(lists.items[at], lists.size)
    rows, error = agree(lists.value)
    assert [row[1] for row in rows][:at] == list(range(at))
    assert "unreadable" in error


@pytest.mark.parametrize("paths", [("id",), ("id", "tail"), ("id", "unused"), ("unused_",)])
@pytest.mark.parametrize("end", ["unused", "unused_"])
def test_partly_readable_entry(make, paths, end):
    """Only what is asked for has to be readable."""
    lists = make(20)
    lists.world.target.unmap(lists.items[7] + lists.world.offset(f"item.{end}"), 8)
    rows, error = agree(lists.value, paths)
    assert (len(rows), bool(error)) == ((7, True) if end in paths else (20, False))


def test_tail_that_next_does_not_reach(kind, make):
    """The careful walker recovers it from the head's `prev`."""
    lists = make(20)
    lists.next(9, lists.head if kind == "list_head" else 0)
    rows, error = agree(lists.value)
    assert [row[1] for row in rows] == list(range(20 if kind == "list_head" else 10))
    assert not error


def test_head_that_was_never_initialised_or_is_unreadable(make):
    lists = make(2)
    lists.world.target.write(lists.head, bytes(2 * lists.world.pointer_size))
    agree(lists.value)
    lists.world.target.unmap(lists.head, 1)
    assert agree(lists.value)[1]


def test_container_of_wraps(make):
    """A link so low that its element begins at the end of the address space."""
    lists = make(4)
    target, width = lists.world.target, lists.world.pointer_size
    link = 8
    data = target.read(lists.items[2], lists.size)
    start = link - (lists.links[2] - lists.items[2])
    assert start < 0
    target.write(0, data[-start:])
    target.write((1 << 8 * width) + start, data[:-start])
    lists.next(1, link)
    lists.back(3, link)
    for paths in (("id",), ("tail",), ("unused", "id"), EVERYTHING):
        rows, _ = agree(lists.value, paths)
        assert len(rows) == 4


@settings(max_examples=60)
@given(st.data())
def test_any_damage(data):
    kind = data.draw(st.sampled_from(list(LINKS)))
    byteorder, pointer_size = data.draw(st.sampled_from(PLATFORMS))
    lists = Lists(kind, byteorder, pointer_size, 12)
    pointers = st.sampled_from([0, 0x100, lists.head, lists.head + 8, *lists.links])
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, 11))
        change = data.draw(st.sampled_from(["next", "back", "unmap"]))
        if change == "unmap":
            start = data.draw(st.integers(0, lists.size - 1))
            lists.world.target.unmap(lists.items[index] + start, 4)
        else:
            where = lists.links[index] + (change == "back") * lists.world.pointer_size
            try:
                lists.kernel.target.read(where, lists.world.pointer_size)
            except FaultError:
                continue
            lists.world.point(where, data.draw(pointers))
    agree(lists.value, data.draw(st.sampled_from([PLAIN, EVERYTHING, ("id",), ("name",)])))


def test_an_entry_costs_one_read_of_what_is_needed(make):
    lists = make(20)
    lists.kernel.target = target = CountingTarget(lists.kernel.target)
    list(lists.value.project_("id"))
    start, end = lists.world.offset("item.id"), lists.world.offset("item.name")
    assert target.reads[1:] == [(item + start, end - start) for item in lists.items]


def test_the_first_entry_is_not_read_late(make):
    lists = make(20)
    lists.kernel.target = target = CountingTarget(lists.kernel.target)
    rows = lists.value.project_("id")
    assert not target.reads
    next(rows)
    assert len(target.reads) == 2


class Raw:
    """A memory that offers its own read, which fails in its own way."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.quick: list[int] = []
        self.closed_after = 1 << 30

    def read(self, address: int, size: int) -> bytes:
        return self._target.read(address, size)

    def unchecked_read(self) -> Any:
        return (self._raw if len(self.quick) < self.closed_after else self._closed), (KeyError,)

    def _raw(self, address: int, size: int) -> bytes:
        self.quick.append(address)
        try:
            return self._target.read(address, size)
        except FaultError:
            raise KeyError(address) from None

    def _closed(self, address: int, size: int) -> bytes:
        raise KeyError("closed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def raw_kernel(lists: Lists) -> Raw:
    lists.kernel.target = raw = Raw(lists.kernel.target)
    return raw


@pytest.mark.parametrize("at", [None, 0, 6, 7, 19])
def test_unchecked_reads_fault_alike(make, at):
    lists = make(20)
    if at is not None:
        lists.world.target.unmap(lists.items[at], lists.size)
    raw = raw_kernel(lists)
    agree(lists.value)
    assert len(raw.quick) == (20 if at is None else at + 1)


def test_unchecked_read_is_asked_for_again(make):
    lists = make(20)
    raw = raw_kernel(lists)
    raw.closed_after = 7
    assert not agree(lists.value)[1]
    assert len(raw.quick) == 7


def test_a_wrapper_does_not_pass_the_unchecked_read_on(make):
    raw = raw_kernel(make(1))
    around = CountingTarget(raw)
    assert unchecked_read(around) == (around.read, (FaultError,))
    assert unchecked_read(raw) == (raw._raw, (KeyError,))
