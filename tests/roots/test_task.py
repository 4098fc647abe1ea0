"""The tasks of a kernel that goes on running: each once, and those that exit are told."""

from __future__ import annotations

import pytest

from btfdump._roots.task import fate
from btfdump.errors import ObjectNotFoundError
from tests.support.running import live
from tests.support.synthetic import World


class Tasks:
    """Two processes; the first one has a second thread."""

    def __init__(self):
        self.world = world = World()
        world.struct("pid", [("level", "u32")])
        world.struct("signal_struct", [("thread_head", "struct list_head")])
        world.struct(
            "task_struct",
            [
                ("pid", "int"),
                ("comm", "char[16]"),
                ("tasks", "struct list_head"),
                ("thread_node", "struct list_head"),
                ("group_leader", "struct task_struct *"),
                ("signal", "struct signal_struct *"),
                ("thread_pid", "struct pid *"),
            ],
        )
        self.signals = [world.new("signal_struct") for _ in range(2)]
        self.pids = [world.new("pid", level=1) for _ in range(3)]
        self.idle = self.task(0, None)
        self.one, self.two = self.task(1, 0), self.task(2, 1)
        self.thread = self.task(3, 0, self.one)
        self.link([self.one, self.two], [self.one, self.thread], [self.two])
        world.symbols["init_task"] = self.idle
        self.kernel = live(world)

    def task(self, pid, signal, leader=None):
        address = self.world.new("task_struct", pid=pid, comm=b"task")
        self.world.set(address, "task_struct.group_leader", leader or address)
        self.world.set(address, "task_struct.thread_pid", self.pids[pid - 1])
        if signal is not None:
            self.world.set(address, "task_struct.signal", self.signals[signal])
        return address

    def link(self, processes, *threads):
        world = self.world
        tasks, node = self.offset("tasks"), self.offset("thread_node")
        world.link("list_head", self.idle + tasks, [task + tasks for task in processes])
        for signal, group in zip(self.signals, threads, strict=True):
            world.link("list_head", signal, [task + node for task in group])

    def offset(self, member):
        return self.world.offset(f"task_struct.{member}")


def test_tasks_of_a_kernel_at_rest():
    world = Tasks()
    assert [int(task.pid) for task in world.kernel.tasks()] == [1, 3, 2]


def test_a_signal_struct_that_has_become_another_process_s():
    """The first process exits once it has been read; the second one's threads are in its place."""
    world = Tasks()
    found = []
    for task in world.kernel.tasks():
        found.append(int(task.pid))
        if found == [1]:
            world.link([world.two], [world.two], [])
            world.world.set(world.two, "task_struct.signal", world.signals[0])
    assert found == [1, 2]


def test_a_thread_that_becomes_a_process_is_not_given_twice():
    """exec() of a thread that is no leader: it takes the leader's place in the list."""
    world = Tasks()
    found = []
    for task in world.kernel.tasks():
        found.append(int(task.pid))
        if found == [1, 3]:
            world.link([world.thread, world.two], [world.thread], [world.two])
            world.kernel.target.write(
                world.one + world.offset("tasks") + 8, world.world.pack(0xDEAD000000000122)
            )
    assert found == [1, 3, 2]


def test_a_task_that_exits_is_told():
    world = Tasks()
    task = world.kernel.task(3).read_()
    assert fate(task) == ""
    world.world.set(world.thread, "task_struct.thread_pid", 0)
    assert "exited while it was shown" in fate(task)
    world.kernel.target.unmap(world.thread, 64)
    assert "exited while it was shown" in fate(task)
    world.kernel.target.is_live = False
    assert fate(task) == ""


def test_no_such_task():
    with pytest.raises(ObjectNotFoundError):
        Tasks().kernel.task(9)
