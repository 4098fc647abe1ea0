"""Memory: against what /proc/meminfo had printed, and drgn by DWARF."""

from __future__ import annotations

import json
import lzma

import pytest

from btfdump._kernel.value_at import value_at
from btfdump._system.meminfo import MemoryUse, item, nodes, zones
from btfdump.errors import MissingDataError
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows

PAGE = 4096
PRINTED = {
    "total": "MemTotal",
    "free": "MemFree",
    "available": "MemAvailable",
    "buffers": "Buffers",
    "cached": "Cached",
    "swap_cached": "SwapCached",
    "anonymous": "AnonPages",
    "mapped": "Mapped",
    "shared": "Shmem",
    "dirty": "Dirty",
    "writeback": "Writeback",
    "unevictable": "Unevictable",
    "slab": "Slab",
    "slab_reclaimable": "SReclaimable",
    "slab_unreclaimable": "SUnreclaim",
    "kernel_stack": "KernelStack",
    "page_tables": "PageTables",
    "swap_total": "SwapTotal",
    "swap_free": "SwapFree",
    "commit_limit": "CommitLimit",
    "committed": "Committed_AS",
}
MOVED = 2 << 20
"""Bytes by which what the guest printed may have changed until the dump."""


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x"])
def test_memory_is_as_the_guest_printed_it(opened, console, name):
    lines = [line.split() for line in console(name, "meminfo").splitlines() if line]
    printed = {line[0].rstrip(":"): int(line[1]) << 10 for line in lines}
    found = {row["name"]: row["size"] for row in rows(opened(name), "mem")}
    assert found.keys() == PRINTED.keys()
    for part, size in found.items():
        assert abs(size - printed[PRINTED[part]]) <= MOVED, part
    for part in ("total", "commit_limit"):
        assert found[part] == printed[PRINTED[part]]


def test_counters_are_those_that_drgn_read_by_dwarf(opened, dump_file):
    with lzma.open(dump_file("stock-6.12/drgn-helpers.json.xz"), "rt") as file:
        known = {name: result[0] for name, result in json.load(file).items()}
    found = {row["name"]: row["size"] // PAGE for row in rows(opened("stock"), "mem")}
    assert found["total"] == int(known["mm.totalram_pages"])
    assert found["free"] == int(known["vmstat.nr_free_pages"])
    assert found["commit_limit"] == int(known["mm.vm_commit_limit"])
    assert found["committed"] == int(known["percpu.percpu_counter_sum"])
    assert found["swap_cached"] == int(known["swap.total_swapcache_pages"])
    slabs = known["slab.slab_total_usage"]
    assert [found["slab_reclaimable"], found["slab_unreclaimable"]] == list(map(int, slabs))


def test_shares_are_of_what_a_part_is_a_part_of(opened):
    found = {row["name"]: row for row in rows(opened("stock"), "mem", "total", "free", "committed")}
    assert list(found) == ["total", "free", "committed"]
    assert (found["total"]["percent"], found["total"]["of"]) == (None, None)
    assert (found["free"]["percent"], found["free"]["of"]) == (69.2, "memory")
    assert found["committed"]["of"] == "limit"


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x", "stock-7.3"])
def test_zones_have_all_memory(opened, name):
    kernel = opened(name)
    found = rows(kernel, "zones")
    total = {row["name"]: row["size"] for row in rows(kernel, "mem")}
    assert sum(row["managed"] for row in found) == total["total"]
    assert abs(sum(row["free"] for row in found) - total["free"]) <= MOVED
    for row in found:
        assert row["min"] < row["low"] < row["high"] < row["managed"]
        assert row["managed"] <= row["present"] <= row["spanned"]
    assert [row["zone"] for row in found] == [zone.address_ for zone in zones(kernel)]
    assert len(list(nodes(kernel))) == 1


def test_huge_pages_are_told_by_size(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    state = plain["hstates"][1]
    assert int(state.order) == 9
    for member, count in (("nr_huge_pages", 5), ("free_huge_pages", 3), ("resv_huge_pages", 1)):
        kernel.target.write(state.member_(member).address_, count.to_bytes(8, "little"))
    found = {row["name"]: row["size"] >> 21 for row in rows(kernel, "mem", "hugepages*")}
    assert found == {
        "hugepages-2048kB total": 5,
        "hugepages-2048kB free": 3,
        "hugepages-2048kB reserved": 1,
        "hugepages-2048kB surplus": 0,
    }
    before = {part.name: part.size for part in MemoryUse(plain).parts()}
    now = {part.name: part.size for part in MemoryUse(kernel).parts()}
    assert before["commit_limit"] is not None
    assert now["commit_limit"] == before["commit_limit"] - 5 * (1 << 21) // 2


def test_a_counter_that_a_kernel_lacks_is_said_to_be(opened):
    with pytest.raises(MissingDataError, match="no counter NR_NOTHING in enum node_stat_item"):
        item(opened("stock"), "node_stat_item", "NR_NOTHING")


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_areas_of_swap(opened, name):
    plain = opened(name)
    assert rows(plain, "swaps") == []
    kernel = PatchedKernel(plain)
    file = next(row for row in rows(plain, "files") if row["type"] == "file")
    room = plain.task(2).address_  # memory that is there
    kernel.target.write(plain["swap_info"].address_, room.to_bytes(8, "little"))
    made = value_at(kernel, "struct swap_info_struct", room)
    is_counter = made.inuse_pages.has_member_("counter")
    for member, number in (
        ("flags", 3),
        ("pages", 1000),
        ("swap_file", file["file"]),
        ("prio", 0xFFFE),
        ("inuse_pages", 10 | (1 << 30 if is_counter else 0)),
    ):
        part = made.member_(member)
        kernel.target.write(part.address_, number.to_bytes(part.size_, "little"))
    (row,) = rows(kernel, "swaps")
    assert (row["file"], row["type"]) == (file["path"], "file")
    assert (row["size"], row["used"], row["priority"]) == (1000 * PAGE, 10 * PAGE, -2)
    assert row["area"] == room
