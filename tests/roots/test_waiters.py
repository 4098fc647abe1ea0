"""The table of tasks that wait."""

from __future__ import annotations

from typing import Any

from btfdump._kernel.notes import Note
from btfdump._places.stacks import stack_pointer
from btfdump._roots import Query, table_of
from tests.system.waiters.conftest import Waited


def rows(kernel: Any, *patterns: str) -> tuple[dict[str, Any], list[str]]:
    kind = table_of("waiters")
    assert kind is not None
    table = kind.table(kernel, Query(patterns))
    found: list[Any] = list(table.rows)
    assert not [row for row in found if isinstance(row, Note)]
    return {row["comm"]: row for row in found}, table.last_words()


def test_a_deadlock_is_told(opened):
    kernel = Waited(opened("stock"))
    alpha, beta, gamma = (kernel.called(name) for name in ("w_alpha", "w_beta", "w_gamma"))
    first, second = (kernel.symbol_of("mutex", name) for name in ("rtnl_mutex", "cgroup_mutex"))
    for mutex, owner, waiting in ((first, beta, (alpha, gamma)), (second, alpha, (beta,))):
        kernel.owned("mutex", mutex, owner, 1)
        kernel.waits("mutex", mutex, *waiting)
    found, _ = rows(kernel)
    row = found["w_alpha"]
    assert (row["kind"], row["where"], row["address"]) == ("mutex", "rtnl_mutex", first)
    assert (row["owner"], row["owner_comm"], row["owner_state"]) == (186, "w_beta", "S")
    assert (row["chain"], row["deadlock"]) == ("w_beta 186 -> w_alpha 184", True)
    assert found["w_gamma"]["chain"] == "w_beta 186 -> w_alpha 184 -> w_beta 186"
    assert found["w_gamma"]["deadlock"]
    assert not found["oom_reaper"]["deadlock"]


def test_of_many_that_read_none_is_named(opened):
    kernel = Waited(opened("stock"))
    alpha = kernel.called("w_alpha")
    semaphore = kernel.symbol_of("rw_semaphore", "pernet_ops_rwsem")
    kernel.waits("rw_semaphore", semaphore, alpha)
    kernel.put(semaphore, 1 << 8 | 2)
    kernel.owned("rw_semaphore", semaphore, alpha, 1)
    pointer = stack_pointer(alpha)
    assert pointer is not None
    kernel.put(pointer + 8, kernel.symbol("rwsem_down_read_slowpath") + 16)
    found, _ = rows(kernel, "w_alpha")
    assert (found["w_alpha"]["owner"], found["w_alpha"]["owner_comm"]) == (None, "1 reader")


def test_others_are_counted(opened):
    found, words = rows(opened("stock"))
    assert words == ["71 more sleep in no queue: for a signal, a timer, or until they are woken"]
    assert found["w_vparent"]["where"].startswith("stack of w_vparent 199 +")
    assert (found["init"]["pid"], found["init"]["state"]) == (1, "S")
    assert rows(opened("stock"), "ksmd")[1] == []
    assert list(rows(opened("stock"), "ksmd")[0]) == ["ksmd"]
