"""Every task quickly: the same tasks and the same complaints as the careful walk."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._roots.every_task import every_task
from btfdump._roots.task import tasks
from btfdump.errors import CorruptDataError


def outcome(found: Any) -> tuple[list[int], str]:
    addresses: list[int] = []
    try:
        addresses.extend(task.address_ for task in found)
    except CorruptDataError as error:
        return addresses, str(error)
    return addresses, ""


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_all_of_a_real_kernel(opened, name):
    kernel = opened(name)
    found, error = outcome(every_task(kernel))
    assert (found, error) == outcome(tasks(kernel))
    assert len(found) > 50
    assert not error


@pytest.mark.parametrize("what", ["thread next", "head", "tasks", "prev", "signal"])
def test_damage_is_told_as_by_the_careful_walk(patched, poke, what):
    task = next(t for t in patched.tasks() if int(t.pid) > 80)
    member = {
        "thread next": lambda: task.thread_node.next,
        "head": lambda: task.signal.thread_head.next,
        "tasks": lambda: task.tasks.next,
        "prev": lambda: task.tasks.prev,
        "signal": lambda: task.signal,
    }[what]()
    poke(member, 0x1000)
    expected = outcome(tasks(patched))
    assert outcome(every_task(patched)) == expected
    assert expected[1] or what == "prev"


def test_a_live_kernel_is_walked_with_care(opened, monkeypatch):
    kernel = opened("tagged")
    monkeypatch.setattr(type(kernel.target), "is_live", True, raising=False)
    assert [t.address_ for t in every_task(kernel)] == [t.address_ for t in tasks(kernel)]
