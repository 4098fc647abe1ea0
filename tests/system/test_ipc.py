"""System V IPC, of which no guest has any: objects that tests put into real kernels."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import Query, table_of
from btfdump._system.ipc import IpcObjects, ipc_namespaces
from tests.support.patched import PatchedKernel


def put(kernel: PatchedKernel, member: Any, number: int) -> None:
    data = number.to_bytes(member.size_, kernel.target.platform.byteorder)
    kernel.target.write(member.address_, data)


@pytest.fixture(params=["stock", "stock-7.3", "s390x"])
def kernel(opened, request):
    """A kernel with shared memory, a queue and semaphores, each alone in its table."""
    found = PatchedKernel(opened(request.param))
    start = found.symbol("__log_buf")
    found.target.write(start, bytes(4096))
    init = int(found.task(1).thread_pid)
    namespace = found["init_ipc_ns"]
    for position, (struct, inside) in enumerate(
        (("sem_array", "sem_perm"), ("msg_queue", "q_perm"), ("shmid_kernel", "shm_perm"))
    ):
        one = value_at(found, f"struct {struct}", start + 1024 * position)
        access = one.member_(inside)
        for name, number in (("id", 32768 + position), ("key", 0xFFFFFFF0), ("mode", 0o1640)):
            put(found, access.member_(name), number)
        put(found, access.uid.val, 1000)
        put(found, namespace.ids[position].ipcs_idr.idr_rt.xa_head, access.address_)
    put(found, value_at(found, "struct sem_array", start).sem_nsems, 5)
    queue = value_at(found, "struct msg_queue", start + 1024)
    for name, number in (("q_cbytes", 300), ("q_qnum", 3), ("q_lspid", init)):
        put(found, queue.member_(name), number)
    memory = value_at(found, "struct shmid_kernel", start + 2048)
    for name, number in (("shm_segsz", 8192), ("shm_nattch", 2), ("shm_cprid", init)):
        put(found, memory.member_(name), number)
    return found


def rows(kernel: Any, *patterns: str) -> list[Any]:
    kind = table_of("ipcs")
    assert kind is not None
    return list(kind.table(kernel, Query(patterns)).rows)


def test_objects_of_each_kind(kernel):
    found = rows(kernel)
    assert [(row["kind"], row["id"], row["bytes"], row["items"], row["pid"]) for row in found] == [
        ("sem", 32768, None, 5, None),
        ("msg", 32769, 300, 3, 1),
        ("shm", 32770, 8192, 2, 1),
    ]
    assert {(row["key"], row["uid"], row["mode"]) for row in found} == {(0xFFFFFFF0, 1000, 0o640)}
    assert found[0]["address"] == kernel.symbol("__log_buf")
    assert len({row["namespace"] for row in found}) == 1


def test_arguments_are_kinds_or_ids(kernel):
    assert [row["kind"] for row in rows(kernel, "shm")] == ["shm"]
    assert [row["kind"] for row in rows(kernel, "32769")] == ["msg"]


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged", "s390x", "garden"])
def test_guests_have_none(opened, name):
    assert rows(opened(name)) == []


def test_namespaces_are_those_of_tasks(opened):
    kernel = opened("stock")
    found = ipc_namespaces(kernel, kernel.tasks())
    assert found[0].address_ == kernel.symbol("init_ipc_ns")
    own = {int(task.nsproxy.ipc_ns) for task in kernel.tasks() if task.nsproxy}
    assert {one.address_ for one in found} == own


def test_what_cannot_be_read_is_told(kernel):
    word = 0x1234 << 44
    put(kernel, kernel["init_ipc_ns"].ids[2].ipcs_idr.idr_rt.xa_head, word)
    troubles = Troubles()
    found = list(IpcObjects(kernel, troubles).each(kernel["init_ipc_ns"]))
    notes = [one.text for one in found if isinstance(one, Note)]
    assert len([one for one in found if not isinstance(one, Note) and one.kind != "shm"]) == 2
    assert notes or troubles.taken()
