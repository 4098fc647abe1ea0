"""Control groups, against DWARF and the kernel's tasks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows

EVERY = ("stock", "stock-7.3", "s390x", "tagged")


@pytest.mark.parametrize("name", EVERY)
def test_cgroups_against_dwarf(opened, truth, name):
    found = [(row["group"], row["path"], row["id"]) for row in rows(opened(name), "cgroups")]
    recorded = truth(name)["cgroups"]
    assert sorted(found) == sorted(
        (int(one["addr"], 16), one["path"], one["kn_id"]) for one in recorded
    )


@pytest.mark.parametrize("name", EVERY)
def test_tasks_are_counted_where_they_are(opened, name):
    """All but those that have ended, which are in their group, and not counted."""
    kernel = opened(name)
    counts = Counter(
        int(task.cgroups.dfl_cgrp) for task in kernel.tasks() if not int(task.exit_state)
    )
    for row in rows(kernel, "cgroups"):
        assert row["tasks"] == counts[row["group"]]


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x"])
def test_controllers_and_memory(opened, name):
    kernel = opened(name)
    first, *others = rows(kernel, "cgroups")
    every = {"cpu", "cpuset", "io", "memory", "pids"}
    assert every <= set(first["controllers"])
    assert first["memory"] is None
    assert any(row["memory"] for row in others)
    for row in others:
        assert set(row["controllers"]) <= set(first["controllers"])
        assert (row["memory"] is not None) == ("memory" in row["controllers"])


def test_a_circle_of_groups_is_told(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    first, second, *_ = (row["group"] for row in rows(plain, "cgroups"))
    sub = plain.struct("cgroup").offset("self")
    css = plain.struct("cgroup_subsys_state")
    head = second + sub + css.offset("children")
    link = first + sub + css.offset("sibling")
    kernel.target.write(head, link.to_bytes(8, "little") * 2)
    kernel.target.write(link, head.to_bytes(8, "little") * 2)
    kind = table_of("cgroups")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query()).rows)
    note = found.pop()
    assert [row["group"] for row in found] == [first, second]
    assert isinstance(note, Note)
    assert "inside itself" in note.text
