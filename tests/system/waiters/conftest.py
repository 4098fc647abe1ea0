"""Tasks of real kernels that wait for locks which tests make them wait for."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._places.stacks import stack_pointer
from btfdump._roots.task import tasks
from btfdump._system.waiters.every import Waiters
from tests.support.patched import PatchedKernel


class Waited(PatchedKernel):
    """A kernel whose tasks have entries in queues put on their stacks, at their stack pointers."""

    def called(self, comm: str) -> Any:
        return next(task for task in self.tasks() if task.comm == comm)

    def put(self, address: int, number: int) -> None:
        width = self.layouts.pointer_size
        data = (number % (1 << 8 * width)).to_bytes(width, self.layouts.byteorder)
        self.target.write(address, data)

    def entry(self, task: Any, struct: str, own: str, at: int = 64) -> int:
        """Return the address of an entry on a task's stack that names the task."""
        pointer = stack_pointer(task)
        assert pointer is not None
        address = pointer + at
        known = self.struct(struct)
        self.target.write(address, bytes(known.size))
        self.put(address + known.offset(own), task.address_)
        return address

    def link(self, *nodes: int) -> None:
        """Make a ring of lists."""
        for node, following in zip(nodes, (*nodes[1:], nodes[0]), strict=True):
            self.put(node, following)
            self.put(following + self.layouts.pointer_size, node)

    def waits(self, lock: str, address: int, *waiting: Any, at: int = 64) -> None:
        """Let tasks wait for a lock: in the list that begins in it, or that it points to."""
        waiter = {"mutex": "mutex_waiter", "rw_semaphore": "rwsem_waiter"}.get(
            lock, "semaphore_waiter"
        )
        nodes = [self.entry(task, waiter, "task", at) for task in waiting]
        known = self.struct(lock)
        if "first_waiter" in known:
            self.link(*nodes)
            self.put(address + known.offset("first_waiter"), nodes[0])
            for task in waiting:  # somewhere the function has the lock itself
                self.put((stack_pointer(task) or 0) + 16, address)
        else:
            self.link(address + known.offset("wait_list"), *nodes)

    def owned(self, lock: str, address: int, task: Any, flags: int) -> None:
        self.put(address + self.struct(lock).offset("owner"), task.address_ | flags)

    def told(self) -> tuple[dict[str, Any], list[str]]:
        """Return what tasks wait for, by name, and the notes."""
        items = list(Waiters(self, lambda: tasks(self)).each())
        notes = [one.text for one in items if isinstance(one, Note)]
        return {w.task.comm.value_(): w for w in items if not isinstance(w, Note)}, notes

    def symbol_of(self, struct: str, name: str) -> int:
        """Return the address of a variable, with nothing in it."""
        address = self.symbol(name)
        self.target.write(address, bytes(self.struct(struct).size))
        assert value_at(self, f"struct {struct}", address).size_
        return address


TASKS = {"stock": ("w_alpha", "w_beta", "w_gamma"), "stock-7.3": ("oak", "birch", "cedar")}
TASKS["s390x"] = TASKS["stock"]


@pytest.fixture(params=list(TASKS))
def waited(opened, request):
    kernel = Waited(opened(request.param))
    return kernel, *(kernel.called(name) for name in TASKS[request.param])
