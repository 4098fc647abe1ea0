"""Columns of tasks: what ps prints of them (fs/proc/array.c)."""

from __future__ import annotations

from functools import partial
from itertools import islice
from struct import unpack_from
from typing import TYPE_CHECKING

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._places.stacks import stack_pointer
from btfdump._system.waiting import Waiting, is_waiting
from btfdump._tables.functions import column
from btfdump.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_NOLOAD, _RTLOCK_WAIT, _FROZEN = 0x400, 0x1000, 0x8000
_UNINTERRUPTIBLE, _REPORTED = 0x2, 0x7F
_LETTERS = "RSDTtXZPI"
_MAX_THREADS = 1 << 16
_KINDS = 4
_FILE, _ANON, _SWAP, _SHMEM = range(_KINDS)
"""What pages are counted as (include/linux/mm_types_task.h: MM_FILEPAGES)."""
_NEAR = 1 << 10
"""Bytes that a CPU's shares of an address space's counts lie in."""


@column()
def state(kernel: Context) -> Callable[[int | None, int | None], str | None]:
    """The letter that ps has for a task's state, of `__state` and `exit_state`.

    The kernel has the letters in `task_state_array` (fs/proc/array.c).
    """
    letters = KernelSurroundings(kernel).state_letters("task_state_array")
    if len(letters) < len(_LETTERS):
        return letter
    return partial(letter, letters=letters)


def letter(state: int | None, exit_state: int | None, letters: str = _LETTERS) -> str | None:
    """Return the letter of a state, as task_state_index() finds it (include/linux/sched.h).

    A task that waits for an rt_mutex instead of a spinlock, or is frozen, is told as one that
    cannot be interrupted.
    """
    if state is None or exit_state is None:
        return None
    if state & (_UNINTERRUPTIBLE | _NOLOAD) == _UNINTERRUPTIBLE | _NOLOAD:
        reported = _REPORTED + 1
    elif state & (_RTLOCK_WAIT | _FROZEN):
        reported = _UNINTERRUPTIBLE
    else:
        reported = (state | exit_state) & _REPORTED
    return letters[reported.bit_length()]


@column()
def waits_in(kernel: Context) -> Callable[[Value, int | None, int | None, int | None], str | None]:
    """The function that a task waits in, as /proc/PID/wchan has it.

    The arguments are a task, its `stack`, its state and its `on_cpu`.
    """
    waiting = Waiting(kernel)
    waiting.unwinder  # noqa: B018 - raises where there can be none
    is_live = kernel.target.is_live

    def of(task: Value, stack: int | None, state: int | None, on_cpu: int | None) -> str | None:
        if not stack or not is_waiting(state, on_cpu):
            return None
        found = waiting.of(task) or None
        if is_live:
            now = value_at(kernel, task.type_, task.address_)
            if stack_pointer(now) != stack_pointer(task):  # it ran meanwhile
                return None
        return found

    return of


@column()
def rss(kernel: Context) -> Callable[[int | None], int | None]:
    """Bytes of memory that a `struct mm_struct` has in use, as get_mm_rss() counts them."""
    page = KernelSurroundings(kernel).page_size
    counts = Counts(kernel)

    def of(address: int | None) -> int | None:
        if not address or not page:
            return None
        found = counts.of(address)
        return page * sum(max(found[kind], 0) for kind in (_FILE, _ANON, _SHMEM))

    return of


@column()
def rss_split(kernel: Context) -> Callable[[int | None], dict[str, int] | None]:
    """Bytes of an address space by kind: of files, anonymous, swapped out, of shared memory."""
    page = KernelSurroundings(kernel).page_size
    counts = Counts(kernel)

    def of(address: int | None) -> dict[str, int] | None:
        if not address or not page:
            return None
        names = ("file", "anon", "swap", "shmem")
        found = zip(names, counts.of(address), strict=True)
        return {name: page * max(count, 0) for name, count in found}

    return of


