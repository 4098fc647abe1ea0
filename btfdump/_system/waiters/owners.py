"""Who has what a task waits for, and who waits for whom in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._system.waiters.on_stack import Memory
from btfdump._system.waiters.queues import MUTEX, RT_MUTEX, RWSEM, SEMAPHORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._kernel.context import Context
    from btfdump._system.waiters.queues import Waiting

_MUTEX_FLAGS, _RWSEM_FLAGS, _RT_FLAGS = 7, 3, 1
_WRITER = 1
_READERS_SHIFT = 8
"""kernel/locking/rwsem.c: RWSEM_WRITER_LOCKED, RWSEM_READER_SHIFT."""
_MOST_LINKS = 1 << 12


class Owner(NamedTuple):
    """Who has a lock: the address of a task, or 0; `more` says what else is known."""

    task: int = 0
    more: str = ""


def owner_of(kernel: Context, waiting: Waiting) -> Owner:
    """Return who has what is waited for; nobody has a queue. Raises `FaultError`.

    A semaphore for reading and writing that is read has many owners, of which none is known.
    """
    if len(waiting.kinds) != 1:
        return Owner()
    (kind,), memory = waiting.kinds, Memory(kernel)
    if kind == MUTEX:
        at = kernel.struct("mutex").offset("owner")
        return Owner(memory.pointer(waiting.address + at) & ~_MUTEX_FLAGS)
    if kind == RWSEM:
        known = kernel.struct("rw_semaphore")
        count = memory.pointer(waiting.address + known.offset("count"))
        if not count & _WRITER:
            readers = count >> _READERS_SHIFT
            return Owner(more=f"{readers} reader{'s' * (readers != 1)}")
        return Owner(memory.pointer(waiting.address + known.offset("owner")) & ~_RWSEM_FLAGS)
    if kind == SEMAPHORE and "last_holder" in kernel.struct("semaphore"):
        at = kernel.struct("semaphore").offset("last_holder")
        return Owner(memory.pointer(waiting.address + at), "the last that got it")
    if kind == RT_MUTEX:
        base = kernel.struct("rt_mutex_base")
        return Owner(memory.pointer(waiting.address + base.offset("owner")) & ~_RT_FLAGS)
    return Owner()


class Chain(NamedTuple):
    """The tasks that a task waits for, one after the other; `is_circle`: the last is among them."""

    tasks: tuple[int, ...]
    is_circle: bool


def chain_of(task: int, owners: Mapping[int, int]) -> Chain:
    """Return whom a task waits for in the end; `owners` has who has what each task waits for."""
    found: list[int] = []
    current = task
    while current in owners and len(found) < _MOST_LINKS:
        following = owners[current]
        is_circle = following == task or following in found
        found.append(following)
        if is_circle:
            return Chain(tuple(found), is_circle=True)
        current = following
    return Chain(tuple(found), is_circle=False)
