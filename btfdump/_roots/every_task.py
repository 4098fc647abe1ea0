"""Every task, for tables of them all: as `task.tasks()` yields them, without reading them whole.

The list of processes is walked by compiled code, and of a process with one thread, which its
`thread_head` says in two pointers, no list is walked. Where anything is out of order, and on live
kernels, the careful walk of `task.py` is made.
"""

from __future__ import annotations

from itertools import chain, islice
from struct import Struct as Packer
from typing import TYPE_CHECKING

from btfdump._annotate.facts import Expansion
from btfdump._decode.compiled.source import CODES
from btfdump._decode.layout import StructLayout
from btfdump._kernel.containers import head_of
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._roots.task import entries, gathered, raise_troubles, tasks, threads
from btfdump._targets.memory import unchecked_read
from btfdump._walk.lists import POISONS
from btfdump._walk.quick import ADDRESS, walk_quickly
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._roots import Query

_PATHS = (ADDRESS, "signal", "thread_node.next", "thread_node.prev")


def every_task(kernel: Context) -> Iterator[Value]:
    """Yield what `tasks()` yields, with the same errors."""
    layout = kernel.layouts.of(kernel.own_type("struct task_struct"))
    if kernel.target.is_live or not isinstance(layout, StructLayout):
        return tasks(kernel)
    try:
        return _quickly(kernel, layout)
    except MemberNotFoundError:
        return tasks(kernel)


def ask_of_tasks(kernel: Context, query: Query) -> None:
    """Ask a query about every task, for tables of what only some tasks have.

    A pattern that names a task which has none of it is no mistake, and not reported.
    """
    if query.patterns:
        for task in every_task(kernel):
            query.wants(str(int(task.pid)), str(task.comm.value_()))


def _quickly(kernel: Context, layout: StructLayout) -> Iterator[Value]:
    offset = kernel.struct("task_struct").offset
    link, node = offset("tasks"), offset("thread_node")
    head = kernel.struct("signal_struct").offset("thread_head")
    return _walked(kernel, layout, link, node, head)


def _walked(
    kernel: Context, layout: StructLayout, link: int, node: int, head: int
) -> Iterator[Value]:
    init_task = find_global(kernel, "init_task")
    struct = layout.base
    expansion = Expansion("list_head", struct, "tasks", link, 0, "root")
    start = head_of(init_task.member_("tasks"), expansion)
    pieces = walk_quickly(kernel.layouts, layout, _PATHS, start, POISONS, circular=True)
    width = kernel.layouts.pointer_size
    pair = Packer(f"{'<' if kernel.layouts.byteorder == 'little' else '>'}2{CODES[width, False]}")
    read, errors = unchecked_read(kernel.target)
    troubles: list[str] = []
    count, is_whole = 0, False
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            count, is_whole = end.value
            break
        for address, signal, following, back in piece:
            process = value_at(kernel, struct, address)
            own = address + node
            is_alone = following == back == signal + head
            if is_alone:
                try:
                    is_alone = pair.unpack(read(following, 2 * width)) == (own, own)
                except errors:
                    is_alone = False
            if is_alone:
                yield process
            else:
                yield from _threads(process, troubles)
        read, errors = unchecked_read(kernel.target)
    if not is_whole:
        found = islice(entries(init_task, "tasks", struct, "tasks"), count, None)
        rest = gathered(found, troubles, "")
        yield from chain.from_iterable(_threads(process, troubles) for process in rest)
    raise_troubles(troubles)


def _threads(process: Value, troubles: list[str]) -> Iterator[Value]:
    where = f"threads of the process at {process.address_:#x}: "
    return gathered(threads(process), troubles, where)
