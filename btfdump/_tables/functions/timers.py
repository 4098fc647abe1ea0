"""Columns of timers: what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import offset_of, value_at
from btfdump._places.member_at import member_at
from btfdump._places.place import Places
from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_AROUND = {
    "process_timeout": ("process_timer", "timer", "task"),
    "delayed_work_timer_fn": ("delayed_work", "timer", "work.func"),
    "kthread_delayed_work_timer_fn": ("kthread_delayed_work", "timer", "work.func"),
    "hrtimer_wakeup": ("hrtimer_sleeper", "timer", "task"),
}
"""By a timer's function: the struct that has the timer, as what, and what of it is meant."""


@column()
def timer_data(kernel: Context) -> Callable[[Value, int | None], str | None]:
    """What a timer is for, of it and its function: the function of delayed work, or the task.

    Of other timers it is what they lie in: a variable, or a slab object and the member.
    """
    places = Places(kernel, lambda: ())  # what has a stack's timer is a task that sleeps

    def place(timer: Value) -> str:
        found = places.of(timer.address_)
        inside = member_at(kernel.layouts, timer._layout_, 0).text  # it is the timer that is meant
        path = found.path.removesuffix(inside).removesuffix(".")
        return found._replace(path=path).told

    def of(timer: Value, function: int | None) -> str | None:
        name = kernel.symbolize(function) if function else None
        struct, member, path = _AROUND.get(name or "", ("", "", ""))
        if not struct:
            return place(timer)
        outer = f"struct {struct}"
        start = kernel.wrap(timer.address_ - offset_of(kernel, outer, member))
        value = value_at(kernel, outer, start)
        for part in path.split("."):
            value = value.member_(part)
        if path != "task":
            return kernel.symbolize(int(value)) or hex(int(value))
        return task_of(value)

    return of


def task_of(task: Value) -> str:
    """Return how a task is told, or a pointer to one: `"sleep" pid 211`; raises `FaultError`."""
    return f'"{task.comm.value_()}" pid {int(task.pid)}'


@column()
def time_left(kernel: Context) -> Callable[[int | None, int | None], int | None]:
    """Nanoseconds until a clock of the kernel reaches a moment; negative once it has.

    The arguments are the moment and how far the clock is from the monotonic one. None where the
    moment at which the kernel was stopped is not known.
    """
    surroundings = KernelSurroundings(kernel)

    def of(moment: int | None, offset: int | None) -> int | None:
        now = surroundings.monotonic()
        if moment is None or offset is None or now is None:
            return None
        return moment - offset - now

    return of
