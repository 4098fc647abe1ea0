"""What waits for a CPU: the tasks on a `struct rq` (kernel/sched/sched.h), class by class."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from btfdump._kernel.value_at import offset_of, value_at
from btfdump._tables.functions import column, objects
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

TASK = "struct task_struct"
_MOST_TASKS = 1 << 20
_MOST_QUEUES = 1 << 16
"""Queues of groups, inside each other, of one CPU."""
_CURRENT, _DEADLINE, _REALTIME, _EXT, _FAIR = "current", "dl", "rt", "ext", "cfs"
_DELAYED = "delayed"


@objects(TASK)
def queued(kernel: Context) -> Callable[[Value], Iterator[Value]]:
    """The task that a CPU runs, and those that wait for it; the key is the class of the queue.

    They come in the order in which classes go first, and inside a class in that of its queue.
    """
    finders = ((_DEADLINE, _of_deadline), (_REALTIME, _realtime), (_EXT, _ext), (_FAIR, _fair))

    def of(rq: Value) -> Iterator[Value]:
        running = rq.curr.deref_()
        given = {running.address_}
        yield _keyed(running, _CURRENT)
        for name, find in finders:
            for task in islice(find(kernel, rq), _MOST_TASKS):
                # What runs stays in the queues of some classes.
                if task.address_ not in given:
                    given.add(task.address_)
                    yield _keyed(task, _DELAYED if _is_delayed(task) else name)

    return of


def _keyed(task: Value, name: str) -> Value:
    task.key_ = name
    return task


def _is_delayed(task: Value) -> bool:
    """Whether a task sleeps, and only stays in its tree until its lag is used up (since 6.12)."""
    return task.se.has_member_("sched_delayed") and bool(task.se.sched_delayed)


def _of_deadline(kernel: Context, rq: Value) -> Iterator[Value]:
    """Yield the tasks of the deadline class; what it has of servers is no task (since 6.8)."""
    for entity in rq.dl.root.walk_():
        if not (entity.has_member_("dl_server") and entity.dl_server):
            yield _holder(kernel, entity, "dl")


def _realtime(kernel: Context, rq: Value) -> Iterator[Value]:
    """Yield the tasks of the realtime class by priority, with those of groups in their places."""
    yield from _grouped(kernel, rq.rt, _of_priorities, "rt")


def _fair(kernel: Context, rq: Value) -> Iterator[Value]:
    """Yield the tasks of the fair class as its trees have them, those of groups in their places."""
    yield from _grouped(kernel, rq.cfs, _of_timeline, "se")


def _ext(kernel: Context, rq: Value) -> Iterator[Value]:
    """Yield the tasks of the extensible class that can run (CONFIG_SCHED_CLASS_EXT)."""
    del kernel
    if rq.has_member_("scx"):
        yield from rq.scx.runnable_list.walk_()


def _of_priorities(queue: Value) -> Iterator[Value]:
    for head in queue.active.queue:
        yield from head.walk_()


def _of_timeline(queue: Value) -> Iterator[Value]:
    """Yield the entities of a `struct cfs_rq`; the one that runs is not in the tree."""
    if queue.curr:
        yield queue.curr.deref_()
    yield from queue.tasks_timeline.walk_()


def _grouped(
    kernel: Context, queue: Value, entities: Callable[[Value], Iterator[Value]], member: str
) -> Iterator[Value]:
    """Yield the tasks of a queue whose entities are tasks or, with `my_q`, queues of groups.

    Each is followed in its place; `member` is what a task has of an entity.
    """
    seen = {queue.address_}
    pending = [entities(queue)]
    while pending:
        entity = next(pending[-1], None)
        if entity is None:
            pending.pop()
        elif not (entity.has_member_("my_q") and entity.my_q):
            yield _holder(kernel, entity, member)
        else:
            inner = entity.my_q.deref_()
            if inner.address_ in seen or len(seen) == _MOST_QUEUES:
                raise CorruptDataError("queues of groups lead back to one of them", inner.address_)
            seen.add(inner.address_)
            pending.append(entities(inner))


def _holder(kernel: Context, entity: Value, member: str) -> Value:
    """Return the task that has an entity."""
    start = kernel.wrap(entity.address_ - offset_of(kernel, TASK, member))
    return value_at(kernel, TASK, start)


@column()
def scheduling(kernel: Context) -> Callable[[int | None], str | None]:
    """The class of a task by its `sched_class`: `fair`, `rt`, `dl`, `idle`, `stop`, `ext`."""

    def of(address: int | None) -> str | None:
        name = kernel.symbolize(address) if address else None
        return name.removesuffix("_sched_class") if name else None

    return of
