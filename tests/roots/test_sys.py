"""The table of the system: one row, told line by line."""

from __future__ import annotations

from collections import Counter

from btfdump._kernel.notes import Note
from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel


def table(kernel, *names):
    kind = table_of("sys")
    assert kind is not None
    return kind.table(kernel, Query(names))


def text(kernel, *names):
    return "".join(render_table(table(kernel, *names), "text", Options())).splitlines()


def test_tasks_by_state(opened, truth):
    (row,) = table(opened("stock"), "tasks", "states").rows
    assert not isinstance(row, Note)
    known = Counter(task["state"] for task in truth("stock", "-3")["tasks"])
    assert row == {"tasks": 80, "states": known, "unknown": []}


def test_lines(opened):
    assert text(opened("tagged"), "l*", "tainted", "crash*", "uptime", "memory") == [
        "uptime:        13.465 s",
        "load:          0.31, 0.07, 0.02",
        "memory:        40 MiB",
        "tainted:       4096 (OOT_MODULE)",
        "crashing cpu:  none",
        "crashing task: none",
    ]


def test_the_task_that_stopped_it(opened):
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    kernel.target.write(plain.own_symbol("panic_cpu"), (1).to_bytes(4, "little"))
    cpu, task = text(kernel, "crash*")
    assert cpu == "crashing cpu:  1"
    assert task.startswith('crashing task: "swapper/1" pid 0 0x')


def test_what_is_not_known_is_not_none(opened):
    """What cannot be read is `-`, with one note for all that it is the reason of."""
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    kernel.target.write(plain.own_symbol("prb"), (0x1230).to_bytes(8, "little"))
    panic, note = text(kernel, "panic")
    assert panic == "panic: -"
    assert note.startswith("! sys: panic: cannot read ")
