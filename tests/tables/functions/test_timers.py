"""Timers of the wheels and hrtimers, against drgn and what /proc/timer_list had printed."""

from __future__ import annotations

import json
import lzma
import re
from itertools import pairwise

import pytest

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from tests.support.tabulated import rows

EVERY = ("stock", "stock-7.3", "s390x", "tagged")


@pytest.mark.parametrize(
    ("table", "helper"), [("timers", "timer.for_each_timer"), ("hrtimers", "timer.hrtimer")]
)
def test_timers_are_those_that_drgn_finds_by_dwarf(opened, dump_file, table, helper):
    """What its helpers found on the first base of the first CPU, in their order."""
    with lzma.open(dump_file("stock-6.12/drgn-helpers.json.xz"), "rt") as file:
        addresses = [int(one.rpartition(":")[2]) for one in json.load(file)[helper][0]]
    assert addresses
    found = [row["timer"] for row in rows(opened("stock"), table) if not row["cpu"] | row["base"]]
    assert found == addresses


@pytest.mark.parametrize("name", EVERY)
def test_what_timers_are_for(opened, name):
    found = rows(opened(name), "timers")
    assert found
    works = [row["data"] for row in found if row["function"] == "delayed_work_timer_fn"]
    assert {"vmstat_update", "vmstat_shepherd"} <= set(works)
    sleepers = [row["data"] for row in found if row["function"] == "process_timeout"]
    assert sleepers
    assert all(re.fullmatch(r'".+" pid \d+', data) for data in sleepers)


def test_a_timer_of_no_known_function_is_told_by_its_place(opened):
    found = {row["function"]: row["data"] for row in rows(opened("stock"), "timers")}
    assert found["clocksource_watchdog"] == "watchdog_timer"
    assert found["mce_timer_fn"] == "mce_timer[1]"
    assert found["addrconf_rs_timer"].startswith("kmalloc-cg-2k 0x")


@pytest.mark.parametrize("name", EVERY)
def test_hrtimers_are_on_the_base_that_they_name(opened, name):
    kernel = opened(name)
    found = rows(kernel, "hrtimers")
    assert {row["cpu"] for row in found} == {0, 1}
    for row in found:
        timer = value_at(kernel, "struct hrtimer", row["timer"])
        assert int(timer.base.clockid) == row["clock"]
        assert kernel.symbolize(int(timer.function)) == row["function"]
    for cpu in (0, 1):
        moments = [row["expires"] for row in found if (row["cpu"], row["base"]) == (cpu, 0)]
        assert moments == sorted(moments)


def test_hrtimers_are_as_the_guest_printed_them(opened, console):
    """Of those that still wait, by function and moment: watchdogs and ticks have moved on."""
    lines = console("stock", "timer_list").splitlines()
    printed = set()
    for line, after in pairwise(lines):
        named = re.match(r" #\d+: <\w+>, (\w+), S:01", line)
        moment = re.match(r" # expires at \d+-(\d+) nsecs", after)
        if named and moment and int(moment[1]) > 10**12:
            printed.add((named[1], int(moment[1])))
    found = {(row["function"], row["expires"]) for row in rows(opened("stock"), "hrtimers")}
    assert len(printed) >= 4
    assert printed <= found


def test_time_left_is_counted_on_the_timers_clock(opened):
    kernel = opened("stock")
    (row,) = rows(kernel, "hrtimers", "posix_timer_fn")
    assert row["expires"] - row["left"] == KernelSurroundings(kernel).monotonic()
