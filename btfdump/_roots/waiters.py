"""Waiters: every task that sleeps in the queue of a lock or event, and who has that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.every_task import ask_of_tasks, every_task
from btfdump._roots.table import Table
from btfdump._system.waiters.every import Waiter, Waiters
from btfdump._tables.form import Form, of_words
from btfdump._tables.functions.tasks import letter
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = (
    *("pid", "comm", "state", "kind", "where", "owner", "owner_comm", "owner_state", "chain"),
    *("deadlock", "address", "task"),
)


@table_root(argument="PID or NAME")
def list_waiters(kernel: Context, query: Query) -> Table:
    """Tasks that sleep on locks, queues, completions, pages: what, where, owner, deadlocks."""
    waiters = Waiters(kernel, lambda: every_task(kernel))

    def rows() -> Iterator[Row | Note]:
        ask_of_tasks(kernel, query)
        for item in waiters.each():
            if isinstance(item, Note):
                yield item
            elif query.wants(str(int(item.task.pid)), item.task.comm.value_()):
                yield _row(waiters, item)

    def closing() -> str:
        others = waiters.others
        if not others or query.patterns:
            return ""
        return f"{others} more sleep in no queue: for a signal, a timer, or until they are woken"

    number = Form(is_number=True)
    forms: dict[str, Form] = dict.fromkeys(_COLUMNS, Form())
    forms |= {
        "pid": number,
        "owner": number,
        "owner_state": Form(spare=1),
        "address": replace(of_words(kernel, "address"), spare=2),
        "task": replace(of_words(kernel, "address"), spare=3),
    }
    return Table("waiters", _COLUMNS, rows(), forms=forms, closing=closing)


def _row(waiters: Waiters, item: Waiter) -> Row:
    owner = waiters.tasks.get(item.owner.task)
    names = [_named(waiters.tasks.get(one), one) for one in item.chain.tasks]
    return {
        "pid": int(item.task.pid),
        "comm": item.task.comm.value_(),
        "state": _state(item.task),
        "kind": item.waiting.kind,
        "where": item.where,
        "owner": int(owner.pid) if owner is not None else None,
        "owner_comm": _called(item, owner),
        "owner_state": _state(owner) if owner is not None else None,
        "chain": " -> ".join(names) if len(names) > 1 else None,
        "deadlock": item.chain.is_circle,
        "address": item.waiting.address,
        "task": item.task.address_,
    }


def _called(item: Waiter, owner: Value | None) -> str | None:
    """Return what an owner is called, or what else is known of who has it."""
    if owner is not None:
        return f"{owner.comm.value_()} ({item.owner.more})" if item.owner.more else _comm(owner)
    if item.owner.task:
        return f"no task at {item.owner.task:#x}"
    return item.owner.more or None


def _comm(task: Value) -> str:
    return str(task.comm.value_())


def _named(task: Value | None, address: int) -> str:
    return f"{_comm(task)} {int(task.pid)}" if task is not None else f"{address:#x}"


def _state(task: Value) -> str | None:
    try:
        state: Any = task.member_("__state" if task.has_member_("__state") else "state")
        return letter(int(state), int(task.exit_state))
    except BtfdumpError:
        return None
