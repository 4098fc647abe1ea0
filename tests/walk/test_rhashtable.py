"""rhashtable and rhltable: buckets, nested tables, resizes, sound and broken."""

from __future__ import annotations

import pytest

from tests.support.containers import WILD, Case


class Tables(Case):
    """A hash table with its items in the buckets that `put` names."""

    has_lock = True

    def __init__(self, platform, size: int = 8, nest: int = 0, head: str = "rhashtable") -> None:
        is_list = head == "rhltable"
        link = "rhlist_head" if is_list else "rhash_head"
        super().__init__(platform, f"struct {head}", f"struct {link}")
        self.member = "ht.tbl" if is_list else "tbl"
        self.table = self.new_table(size, nest)
        self.set_head(self.member, self.table)

    def define(self) -> None:
        world = self.world
        if self.has_lock:
            world.struct("rhash_lock_head", [])
        world.struct("rhash_head", [("next", "struct rhash_head *")])
        world.struct("rhlist_head", [("rhead", "struct rhash_head"), ("next", "void *")])
        world.struct(
            "bucket_table",
            [
                ("size", "u32"),
                ("nest", "u32"),
                ("hash_rnd", "u32"),
                ("future_tbl", "struct bucket_table *"),
                ("buckets", "struct rhash_lock_head *[0]"),
            ],
        )
        world.struct("rhashtable", [("tbl", "struct bucket_table *"), ("key_len", "u32")])
        world.struct("rhltable", [("ht", "struct rhashtable")])

    def new_table(self, size: int, nest: int = 0) -> int:
        room = (1 if nest else size) * self.word
        return self.world.new("bucket_table", room, size=size, nest=nest)

    def bucket(self, number: int, table: int = 0) -> int:
        at = self.world.offset("bucket_table.buckets") + number * self.word
        return (table or self.table) + at

    def put(self, where: int, links: list[int], *, lock: int = 0) -> None:
        """Chain links in the bucket at `where`."""
        self.world.point(where, (links[0] if links else 0) | lock)
        for link, following in zip(links, [*links[1:], where | 1], strict=True):
            self.world.point(link, following)


@pytest.fixture
def make(platform):
    return lambda *args, **how: Tables(platform, *args, **how)


def test_empty(make):
    assert make().walk() == ([], [])


def test_no_table(make):
    tables = make()
    tables.set_head("tbl", 0)
    assert tables.walk() == ([], [])


def test_buckets(make):
    tables = make()
    a, b, c = tables.new_items(3)
    tables.put(tables.bucket(1), [b, a])
    tables.put(tables.bucket(6), [c], lock=1)
    assert tables.keyed() == [(1, 1), (1, 0), (6, 2)]
    assert tables.walk() == ([1, 0, 2], [])


def test_a_locked_bucket_that_is_empty(make):
    tables = make()
    tables.world.point(tables.bucket(2), 1)
    assert tables.walk() == ([], [])


class OldTables(Tables):
    """Before Linux 5.2 a bucket had no lock in it, and an empty one held its mark."""

    has_lock = False


def test_before_the_lock_was_in_the_bucket(platform):
    tables = OldTables(platform)
    (a,) = tables.new_items(1)
    tables.put(tables.bucket(2), [a])
    tables.world.point(a, 77 << 1 | 1)
    tables.world.point(tables.bucket(3), 99 << 1 | 1)
    assert tables.keyed() == [(2, 0)]


def test_many(make):
    tables = make(2048)
    links = tables.new_items(2048)
    for number, link in enumerate(links):
        tables.put(tables.bucket(number), [link])
    assert tables.keyed() == [(i, i) for i in range(2048)]


def test_resize(make):
    """An entry on its way is in both tables for a moment, and shown once."""
    tables = make(4)
    a, b, c = tables.new_items(3)
    future = tables.new_table(8)
    tables.world.set(tables.table, "bucket_table.future_tbl", future)
    tables.put(tables.bucket(5, future), [b, c])
    tables.put(tables.bucket(1), [a, b])
    tables.world.point(b, c)
    assert [id_ for key, id_ in tables.keyed() if key != "!"] == [0, 1, 2]


@pytest.mark.parametrize("levels", [1, 2])
def test_nested(make, levels):
    """A table that was allocated page by page, 4 KiB each."""
    shift = 9 if make().word == 8 else 10
    bits = shift * levels + 3
    tables = make(1 << bits, nest=(bits - 1) % shift + 1)
    assert (bits - 1) % shift + 1 == 3
    (link,) = tables.new_items(1)
    world, word = tables.world, tables.word
    page = [world.room(4096, 4096) for _ in range(levels + 1)]
    world.point(tables.bucket(0), page[0])
    # Bucket 0b...0101 below index 5 of the top, then 1, then 2.
    steps = [5, 1, 2][: levels + 1]
    for level, step in enumerate(steps[:-1]):
        world.point(page[level] + step * word, page[level + 1])
    tables.put(page[levels] + steps[-1] * word, [link])
    bucket = 5 + (1 << 3) * steps[1] + ((steps[2] << (3 + shift)) if levels == 2 else 0)
    assert tables.keyed() == [(bucket, 0)]
    assert tables.walk() == ([0], [])


