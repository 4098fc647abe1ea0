"""Tasks: processes and threads (include/linux/sched.h)."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from btfdump._kernel.expression import parse_number
from btfdump._kernel.value_at import offset_of, value_at
from btfdump._kernel.variables import find_global
from btfdump._roots import Selected, root
from btfdump.errors import (
    CorruptDataError,
    FaultError,
    MemberNotFoundError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def tasks(kernel: Context) -> Iterator[Value]:
    """Yield every task except the idle ones, as for_each_process_thread() (sched/signal.h) does.

    Raises `CorruptDataError` at the end if any of the lists is damaged, after everything that could
    be reached.
    """
    init_task = find_global(kernel, "init_task")
    task_struct = kernel.own_type("struct task_struct")
    troubles: list[str] = []
    given: set[int] = set()  # live threads may become processes: exec() of one that is no leader
    for process in gathered(entries(init_task, "tasks", task_struct, "tasks"), troubles, ""):
        where = f"threads of the process at {process.address_:#x}: "
        for thread in gathered(threads(process), troubles, where):
            if thread.address_ not in given:
                given.add(thread.address_)
                yield thread
    raise_troubles(troubles)


def raise_troubles(troubles: list[str]) -> None:
    """Raise `CorruptDataError` if any of the lists of tasks was damaged."""
    if troubles:
        more = f"; and {len(troubles) - 3} more" if len(troubles) > 3 else ""
        raise CorruptDataError("; ".join(troubles[:3]) + more)


def gathered(values: Iterator[Value], troubles: list[str], where: str) -> Iterator[Value]:
    """Yield values up to where they break off; the error is added to `troubles`."""
    try:
        yield from values
    except (CorruptDataError, FaultError) as error:
        troubles.append(f"{where}{error}")


def threads(process: Value) -> Iterator[Value]:
    """Yield a thread group: its leader first, then the other threads in list order.

    A live process may have exited and left its `struct signal_struct` to another one. Whose threads
    these are, they say themselves.
    """
    yield process
    is_live = process._context_.target.is_live
    for thread in entries(process.signal, "thread_head", process.type_, "thread_node"):
        is_other = is_live and int(thread.group_leader) != process.address_
        if thread.address_ != process.address_ and not is_other:
            yield thread


def entries(holder: Value, head: str, element: object, link: str) -> Iterator[Value]:
    """Walk a list whose element type is part of how the kernel finds tasks, tagged or not."""
    from btfdump._annotate.facts import Expansion
    from btfdump._btf import types
    from btfdump._kernel.containers import items_of
    from btfdump._walk import Anomaly, Entry

    kernel = holder._context_
    struct = element.btf.skip_modifiers(element) if isinstance(element, types.Type) else None
    if not isinstance(struct, types.Composite):
        raise TypeNotFoundError("struct task_struct is not complete in the BTF")
    offset = offset_of(kernel, struct, link)
    expansion = Expansion("list_head", struct, link, offset, 0, "root")
    trouble: Anomaly | None = None
    for item in items_of(holder.member_(head), expansion):
        if isinstance(item, Anomaly):
            if item.is_change and not item.ends:  # all there is was found nevertheless
                continue
            trouble = item if trouble is None or item.ends else trouble
        elif isinstance(item, Entry):
            yield value_at(kernel, struct, item.address, item.data)
    if trouble is not None:
        raise CorruptDataError(f"{holder.type_}.{head}: {trouble.message}", trouble.address)


def count_tasks(kernel: Context) -> int | None:
    """Return how many tasks the kernel counts, idle ones excluded: nr_threads (kernel/fork.c)."""

    try:
        return int(value_at(kernel, "int", "nr_threads"))
    except (FaultError, SymbolNotFoundError):
        return None


@root(argument="PID or COMM", count=count_tasks)
def find_tasks(kernel: Context, argument: str | None) -> Iterator[Selected]:
    """Tasks by id or by name (* and ? as in the shell); or all, a line each (--all: in full)."""
    if argument is not None and argument.isdecimal():
        yield _selected(task(kernel, parse_number(argument)))
        return
    pattern = argument.strip("\"'") if argument is not None else "*"
    found = False
    for value in tasks(kernel):
        if argument is None or _matches(value, pattern):
            found = True
            yield _selected(value)
    if not found:
        raise ObjectNotFoundError(f"no task is called {argument!r}")


def _selected(value: Value) -> Selected:
    pid = _pid(value)
    name = f"task({pid})" if pid is not None else f"task at {value.address_:#x}"
    return Selected(value, name, is_plain=True, fate=lambda: fate(value))


def fate(task: Value) -> str:
    """Say that a live task has exited since it was read; "" if it has not.

    An exiting task loses its `thread_pid` (kernel/pid.c: __change_pid()) before it is freed.
    """

    if not task._context_.target.is_live:
        return ""
    try:
        now = value_at(task._context_, task.type_, task.address_)
        # Without one when it was read, it was about to leave the lists: __unhash_process().
        same = int(now.thread_pid) == int(task.thread_pid) != 0
    except MemberNotFoundError:  # before Linux 4.19
        return ""
    except FaultError:
        same = False
    return "" if same else "it exited while it was shown: what hangs off it may be gone"


def _pid(value: Value) -> int | None:
    try:
        return int(value.pid)
    except FaultError:
        return None


def _matches(value: Value, pattern: str) -> bool:
    try:
        return fnmatch.fnmatchcase(value.comm.string_(), pattern)
    except FaultError:
        return False


def task(kernel: Context, pid: int) -> Value:
    """Return the task with that id in the initial pid namespace; 0 is init_task.

    Raises `ObjectNotFoundError` if there is none.
    """
    if pid == 0:
        return find_global(kernel, "init_task")
    if pid < 0:
        raise ObjectNotFoundError(f"no task has pid {pid}: expected a number from 0 on")
    count = 0
    trouble = ""
    try:
        for value in tasks(kernel):
            count += 1
            if _pid(value) == pid:
                return value
    except (CorruptDataError, FaultError) as error:
        trouble = f"; the list of tasks is damaged: {error}"
    raise ObjectNotFoundError(f"no task has pid {pid} among the {count} found{trouble}")
