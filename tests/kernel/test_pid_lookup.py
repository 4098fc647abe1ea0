"""The task of a pid, found by way of `init_pid_ns.idr` as find_task_by_pid_ns() does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.pid_lookup import comm_of
from btfdump._kernel.surroundings import KernelSurroundings
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_every_task_is_found_by_its_pid(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    tasks = list(kernel.tasks())
    assert len(tasks) > 60
    assert all(comm_of(kernel, int(task.pid)) == task.comm for task in tasks)
    assert KernelSurroundings(kernel).pid(1) == "init"


def test_numbers_that_are_no_pids_have_no_task(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("stock")
    pids = {int(task.pid) for task in kernel.tasks()}
    groups = [number for number in range(500) if number not in pids]
    assert {comm_of(kernel, number) for number in groups} == {""}
    assert {comm_of(kernel, number) for number in (-1, 1 << 12, 1 << 30, (1 << 64) + 1)} == {""}


def test_a_damaged_tree_ends(opened: Callable[[str], Kernel]) -> None:
    """A node that is its own child is gone down a few levels; a head into nowhere finds nothing."""
    plain = opened("stock")
    head = plain["init_pid_ns"].idr.idr_rt.xa_head
    node = int(head) & ~3
    slots = plain.value("struct xa_node", node).slots
    for where, what in ((head.address_, 0x1002), (slots[1].address_, node | 2)):
        kernel = PatchedKernel(plain)
        kernel.target.write(where, what.to_bytes(8, "little"))
        assert comm_of(kernel, 65) == ""
