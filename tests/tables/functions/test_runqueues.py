"""Run queues: against DWARF on kernels at rest, and with tasks put into queues of every class."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import offset_of
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows

BLACK = 1


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged"])
def test_what_cpus_run_against_dwarf(opened, truth, name):
    found = [row for row in rows(opened(name), "runq") if row["queue"] == "current"]
    recorded = truth(name, "-2")["runqueues"]
    assert [(row["cpu"], row["task"]) for row in found] == [
        (one["cpu"], int(one["curr"], 16)) for one in recorded
    ]
    waiting = {row["task"] for row in rows(opened(name), "runq") if row["queue"] == "cfs"}
    assert waiting == {int(task, 16) for one in recorded for task in one["timeline"]}


class Queues:
    """A kernel at rest whose first CPU gets tasks."""

    def __init__(self, plain):
        self.kernel = PatchedKernel(plain)
        self.rq = plain.per_cpu(plain["runqueues"], 0)
        self.other = plain.per_cpu(plain["runqueues"], 1)

    def put(self, address, *words):
        for at, word in enumerate(words):
            self.kernel.target.write(address + 8 * at, word.to_bytes(8, "little"))

    def root(self, queue, entity):
        """Make an entity the only one of a tree."""
        self.put(queue.tasks_timeline.rb_root.address_, entity.run_node.address_)
        self.put(entity.run_node.address_, BLACK, 0, 0)

    def rows(self):
        kind = table_of("runq")
        assert kind is not None
        return list(kind.table(self.kernel, Query(("0",))).rows)


@pytest.fixture
def queues(opened):
    return Queues(opened("stock"))


def test_tasks_of_every_class(opened, queues):
    fair, inner, real, late = (opened("stock").task(pid) for pid in (1, 184, 186, 2))
    head = queues.rq.rt.active.queue[17].address_
    queues.put(head, real.rt.run_list.address_, real.rt.run_list.address_)
    queues.put(real.rt.run_list.address_, head, head)
    queues.put(queues.rq.dl.root.rb_root.address_, late.dl.rb_node.address_)
    queues.put(late.dl.rb_node.address_, BLACK, 0, 0)
    queues.root(queues.rq.cfs, fair.se)
    found = queues.rows()
    assert [(row["queue"], row["pid"]) for row in found] == [
        ("current", 0),
        ("dl", 2),
        ("rt", 186),
        ("cfs", 1),
    ]
    # The entity of a group has a queue of its own, in whose place its tasks stand.
    offset = offset_of(queues.kernel, "struct sched_entity", "my_q")
    queues.put(fair.se.address_ + offset, queues.other.cfs.address_)
    queues.root(queues.other.cfs, inner.se)
    assert [row["pid"] for row in queues.rows() if row["queue"] == "cfs"] == [184]
    # Whose queue leads back to it is damaged, and that is said.
    queues.put(inner.se.address_ + offset, queues.rq.cfs.address_)
    *_, note = queues.rows()
    assert isinstance(note, Note)
    assert "lead back" in note.text


def test_a_task_that_sleeps_on_in_the_tree_is_no_task_that_waits(opened, queues):
    fair = opened("stock").task(1)
    queues.root(queues.rq.cfs, fair.se)
    address = fair.se.address_ + offset_of(queues.kernel, "struct sched_entity", "sched_delayed")
    queues.kernel.target.write(address, b"\x01")
    assert [row["queue"] for row in queues.rows()] == ["current", "delayed"]
