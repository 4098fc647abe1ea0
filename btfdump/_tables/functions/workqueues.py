"""Columns of workqueues: what is queued, and what runs (kernel/workqueue.c)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from btfdump._kernel.variables import find_global
from btfdump._tables.functions import column
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_IS_POOL_WORKQUEUE = 0x4
"""WORK_STRUCT_PWQ: `data` of a work holds the address of what it is queued on, and flags."""
_FLAG_BITS = range(8, 11)
"""How many bits flags may take: WORK_STRUCT_FLAG_BITS, which several options of a kernel change."""
_MOST_WORKS = 1 << 20


@column()
def pool_workqueues(kernel: Context) -> Callable[[Value], int]:
    """How many pools a workqueue gives work to: its `pwqs`."""
    del kernel
    return lambda queue: sum(1 for _ in queue.pwqs.walk_())


@column()
def active_works(kernel: Context) -> Callable[[Value], int]:
    """How many works of a workqueue run, or wait for a worker: `nr_active` of its `pwqs`."""
    del kernel
    return lambda queue: sum(count for (count,) in queue.pwqs.project_("nr_active"))


@column()
def inactive_works(kernel: Context) -> Callable[[Value], list[str]]:
    """The functions that wait until a workqueue has fewer active works.

    The list was called delayed_works until 5.14 (f97a4a1a3f87: workqueue: Rename "delayed" (delayed
    by active management) to "inactive").
    """

    def of(queue: Value) -> list[str]:
        found: Counter[int] = Counter()
        for pwq in queue.pwqs.walk_():
            is_new = pwq.has_member_("inactive_works")
            _count(found, pwq.inactive_works if is_new else pwq.delayed_works)
        return _told(kernel, found)

    return of


def _count(found: Counter[int], works: Value) -> None:
    """Count the functions of a list of works."""
    for number, (function,) in enumerate(works.project_("func")):
        if number == _MOST_WORKS:
            raise CorruptDataError(f"more than {number} works", works.address_)
        found[function] += 1


def _told(kernel: Context, functions: Counter[int]) -> list[str]:
    """Return the names of functions, with how often each is there if that is not once."""
    return [
        (kernel.symbolize(function) or hex(function)) + (f" x {count}" if count > 1 else "")
        for function, count in functions.items()
    ]


@column()
def pending_works(kernel: Context) -> Callable[[Value], list[str]]:
    """The functions of a workqueue that wait for a worker of their pool."""
    works = _Works(kernel)
    return lambda queue: _told(kernel, works.pending(queue.address_))


@column()
def running_works(kernel: Context) -> Callable[[Value], list[str]]:
    """The functions of a workqueue that workers run, its rescuer included."""
    works = _Works(kernel)

    def of(queue: Value) -> list[str]:
        found = Counter(works.running(queue.address_))
        if queue.rescuer and queue.rescuer.current_func:
            found[int(queue.rescuer.current_func)] += 1
        return _told(kernel, found)

    return of


class _Works:
    """The works of all pools by the address of their workqueue, read once unless they change."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._known: tuple[dict[int, Counter[int]], dict[int, Counter[int]]] | None = None

    def pending(self, queue: int) -> Counter[int]:
        """Return how many works of each function wait for a worker."""
        return self._read()[0].get(queue, Counter())

    def running(self, queue: int) -> Counter[int]:
        """Return how many works of each function run."""
        return self._read()[1].get(queue, Counter())

    def _read(self) -> tuple[dict[int, Counter[int]], dict[int, Counter[int]]]:
        if self._known is not None:
            return self._known
        kernel = self._kernel
        queue_of = {
            pwq.address_: queue.address_
            for queue in find_global(kernel, "workqueues").walk_()
            for pwq in queue.pwqs.walk_()
        }
        pending: dict[int, Counter[int]] = {}
        running: dict[int, Counter[int]] = {}
        for pool in find_global(kernel, "worker_pool_idr").walk_():
            for data, function in _queued(pool):
                queue = queue_of.get(_owner(data, queue_of), 0)
                pending.setdefault(queue, Counter())[function] += 1
            for function, pwq in pool.workers.project_("current_func", "current_pwq"):
                if function:
                    queue = queue_of.get(pwq, 0)
                    running.setdefault(queue, Counter())[function] += 1
        found = pending, running
        if not kernel.target.is_live:
            self._known = found
        return found


def _queued(pool: Value) -> Iterator[tuple[int, int]]:
    """Yield `data` and `func` of the works that wait in a pool, or for one of its workers."""
    lists = [pool.worklist, *(worker.scheduled for worker in pool.workers.walk_())]
    for number, works in enumerate(lists):
        if number == _MOST_WORKS:
            return
        for count, (data, function) in enumerate(works.project_("data.counter", "func")):
            if count == _MOST_WORKS:
                raise CorruptDataError(f"more than {count} works", works.address_)
            yield data, function


def _owner(data: int, known: dict[int, int]) -> int:
    """Return the address of the `struct pool_workqueue` in `data` of a work, 0 for none."""
    if data & _IS_POOL_WORKQUEUE:
        for bits in _FLAG_BITS:
            address = (data & (1 << 64) - 1) >> bits << bits
            if address in known:
                return address
    return 0
