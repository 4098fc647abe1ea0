"""Every task that waits for something, with where that lies and who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.notes import Note, note_of
from btfdump._places.member_at import member_at
from btfdump._places.place import STACK, UNKNOWN, Places
from btfdump._places.stacks import stack_pointer
from btfdump._system.waiters.on_stack import words_of
from btfdump._system.waiters.owners import Owner, chain_of, owner_of
from btfdump._system.waiters.queues import (
    BIT,
    COMPLETION,
    MUTEX,
    PAGE,
    RT_MUTEX,
    RWSEM,
    SEMAPHORE,
    SIMPLE,
    Queues,
)
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._system.waiters.owners import Chain
    from btfdump._system.waiters.queues import Waiting

_STRUCTS = {
    MUTEX: "mutex",
    RWSEM: "rw_semaphore",
    SEMAPHORE: "semaphore",
    RT_MUTEX: "rt_mutex_base",
    COMPLETION: "completion",
    SIMPLE: "swait_queue_head",
    BIT: "",
    PAGE: "",
}
_QUEUE = "wait_queue_head"
"""What is waited for: by kind, and of the other kinds."""


class Waiter(NamedTuple):
    """A task that waits: `where` is what `waiting.address` is called."""

    task: Value
    waiting: Waiting
    where: str
    owner: Owner
    chain: Chain


class Waiters:
    """The tasks of a kernel that wait; `others` sleep as well, but in no queue that was found."""

    def __init__(self, kernel: Context, tasks: Callable[[], Iterable[Value]]) -> None:
        self._kernel = kernel
        self.tasks = {task.address_: task for task in tasks()}
        self._places = Places(kernel, self.tasks.values)
        self.others = 0

    def each(self) -> Iterator[Waiter | Note]:
        """Yield each, and what could not be read."""
        queues = Queues(self._kernel, self._places.stacks, self.tasks)
        found: list[tuple[Value, Waiting, Owner]] = []
        for task in self.tasks.values():
            try:
                waits = list(self._of(queues, task))
                found += [(task, one, owner_of(self._kernel, one)) for one in waits]
            except BtfdumpError as error:
                yield note_of(error, f"stack of task {task.address_:#x}")
        if self._places.stacks.problem:
            yield Note(self._places.stacks.problem)
        owners = {task.address_: owner.task for task, _, owner in found if owner.task}
        for task, waiting, owner in found:
            own = owners if owner.task else {}
            yield Waiter(task, waiting, self._where(waiting), owner, chain_of(task.address_, own))

    def _of(self, queues: Queues, task: Value) -> Iterator[Waiting]:
        """Yield what a task waits for that sleeps: one that runs has no saved stack pointer."""
        state = task.member_("__state" if task.has_member_("__state") else "state")
        pointer, stack = stack_pointer(task), int(task.stack)
        if not int(state) or pointer is None or not stack:
            return
        words = words_of(self._kernel, self._places.stacks, stack, pointer)
        if words is None:
            return
        is_none = True
        for one in queues.of(task.address_, words):
            is_none = False
            yield one
        self.others += is_none

    def _where(self, waiting: Waiting) -> str:
        """Return what lies at an address, down to the lock or queue and not into it."""
        place = self._places.of(waiting.address)
        path = f".{place.path}" if place.path and place.path[0] not in "+[" else place.path
        struct = _STRUCTS.get(waiting.kinds[0], _QUEUE)
        if struct and len(waiting.kinds) == 1:
            layout = self._kernel.layouts.of(self._kernel.own_type(f"struct {struct}"))
            path = path.removesuffix(f".{member_at(self._kernel.layouts, layout, 0).text}")
        holder = place.holder
        if place.kind == UNKNOWN:
            holder = f"{waiting.address:#x}"
        elif place.kind == STACK and place.value is not None:
            holder = f"stack of {place.value.comm.value_()} {int(place.value.pid)} "
        return " ".join(filter(None, (f"{holder}{path}", waiting.more)))
