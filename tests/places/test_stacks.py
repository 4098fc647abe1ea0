"""Stacks: whose they are, and what of them is in use."""

from __future__ import annotations

import pytest

from btfdump._places.stacks import Stacks


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_whose_stack_an_address_is_on(opened, name):
    kernel = opened(name)
    stacks = Stacks(kernel.tasks())
    assert (stacks.size, stacks.problem) == (1 << 14, "")
    for task in kernel.tasks():
        if not task.stack:  # a zombie
            continue
        found = stacks.find(int(task.stack) + 0x100)
        assert found is not None
        assert (found.task.address_, found.offset) == (task.address_, 0x100)
        if int(task.on_cpu):
            assert found.is_stale is None
        else:
            pointer = int(task.thread.ksp if name == "s390x" else task.thread.sp)
            states = [stacks.find(at) for at in (pointer - 8, pointer)]
            assert [found and found.is_stale for found in states] == [True, False]
    assert stacks.find(kernel.task(1).address_) is None


def test_tasks_that_cannot_be_read(patched, poke):
    poke(patched.task(1).tasks.next, 0x10)
    stacks = Stacks(patched.tasks())
    assert "stacks: " in stacks.problem
    assert stacks.find(int(patched.task(1).stack)) is not None