class Counts:
    """Reads how many pages of each kind address spaces have: `rss_stat` of `struct mm_struct`.

    Since 6.2 each CPU has its share of a count (f1a7941243c1, "mm: convert mm's rss stats into
    percpu_counter"); before, an array holds the numbers.
    """

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        mm = kernel.struct("mm_struct")
        self._start, self._size = mm.offset("rss_stat"), mm.sizeof("rss_stat")
        self._mark = "<" if kernel.layouts.byteorder == "little" else ">"
        self._is_shared = "rss_stat.count" not in mm
        if self._is_shared:
            counter = kernel.struct("percpu_counter")
            self._count, self._shares = counter.offset("count"), counter.offset("counters")
            self._step = counter.size
        else:
            self._step = kernel.layouts.pointer_size

    def of(self, address: int) -> list[int]:
        """Return the pages of files, anonymous ones, swapped ones, and of shared memory.

        `address` is that of a `struct mm_struct`. Raises `FaultError`.
        """
        kernel = self._kernel
        data = kernel.target.read(kernel.wrap(address + self._start), self._size)
        starts = range(0, self._step * _KINDS, self._step)
        if not self._is_shared:
            code = "q" if self._step == 8 else "i"
            return [unpack_from(self._mark + code, data, at)[0] for at in starts]
        totals = [unpack_from(f"{self._mark}q", data, at + self._count)[0] for at in starts]
        pointer = f"{self._mark}{'Q' if kernel.layouts.pointer_size == 8 else 'I'}"
        shares = [unpack_from(pointer, data, at + self._shares)[0] for at in starts]
        low, high = min(shares), max(shares) + 4
        if not low or high - low > _NEAR:  # one allocation has all of them
            return totals
        for offset in kernel.target.per_cpu_offsets:
            own = kernel.target.read(kernel.wrap(low + offset), high - low)
            for kind, share in enumerate(shares):
                totals[kind] += unpack_from(f"{self._mark}i", own, share - low)[0]
        return totals


@column()
def cpu_time(kernel: Context) -> Callable[..., int | None]:
    """Nanoseconds of CPU time of a process, all its threads that live and that lived.

    The arguments are a task, its `pid`, `tgid`, `utime` and `stime`, and `utime`, `stime` and
    `nr_threads` of its `signal`. A thread that is no leader is told by itself.
    """
    paths = ("utime", "stime")

    def of(task: Value, pid: int, tgid: int, *numbers: int | None) -> int | None:
        utime, stime, gone_utime, gone_stime, threads = numbers
        if utime is None or stime is None:
            return None
        own = utime + stime
        if pid != tgid or gone_utime is None or gone_stime is None or threads is None:
            return own
        own += gone_utime + gone_stime
        if threads > 1:
            others = islice(task.signal.thread_head.project_(*paths), _MAX_THREADS)
            own += sum(map(sum, others)) - utime - stime
        return own

    del kernel
    return of


@column()
def age(kernel: Context) -> Callable[[int | None], int | None]:
    """Nanoseconds since a task's `start_time`, on the clock that stands still in suspend."""
    now = _now(kernel)

    def of(start: int | None) -> int | None:
        return max(now - start, 0) if start is not None else None

    return of


def _now(kernel: Context) -> int:
    """Return the moment at which the kernel was stopped, in nanoseconds since its start.

    Raises `MissingDataError` if nothing tells.
    """
    clock = KernelSurroundings(kernel)
    now = clock.monotonic()
    if now is not None:
        return now
    jiffies, hz = clock.jiffies(), clock.hz()
    if jiffies is None or not hz:
        raise MissingDataError("the kernel's clock is not known", "give --vmlinux FILE for symbols")
    first = -300 * hz & 0xFFFFFFFF  # include/linux/jiffies.h: INITIAL_JIFFIES
    return max(jiffies - first, 0) * 1_000_000_000 // hz