def test_nested_in_no_way_that_there_is(make):
    tables = make(1 << 12, nest=30)
    wrong = [f"{1 << 12} buckets nested 30 bits deep: no table is"]
    assert tables.walk() == ([], wrong)


@pytest.mark.parametrize("size", [0, 3, 0xFFFF_FFFF])
def test_absurd_size(make, size):
    tables = make()
    tables.world.set(tables.table, "bucket_table.size", size)
    assert tables.walk() == ([], [f"bucket table at {tables.table:#x} has size {size}"])


def test_a_size_beyond_what_is_there(make):
    tables = make()
    tables.put(tables.bucket(1), tables.new_items(1))
    tables.world.set(tables.table, "bucket_table.size", 1 << 30)
    _, wrong = tables.walk()
    assert wrong[-1].endswith("buckets were given up")
    assert len(wrong) == 65


def test_cycle_in_a_bucket(make):
    tables = make()
    a, b = tables.new_items(2)
    tables.put(tables.bucket(1), [a, b])
    tables.world.point(b, a)
    assert tables.walk() == ([0, 1], [f"cycle: {b:#x} leads back to {a:#x}"])


def test_one_entry_in_two_buckets(make):
    tables = make()
    (a,) = tables.new_items(1)
    tables.put(tables.bucket(1), [a])
    tables.world.point(tables.bucket(2), a)
    found, wrong = tables.walk()
    assert found == [0]
    assert wrong == [f"cycle: {tables.bucket(2):#x} leads back to {a:#x}"]


def test_the_mark_of_another_bucket(make):
    tables = make()
    (a,) = tables.new_items(1)
    tables.put(tables.bucket(1), [a])
    tables.world.point(a, tables.bucket(4) | 1)
    found, wrong = tables.walk()
    assert found == [0]
    assert wrong == [
        f"bucket 1 ends in {tables.bucket(4) | 1:#x} behind {a:#x}, not in its own mark"
    ]


def test_wild_entry(make):
    tables = make()
    a, b = tables.new_items(2)
    tables.put(tables.bucket(1), [a])
    tables.put(tables.bucket(2), [b])
    tables.world.point(a, WILD)
    assert tables.walk() == ([0, 1], [f"entry at {WILD:#x} is unreadable: not mapped"])


def test_wild_table(make):
    tables = make()
    tables.set_head("tbl", WILD)
    wrong = [f"bucket table at {WILD:#x} is unreadable: not mapped"]
    assert tables.walk() == ([], wrong)


def test_tables_in_a_ring(make):
    tables = make()
    tables.world.set(tables.table, "bucket_table.future_tbl", tables.table)
    wrong = [f"cycle: future_tbl leads back to {tables.table:#x}"]
    assert tables.walk() == ([], wrong)


def test_equal_keys(make):
    """rhltable: entries of one key are a list behind the first of them."""
    tables = make(8, head="rhltable")
    a, b, c, d = tables.new_items(4)
    tables.put(tables.bucket(1), [a, d])
    at = tables.world.offset("rhlist_head.next")
    tables.world.point(a + at, b)
    tables.world.point(b + at, c)
    assert tables.keyed() == [(1, 0), (1, 1), (1, 2), (1, 3)]


def test_equal_keys_in_a_ring(make):
    tables = make(8, head="rhltable")
    a, b = tables.new_items(2)
    tables.put(tables.bucket(1), [a])
    at = tables.world.offset("rhlist_head.next")
    tables.world.point(a + at, b)
    tables.world.point(b + at, a)
    wrong = [f"cycle: the list behind {a:#x} leads back to {a:#x}"]
    assert tables.walk() == ([0, 1], wrong)


def test_a_bucket_as_an_index(make):
    """Several entries may be in one: which one is meant is not guessed."""
    case = make()
    links = case.new_items(3)
    case.put(case.bucket(2), links[:1])
    case.put(case.bucket(5), links[1:])
    assert int(case.value()[2].id) == 0
    with pytest.raises(IndexError, match=r"2 entries have the key 5 .*: 0x\w+, 0x\w+$"):
        case.value()[5]
    with pytest.raises(IndexError, match="no entry has the key 0"):
        case.value()[0]
