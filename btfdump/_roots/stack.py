"""Stack: backtraces of tasks, and what their frames point to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import note_of
from btfdump._roots import table_root
from btfdump._roots.every_task import every_task
from btfdump._roots.table import Table
from btfdump._roots.task import tasks
from btfdump._system.backtrace import Backtraces, cpu_of
from btfdump._system.cpus import of_cpu
from btfdump._tables.form import Form
from btfdump._tables.functions.tasks import letter
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.notes import Note
    from btfdump._kernel.value import Value
    from btfdump._roots import Query
    from btfdump._roots.table import Row
    from btfdump._system.backtrace import Backtrace, Frame

_COLUMNS = ("pid", "comm", "state", "cpu", "frames", "end")


@table_root(argument="PID or NAME", filters=("objects",))
def list_stacks(kernel: Context, query: Query) -> Table:
    """Backtraces of tasks: function, offset and module of each frame, and why they end."""
    return Table("stack", _COLUMNS, _rows(kernel, query), forms=_FORMS, lines=printed)


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    backtraces = Backtraces(kernel)
    objects = None
    if "objects" in query.filters:
        from btfdump._roots.stack_objects import StackObjects

        objects = StackObjects(kernel, lambda: tasks(kernel))
    found = _every(kernel)
    while True:
        try:
            task = next(found, None)
        except BtfdumpError as error:
            yield note_of(error, "stack")
            return
        if task is None:
            return
        try:
            pid, comm = int(task.pid), task.comm.string_()
            if query.wants(str(pid), comm):
                trace = backtraces.of(task)
                yield _row(trace, pid, comm, objects.of(trace) if objects is not None else None)
        except BtfdumpError as error:
            yield note_of(error, f"task at {task.address_:#x}")


def _every(kernel: Context) -> Iterator[Value]:
    """Yield all tasks, the idle ones of the CPUs first."""
    for cpu in range(len(kernel.target.per_cpu_offsets)):
        try:
            idle = of_cpu(kernel, "runqueues", cpu).idle
            if int(idle):
                yield idle.deref_()
        except BtfdumpError:  # a CPU that never ran has none
            continue
    yield from every_task(kernel)


def _row(
    trace: Backtrace, pid: int, comm: str, objects: list[list[dict[str, str]]] | None
) -> dict[str, Any]:
    task = trace.task
    state = task.member_("__state" if task.has_member_("__state") else "state")
    frames = [_frame(frame) for frame in trace.frames]
    if objects is not None:
        frames = [{**frame, "objects": found} for frame, found in zip(frames, objects, strict=True)]
    return {
        "pid": pid,
        "comm": comm,
        "state": letter(int(state), int(task.exit_state)),
        "cpu": cpu_of(task),
        "frames": frames,
        "end": trace.end,
        "whole": trace.is_whole,
        "waits_in": trace.waits_in or None,
        "task": task.address_,
    }


def _frame(frame: Frame) -> dict[str, Any]:
    code = frame.code
    return {
        "pc": f"{frame.pc:#x}",
        "symbol": frame.name.partition(" [")[0] if code is not None else None,
        "module": (code.module if code is not None else "") or None,
        "stack": frame.stack or None,
        "interrupted": frame.is_interrupted,
        "user": frame.is_user,
        "guess": frame.is_guess,
    }


def printed(row: Row) -> list[str]:
    """Return the backtrace of a task in lines: a heading, its frames numbered, why they end."""
    frames: Any = row["frames"]
    task: Any = row["task"]
    lines = [
        f'"{row["comm"]}" pid {row["pid"]} state {row["state"]} cpu {row["cpu"]} {task:#x}',
    ]
    before = None
    for number, frame in enumerate(frames):
        if frame["stack"] != before and not frame["user"]:
            lines.append(f"      -- {frame['stack'] or 'task'} stack --")
            before = frame["stack"]
        lines.append(f"{f'#{number}':>5} {frame['pc']} {_told(frame)}".rstrip())
        lines += [
            f"        {one['at']}: {one['value']} {one['object']}"
            for one in frame.get("objects", ())
        ]
    lines += [f"      end: {row['end']}", ""]
    return lines


def _told(frame: dict[str, Any]) -> str:
    """Return what a frame is in words."""
    if frame["user"]:
        return "in user space"
    name = frame["symbol"] or ("" if frame["module"] else "?")
    module = f"[{frame['module']}]" if frame["module"] else ""
    guess = "(a guess)" if frame["guess"] else ""
    interrupted = "(interrupted)" if frame["interrupted"] else ""
    return " ".join(filter(None, (name, module, interrupted, guess)))


def frames_told(frames: list[dict[str, Any]]) -> str:
    """Return frames in one line, for where they stand in a column."""
    return " < ".join(_told(frame) if not frame["user"] else "user" for frame in frames)


_FORMS = {
    "pid": Form(is_number=True),
    "comm": Form(),
    "state": Form(),
    "cpu": Form(is_number=True, spare=1),
    "frames": Form(text=frames_told),
    "end": Form(spare=2),
    "whole": Form(),
    "waits_in": Form(),
    "task": Form(text=hex, is_address=True),
}
