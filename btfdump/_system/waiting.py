"""In what a task waits: the first function that it called the scheduler from (/proc/PID/wchan)."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from btfdump._system.code import CodeNames
from btfdump._system.unwinding import unwinder_of
from btfdump._system.unwinding.steps import MAX_FRAMES
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.unwound import UnwoundFrame
    from btfdump._kernel.value import Value
    from btfdump._system.unwinding.steps import Unwinder

_TEXT = ("__sched_text_start", "__sched_text_end")


class Waiting:
    """Tells of the tasks of one kernel where they wait. `code` names its code."""

    def __init__(self, kernel: Context, code: CodeNames | None = None) -> None:
        self._kernel = kernel
        self._code = code or CodeNames(kernel)

    @cached_property
    def unwinder(self) -> Unwinder:
        """The unwinder, of our own: others find all frames; raises `MissingDataError`."""
        return unwinder_of(self._kernel)

    @cached_property
    def _scheduler(self) -> tuple[int, int]:
        try:
            start, end = map(self._kernel.own_symbol, _TEXT)
        except BtfdumpError:
            return 0, 0
        return start, end

    def of(self, task: Value) -> str:
        """Return the function that a task waits in, which does not run; "" for none.

        `task` is a `struct task_struct`. Raises `FaultError` and `MissingDataError`.
        """
        return self.among(islice(self.unwinder.from_task(task), MAX_FRAMES))

    def among(self, frames: Iterable[UnwoundFrame]) -> str:
        """Return the name of the first of a task's frames that is not the scheduler's.

        Mirrors get_wchan() and in_sched_functions() (kernel/sched/core.c).
        """
        start, end = self._scheduler
        for frame in frames:
            if frame.is_user:
                break
            if not start <= frame.pc - (not frame.is_interrupted) < end:
                code = self._code.of(frame.pc, is_interrupted=frame.is_interrupted)
                return code.name if code is not None else ""
        return ""


def is_waiting(state: int | None, on_cpu: int | None) -> bool:
    """Whether a task in a state waits for anything: it neither runs nor could."""
    return bool(state) and not on_cpu
