"""The table of backtraces: rows, and how they are told."""

from __future__ import annotations

import json
from typing import Any

from btfdump._kernel.notes import Note
from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query, table_of
from btfdump._roots.stack import printed
from tests.support.patched import PatchedKernel


def table(kernel, *patterns, **filters):
    kind = table_of("stack")
    assert kind is not None
    return kind.table(kernel, Query(patterns, filters))


def test_rows(opened, truth):
    """The idle tasks come first, then all that DWARF knows, with its frames."""
    rows = list(table(opened("stock")).rows)
    assert [(row["pid"], row["comm"]) for row in rows[:2]] == [(0, "swapper/0"), (0, "swapper/1")]
    for row, told in zip(rows[2:], truth("stock", "-3")["tasks"], strict=True):
        assert (row["pid"], row["comm"], row["cpu"]) == (told["pid"], told["comm"], told["cpu"])
        assert row["state"] == told["state"]
        if row["state"] != "Z":
            expected = [frame["pc"] for frame in told["frames"] if not frame["inline"]]
            assert [frame["pc"] for frame in row["frames"]] == expected


def test_in_lines(opened):
    text = "".join(render_table(table(opened("stock"), "1"), "text", Options()))
    assert text.splitlines() == [
        '"init" pid 1 state S cpu 0 0xff1e74d44422c200',
        "   #0 0xffffffff93a9a720 __schedule+0x4e0",
        "   #1 0xffffffff93a9ae67 schedule+0x27",
        "   #2 0xffffffff92ecbe5d do_wait+0x5d",
        "   #3 0xffffffff92ecc4e7 kernel_wait4+0xb7",
        "   #4 0xffffffff92ecc642 __do_sys_wait4+0xa2",
        "   #5 0xffffffff93a8f027 do_syscall_64+0x87",
        "   #6 0xffffffff93c0012f entry_SYSCALL_64_after_hwframe+0x76",
        "   #7 0x460a63 in user space",
        "      end: user space",
        "",
    ]


def test_what_is_told_of_a_frame():
    """Stacks of interrupts, modules, guesses, and code without a name."""
    plain = {"stack": None, "user": False, "interrupted": False, "guess": False, "module": None}
    frames = [
        {**plain, "pc": "0x10", "symbol": "handler+0x4", "stack": "NMI"},
        {**plain, "pc": "0x20", "symbol": "work+0x8", "module": "mod", "interrupted": True},
        {**plain, "pc": "0x30", "symbol": None},
        {**plain, "pc": "0x40", "symbol": None, "module": "mod", "guess": True},
    ]
    row: dict[str, Any] = {
        "pid": 7,
        "comm": "x",
        "state": "R",
        "cpu": 1,
        "frames": frames,
        "end": "why",
        "task": 255,
    }
    assert printed(row) == [
        '"x" pid 7 state R cpu 1 0xff',
        "      -- NMI stack --",
        "   #0 0x10 handler+0x4",
        "      -- task stack --",
        "   #1 0x20 work+0x8 [mod] (interrupted)",
        "   #2 0x30 ?",
        "   #3 0x40 [mod] (a guess)",
        "      end: why",
        "",
    ]


def test_other_formats(opened):
    (line,) = render_table(table(opened("stock"), "2"), "jsonl", Options())
    row = json.loads(line)
    assert row["frames"][2] == {
        "pc": "0xffffffff92ef8533",
        "symbol": "kthreadd+0x2d3",
        "module": None,
        "stack": None,
        "interrupted": False,
        "user": False,
        "guess": False,
    }
    assert (row["end"], row["whole"], row["waits_in"]) == ("start of the thread", True, "kthreadd")
    assert row["task"] == "0xff1e74d44422a100"


def test_objects(opened):
    """A parent that waits has what it waits for on its stack; that itself is there says nothing."""
    (row,) = table(opened("stock"), "1", objects=()).rows
    assert not isinstance(row, Note)
    found = [one for frame in row["frames"] for one in frame["objects"]]
    assert {"at", "value", "object"} == set(found[0])
    told = [one["object"] for one in found]
    assert any(one.startswith("slab mm_struct /bin/busybox") for one in told)
    assert any("wait_chldexit" in one for one in told)
    lines = printed(row)
    assert any("slab mm_struct /bin/busybox" in line for line in lines)
    assert not any('"init" pid 1' in one for one in told)


def test_objects_of_all_tasks(opened):
    """Those of a task without a stack are none."""
    kernel = opened("stock")
    rows = [row for row in table(kernel, objects=()).rows if not isinstance(row, Note)]
    assert len(rows) == 82
    told = {one["object"] for row in rows for frame in row["frames"] for one in frame["objects"]}
    assert any(one.startswith("slab filp ") for one in told)
    assert not any("cpu_bit_bitmap" in one for one in told)  # an array of numbers


def test_csv_has_a_frame_after_another(opened):
    text = "".join(render_table(table(opened("stock"), "2"), "csv", Options()))
    assert text.splitlines() == [
        "pid,comm,state,cpu,frames,end",
        "2,kthreadd,S,1,__schedule+0x4e0 < schedule+0x27 < kthreadd+0x2d3 < ret_from_fork+0x34 < "
        "ret_from_fork_asm+0x1a,start of the thread",
    ]


def test_a_list_of_tasks_that_is_damaged(opened):
    """What could be reached is told, then a note."""
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    task = plain.task(74)
    kernel.target.write(task.tasks.next.address_, (0x1230).to_bytes(8, "little"))
    *rows, last = table(kernel).rows
    assert isinstance(last, Note)
    assert last.text.startswith("stack: ")
    assert len(rows) > 40
