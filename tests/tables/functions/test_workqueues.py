"""Workqueues: against DWARF, and with works that were put into their lists."""

from __future__ import annotations

import pytest

from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged"])
def test_workqueues_against_dwarf(opened, truth, name):
    found = {row["queue"]: row for row in rows(opened(name), "workqueues")}
    recorded = truth(name, "-2")["workqueues"]
    assert len(found) == len(recorded)
    for address, queue in recorded.items():
        row = found[int(address, 16)]
        assert (row["name"], row["pwqs"]) == (queue["name"], len(queue["pwqs"]))


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_workers_are_all_of_their_pools(opened, name):
    kernel = opened(name)
    found = rows(kernel, "workers")
    workers = [row for row in found if row["comm"]]
    threads = {task.comm.value_() for task in kernel.tasks()}
    assert {row["comm"] for row in workers} == {
        comm for comm in threads if comm.startswith("kworker/") and "/R-" not in comm
    }
    counts = {pool.id.value_(): int(pool.nr_workers) for pool in kernel["worker_pool_idr"].walk_()}
    for pool, count in counts.items():
        assert sum(row["pool"] == pool for row in found) == count


def test_what_is_queued_is_told_by_its_function(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    queue = next(q for q in plain["workqueues"].walk_() if q.name == "events_long")
    pwq = next(iter(queue.pwqs.walk_()))
    pool, worker = pwq.pool.deref_(), next(iter(pwq.pool.workers.walk_()))

    def put(address, *words):
        for at, word in enumerate(words):
            kernel.target.write(address + 8 * at, word.to_bytes(8, "little"))

    shepherd, update = (plain.symbol(name) for name in ("vmstat_shepherd", "vmstat_update"))
    works = [plain.task(1).address_ + 64 * number for number in range(4)]  # memory that is there
    waiting, asleep = pool.worklist.address_, pwq.inactive_works.address_
    first, second, third = (work + 8 for work in works[:3])  # their links
    put(works[0], pwq.address_ | 0x5, second, waiting, shepherd)
    put(works[1], pwq.address_ | 0x25, waiting, first, shepherd)
    put(works[2], pwq.address_ | 0x7, asleep, asleep, update)
    put(waiting, first, second)
    put(asleep, third, third)
    put(worker.current_func.address_, update, pwq.address_)
    put(pwq.nr_active.address_, 3)
    (row,) = rows(kernel, "workqueues", "events_long")
    assert row["active"] == 3
    assert row["pending"] == ["vmstat_shepherd x 2"]
    assert row["inactive"] == ["vmstat_update"]
    assert row["running"] == ["vmstat_update"]
    (row,) = rows(kernel, "workers", worker.task.comm.value_())
    assert (row["running"], row["queue"]) == ("vmstat_update", "events_long")
