"""A shrunk dump reads as the whole one does, whichever way its kernel marks its slab pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from sample_dumps.build.shrink import shrink

if TYPE_CHECKING:
    from pathlib import Path

    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel


def without_dangling(task: Any) -> Any:
    """Take out of a task the pointers that nothing keeps alive.

    What they led to may be gone, and its page free, which a shrunk dump leaves out. The kernel
    never follows `last_wakee`; and the program `on_fork` stores in the map `task_kin`, as plain
    data, the `mm` that the child had before it called exec, next to its `clone_flags`.
    """
    task["members"].pop("last_wakee", None)
    todo = [task]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if "clone_flags" in node:
                node.pop("mm", None)
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return task


def read_all(dump: Path) -> tuple[list[Any], list[tuple[int, int]]]:
    """Return every task as JSON, and every inode of the root's super block."""
    with open_core(dump) as kernel:
        tasks = [
            without_dangling(json.loads("".join(kernel.dump(task, "jsonl"))))
            for task in kernel.tasks()
        ]
        kind = kernel.value("struct super_block", int(kernel.task(1).fs.root.mnt.mnt_sb))
        inodes = [(inode.address_, int(inode.i_ino)) for inode in kind.s_inodes.walk_()]
    return tasks, inodes


def lost(tasks: list[Any], whole: list[Any]) -> list[tuple[str, str, Any, Any]]:
    """Return the members that differ, each with its task: whole tasks would be no help."""
    return [
        (task["address"], name, task["members"].get(name), member)
        for task, other in zip(tasks, whole, strict=False)
        for name, member in other["members"].items()
        if task["members"].get(name) != member
    ]


def test_nothing_of_the_kernel_is_lost(guest: Guest, tmp_path: Path):
    full, small = tmp_path / "full", tmp_path / "small"
    with guest.stopped():
        guest.dump(full)
    written, dropped = shrink(full, small)
    try:
        (tasks, inodes), (whole_tasks, whole_inodes) = read_all(small), read_all(full)
        assert lost(tasks, whole_tasks) == []
        assert (tasks, inodes) == (whole_tasks, whole_inodes)
        assert set(dropped) == {"free", "kernel text", "user memory and page cache"}
        assert small.stat().st_size == written.size < full.stat().st_size // 20
    finally:
        full.unlink()
