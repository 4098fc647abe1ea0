"""Who points into an object: all that going through memory finds, each with its place."""

from __future__ import annotations

from array import array

import pytest

from btfdump._kernel.notes import Note
from btfdump._places.memory import PhysicalMemory
from btfdump._roots import Query, table_of
from btfdump.errors import ExpressionError
from tests.support.direct import direct_of


def who(kernel, *words):
    kind = table_of("who")
    assert kind is not None
    table = kind.table(kernel, Query(words))
    rows = list(table.rows)
    return [row for row in rows if not isinstance(row, Note)], [
        row.text for row in rows if isinstance(row, Note)
    ]


def words_between(kernel, start: int, end: int) -> int:
    """Count the words of all memory with such a value, one by one."""
    count = 0
    big = kernel.target.platform.byteorder == "big"
    for piece in PhysicalMemory(kernel, direct_of(kernel)).pieces():
        words = array("Q", piece.data)
        if big:
            words.byteswap()
        count += sum(start <= word < end for word in words)
    return count


@pytest.mark.parametrize("name", ["tagged", "s390x"])
def test_all_that_a_search_through_memory_finds(opened, name):
    kernel = opened(name)
    task = kernel.task(1)
    rows, _ = who(kernel, "task(1)")
    assert len(rows) == words_between(kernel, task.address_, task.address_ + task.size_)
    placed = [row for row in rows if row["kind"] not in ("unknown", "page")]
    assert len(placed) >= 0.99 * len(rows)
    for row in rows:
        at = int(row["address"], 16)
        read = kernel.target.read(at, 8)  # at the address that users are told
        assert int.from_bytes(read, kernel.target.platform.byteorder) == int(row["value"], 16)


def test_what_is_said_of_them(opened):
    kernel = opened("stock")
    rows, notes = who(kernel, "task(1)")
    by_place = {(row["holder"], row["path"]): row for row in rows}
    reaper = by_place["init_pid_ns", "child_reaper"]
    assert (reaper["how"], reaper["type"], reaper["stale"]) == (
        "start",
        "struct pid_namespace",
        None,
    )
    thread = by_place['slab task_struct "kthreadd" pid 2', "tasks.prev"]
    assert thread["how"] == ".tasks.next"
    last = by_place["key_types_sem unlocked", "owner.counter"]
    assert (last["how"], last["stale"]) == ("start, low bits 0x1", "of its last owner")
    assert sum(row["stale"] == "freed" for row in rows) == 54
    assert sum(row["stale"] == "below the stack pointer" for row in rows) == 46
    # What counts comes first, the object's own pointers last.
    states = [2 if row["is_itself"] else 1 if row["stale"] else 0 for row in rows]
    assert states == sorted(states)
    assert notes == [
        "20,684 of 32,638 pages are not in the dump, or cannot be read: what points from there is "
        "not known"
    ]


def test_an_address_stands_for_the_object_around_it(opened):
    kernel = opened("stock")
    task = kernel.task(1)
    whole, _ = who(kernel, "task(1)")
    (inside,) = ({row["address"] for row in who(kernel, hex(task.address_ + 0x40))[0]},)
    assert inside == {row["address"] for row in whole}
    assert who(kernel, f"{task.address_:x}")[0] == who(kernel, hex(task.address_))[0]


def test_of_what(opened):
    kernel = opened("stock")
    with pytest.raises(ExpressionError, match="say of what"):
        who(kernel)
    with pytest.raises(ExpressionError, match="80 objects; say which"):
        who(kernel, "task()")


def ways(kernel, *words):
    kind = table_of("who")
    assert kind is not None
    rows = list(kind.table(kernel, Query(words, {"paths": ()})).rows)
    return [row for row in rows if not isinstance(row, Note)], [
        row.text for row in rows if isinstance(row, Note)
    ]


def test_ways_from_tasks_and_variables(opened):
    kernel = opened("stock")
    (only,), _ = ways(kernel, "task(1).files")
    assert only["way"] == 'slab task_struct "init" pid 1 .files -> task(1).files'
    found, notes = ways(kernel, "task(1).files->fdt->fd[0]")
    assert [row["steps"] for row in found] == sorted(row["steps"] for row in found)
    first = found[0]
    assert first["way"] == (
        'slab task_struct "init" pid 1 .files -> slab files_cache .fd_array[0] -> '
        "task(1).files->fdt->fd[0]"
    )
    assert [link["path"] for link in first["links"]] == ["files", "fd_array[0]"]
    file = int(kernel.task(1).files.fdt.fd[0])
    for row in found:  # each link's pointer leads into the next one
        targets = [int(link["object"], 16) for link in row["links"][1:]] + [file]
        for link, target in zip(row["links"], targets, strict=True):
            value = int.from_bytes(kernel.target.read(int(link["address"], 16), 8), "little")
            assert target <= value < target + (1 << 16)
    assert any("a way has at most 8 steps" in note for note in notes)
    many, notes = ways(kernel, "init_net")
    assert len(many) == 64
    assert "there are more than 64 ways: others are not looked for" in notes
