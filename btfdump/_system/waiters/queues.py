"""Which queue an entry on a task's stack is in: of a lock, a wait queue, a completion, a page."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from btfdump._system.waiters.on_stack import Memory, Words
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._places.stacks import Stacks
    from btfdump._walk.structs import KernelStruct

MUTEX, RWSEM, SEMAPHORE, RT_MUTEX = "mutex", "rwsem", "semaphore", "rt_mutex"
QUEUE, SIMPLE, COMPLETION = "wait queue", "swait queue", "completion"
POLL, EPOLL, CHILD, BIT, PAGE = "poll", "epoll", "child", "bit", "page"
_LOCKS = {
    MUTEX: ("mutex", "mutex_waiter"),
    RWSEM: ("rw_semaphore", "rwsem_waiter"),
    SEMAPHORE: ("semaphore", "semaphore_waiter"),
}
_CALLED = {
    MUTEX: ("mutex_lock", "__mutex_lock", "__ww_mutex_lock"),
    RWSEM: ("rwsem_down", "down_read", "down_write", "__down_read", "__down_write"),
    SEMAPHORE: (
        *("__down+", "__down_common", "__down_interruptible", "__down_killable", "__down_timeout"),
        *("down+", "down_interruptible", "down_killable", "down_timeout"),
    ),
    COMPLETION: ("wait_for_completion", "__wait_for_common", "do_wait_for_common"),
}
"""How functions begin that a task sleeps in (kernel/locking, kernel/sched/completion.c)."""
_BY_WAKE = {
    "wake_bit_function": BIT,
    "var_wake_function": BIT,
    "wake_page_function": PAGE,
    "child_wait_callback": CHILD,
    "ep_autoremove_wake_function": EPOLL,
    "ep_poll_wakeup_proc": EPOLL,
}
"""What an entry waits for, by what wakes it."""
_MOST_POLLED = 1 << 10


class Waiting(NamedTuple):
    """What a task waits for: the address of the lock, queue or page, of which kind it is.

    `kinds` has several where nothing tells which; then it is the lowest of their addresses.
    """

    kinds: tuple[str, ...]
    address: int
    more: str = ""

    @property
    def kind(self) -> str:
        """The kind, or those that are possible."""
        return " or ".join(self.kinds)


class Queues:
    """Finds what tasks of one kernel wait for; `tasks` are the addresses of them all."""

    def __init__(self, kernel: Context, stacks: Stacks, tasks: Mapping[int, object]) -> None:
        self._kernel = kernel
        self._memory = Memory(kernel)
        self._stacks = stacks
        self._tasks = tasks
        self._width = kernel.layouts.pointer_size
        self._taken: set[int] = set()
        self._structs: dict[str, KernelStruct | None] = {}

    def of(self, task: int, words: Words) -> Iterator[Waiting]:
        """Yield what a task waits for: several queues in poll(), none for a timer or a signal."""
        found: dict[int, Waiting] = {}
        self._taken = set()
        places = list(words.places_of(task, self._width))
        for place in places:
            for one in chain(
                self._queue(place),
                self._simple(place, words),
                self._poll(place, words),
                self._rt_mutex(place),
            ):
                found.setdefault(one.address, one)
        for place in places:
            for one in self._lock(task, place, words):
                found.setdefault(one.address, one)
        yield from found.values()

    # Locks

    def _lock(self, task: int, place: int, words: Words) -> Iterator[Waiting]:
        """Find a lock: a word that follows an entry of a queue may be the task, too."""
        rings: dict[int, list[int] | None] = dict.fromkeys(self._taken)
        possible: dict[str, int] = {}
        for kind, (_, waiter) in _LOCKS.items():
            struct = self._struct(waiter)
            if struct is None:
                continue
            node = place - struct.offset("task") + struct.offset("list")
            if node not in rings:
                rings[node] = self._memory.ring(node)
            ring = rings[node]
            if ring is not None and (found := self._lock_of(kind, task, ring, words)):
                possible[kind] = found
        if len(possible) > 1:
            possible = self._called(possible, words)
        if possible:
            yield Waiting(tuple(possible), min(possible.values()))

    def _lock_of(self, kind: str, task: int, ring: list[int], words: Words) -> int | None:
        """Return the lock in whose list the nodes of a ring are, None if it is of another kind."""
        lock = self._struct(_LOCKS[kind][0])
        if lock is None:
            return None
        waiter = self._struct(_LOCKS[kind][1])
        assert waiter is not None
        heads = [node for node in ring if not self._is_waiter(node, waiter)]
        if "wait_list" in lock:
            if len(heads) != 1:
                return None
            found = heads[0] - lock.offset("wait_list")
            return found if self._is_lock(kind, found) else None
        if heads or "first_waiter" not in lock:
            return None
        # Since 7.1 a lock points to its first waiter, and is not in the ring itself.
        first = lock.offset("first_waiter")
        entries = {node - waiter.offset("list") for node in ring}
        for candidate in dict.fromkeys([*self._blockers(task), *words.words]):
            if not candidate or candidate % self._width:
                continue
            try:
                if self._memory.pointer(candidate + first) not in entries:
                    continue
            except FaultError:
                continue
            if self._is_lock(kind, candidate):
                return candidate
        return None

    def _blockers(self, task: int) -> list[int]:
        """Return what the task itself says that it waits for, where kernels are built to say it.

        `blocked_on` is a mutex, the lowest bits of `blocker` a kind (include/linux/hung_task.h).
        """
        known = self._struct("task_struct")
        assert known is not None
        names = [name for name in ("blocked_on", "blocker") if name in known]
        return [self._memory.pointer(task + known.offset(name)) & ~3 for name in names]

    def _is_waiter(self, node: int, waiter: KernelStruct) -> bool:
        """Whether a node is in an entry that lies on the stack of the task that it names."""
        on = self._stacks.find(node)
        if on is None:
            return False
        start = node - waiter.offset("list")
        try:
            return self._memory.pointer(start + waiter.offset("task")) == on.task.address_
        except FaultError:
            return False

    def _is_lock(self, kind: str, address: int) -> bool:
        """Whether what lies at an address looks like a lock of a kind that somebody waits for."""
        struct = self._struct(_LOCKS[kind][0])
        assert struct is not None
        try:
            if kind == SEMAPHORE:
                data = self._kernel.target.read(address, struct.size)
                return struct.integer(data, "count") == 0
            owner = self._memory.pointer(address + struct.offset("owner"))
            if kind == MUTEX:  # MUTEX_FLAG_WAITERS (kernel/locking/mutex.h)
                return bool(owner & 1) and (not owner & ~7 or owner & ~7 in self._tasks)
            # RWSEM_WRITER_LOCKED, RWSEM_FLAG_WAITERS, RWSEM_READER_OWNED (kernel/locking/rwsem.c);
            # of those that read it, the last that began may be gone.
            count = self._memory.pointer(address + struct.offset("count"))
            if count & 0xFA != 2:  # bits 3 to 7 are of no use
                return False
            if count & 1:
                return owner & ~3 in self._tasks
            return bool(count >> 8) and (bool(owner & 1) or not owner & ~3)
        except FaultError:
            return False

    def _called(self, possible: dict[str, int], words: Words) -> dict[str, int]:
        """Return of several kinds of lock the one whose function the stack is in, if that tells.

        Else those that look like more than a semaphore, of which a zero is all that is known: an
        rwsem that is read has within it what a mutex would be.
        """
        for name in self._functions(words):
            for kind in (MUTEX, RWSEM, SEMAPHORE):
                if kind in possible and name.startswith(_CALLED[kind]):
                    return {kind: possible[kind]}
        return {kind: found for kind, found in possible.items() if kind != SEMAPHORE}

    def _functions(self, words: Words) -> Iterator[str]:
        for word in words.words:
            if word >> 32 and (name := self._kernel.symbolize(word)) is not None:
                yield name

    def _rt_mutex(self, place: int) -> Iterator[Waiting]:
        """Find a mutex with priorities: its waiters are in a tree, and name the lock."""
        waiter, lock = self._struct("rt_mutex_waiter"), self._struct("rt_mutex_base")
        lock = lock or self._struct("rt_mutex")
        if waiter is None or lock is None:
            return
        try:
            address = self._memory.pointer(place - waiter.offset("task") + waiter.offset("lock"))
            owner = self._memory.pointer(address + lock.offset("owner")) if address else 0
        except FaultError:
            return
        # RT_MUTEX_HAS_WAITERS (kernel/locking/rtmutex_common.h)
        if owner & 1 and owner & ~1 in self._tasks:
            yield Waiting((RT_MUTEX,), address)

    # Queues

    def _queue(self, place: int) -> Iterator[Waiting]:
        entry = self._struct("wait_queue_entry")
        if entry is None:
            return
        start = place - entry.offset("private")
        ring = self._memory.ring(start + entry.offset("entry"))
        if ring is None or len(ring) == 1:
            return
        wake = self._function(start + entry.offset("func"))
        if wake is None and self._has_symbols:
            return
        self._taken.add(ring[0])
        kind = _BY_WAKE.get(wake or "", QUEUE)
        if kind in (BIT, PAGE):
            yield self._bit(kind, start)
            return
        head = self._struct("wait_queue_head")
        assert head is not None
        heads = [node for node in ring[1:] if not self._is_entry(node, entry)]
        if len(heads) == 1:
            yield Waiting((kind,), heads[0] - head.offset("head"))

    def _bit(self, kind: str, start: int) -> Waiting:
        """Return what an entry of wait_on_bit(), or of a page that is not ready, waits for."""
        struct = "wait_page_queue" if kind == PAGE else "wait_bit_queue_entry"
        known = self._struct(struct)
        assert known is not None
        whole = start - known.offset("wait" if kind == PAGE else "wq_entry")
        data = self._kernel.target.read(whole, known.size)
        if kind == PAGE:
            what = known.integer(data, "folio" if "folio" in known else "page")
            return Waiting((kind,), what, f"bit {known.integer(data, 'bit_nr')}")
        number = known.integer(data, "key.bit_nr")
        more = f"bit {number}" if number >= 0 else ""  # a variable has none (wait_var_event())
        return Waiting((kind,), known.integer(data, "key.flags"), more)

    def _is_entry(self, node: int, entry: KernelStruct) -> bool:
        """Whether a node of a ring is that of an entry, not the head: what wakes it is a function.

        Before a head lies its spinlock.
        """
        start = node - entry.offset("entry")
        try:
            on = self._stacks.find(node)
            private = self._memory.pointer(start + entry.offset("private"))
            if on is not None and private == on.task.address_:
                return True
        except FaultError:
            return False
        return self._function(start + entry.offset("func")) is not None

    def _function(self, place: int) -> str | None:
        """Return the name of the function that a pointer leads to; None for anything else."""
        try:
            address = self._memory.pointer(place)
        except FaultError:
            return None
        if not address >> 32 or address in self._tasks:
            return None
        name = self._kernel.symbolize(address)
        return name.partition(" ")[0] if name is not None and "+0x" not in name else None

    @property
    def _has_symbols(self) -> bool:
        return self._kernel._has_symbol("default_wake_function")

    def _simple(self, place: int, words: Words) -> Iterator[Waiting]:
        """Find a simple wait queue, as completions have them (include/linux/swait.h)."""
        entry, head = self._struct("swait_queue"), self._struct("swait_queue_head")
        if entry is None or head is None:
            return
        start = place - entry.offset("task")
        ring = self._memory.ring(start + entry.offset("task_list"))
        if ring is None or len(ring) == 1:
            return
        heads = [node for node in ring[1:] if not self._is_simple(node, entry)]
        if len(heads) != 1:
            return
        self._taken.add(ring[0])
        address = heads[0] - head.offset("task_list")
        completion = self._struct("completion")
        if completion is not None and any(
            name.startswith(_CALLED[COMPLETION]) for name in self._functions(words)
        ):
            yield Waiting((COMPLETION,), address - completion.offset("wait"))
        else:
            yield Waiting((SIMPLE,), address)

    def _is_simple(self, node: int, entry: KernelStruct) -> bool:
        start = node - entry.offset("task_list")
        try:
            return self._memory.pointer(start + entry.offset("task")) in self._tasks
        except FaultError:
            return False

    def _poll(self, place: int, words: Words) -> Iterator[Waiting]:
        """Find what poll() and select() wait for: as many queues as files that they were given."""
        table, entry = self._struct("poll_wqueues"), self._struct("poll_table_entry")
        queue = self._struct("wait_queue_entry")
        if table is None or entry is None or queue is None:
            return
        start = place - table.offset("polling_task")
        end = words.start + len(words.words) * self._width
        if start < words.start or start + table.size > end:
            return
        data = self._kernel.target.read(start, table.size)
        count = table.integer(data, "inline_index")
        first = table.offset("inline_entries")
        most = min((table.size - first) // entry.size, _MOST_POLLED)
        if not 0 < count <= most:
            return
        for number in range(count):
            at = first + number * entry.size
            link = start + at + entry.offset("wait") + queue.offset("entry")
            head = entry.integer(data, "wait_address", at)
            ring = self._memory.ring(link)
            known = self._struct("wait_queue_head")
            if ring is not None and known is not None and head + known.offset("head") in ring:
                yield Waiting((POLL,), head)

    def _struct(self, name: str) -> KernelStruct | None:
        """Return where the members of a struct are, None if the kernel has no such struct."""
        if name not in self._structs:
            try:
                self._structs[name] = self._kernel.struct(name)
            except BtfdumpError:
                self._structs[name] = None
        return self._structs[name]
