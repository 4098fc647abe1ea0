"""Columns of signals: what /proc/PID/status prints of them (fs/proc/array.c)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from btfdump._meaning.names import table
from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_DEFAULT, _IGNORED = 0, 1
"""SIG_DFL and SIG_IGN (include/uapi/asm-generic/signal-defs.h)."""


@column()
def pending_signals(kernel: Context) -> Callable[[Value], list[str]]:
    """The signals that wait for one thread."""
    del kernel
    return lambda task: names(_numbers(task.pending.signal))


@column()
def shared_signals(kernel: Context) -> Callable[[Value], list[str] | None]:
    """The signals that wait for any thread of a process."""
    del kernel
    return lambda task: (
        names(_numbers(task.member_("signal").shared_pending.signal))
        if task.member_("signal")
        else None
    )


@column()
def blocked_signals(kernel: Context) -> Callable[[Value], list[str]]:
    """The signals that a thread does not take now."""
    del kernel
    return lambda task: names(_numbers(task.blocked))


@column()
def ignored_signals(kernel: Context) -> Callable[[Value], list[str] | None]:
    """The signals that a process ignores."""
    handlers = _Handlers(kernel)

    def of(task: Value) -> list[str] | None:
        found = handlers.of(task)
        return None if found is None else names(n for n, at in found.items() if at == _IGNORED)

    return of


@column()
def caught_signals(kernel: Context) -> Callable[[Value], list[str] | None]:
    """The signals that a process has handlers for."""
    handlers = _Handlers(kernel)

    def of(task: Value) -> list[str] | None:
        found = handlers.of(task)
        return None if found is None else names(n for n, at in found.items() if at > _IGNORED)

    return of


@column()
def signal_handlers(kernel: Context) -> Callable[[Value], dict[str, str] | None]:
    """The handlers of a process by the name of their signal: addresses in user space."""
    handlers = _Handlers(kernel)

    def of(task: Value) -> dict[str, str] | None:
        found = handlers.of(task)
        if found is None:
            return None
        return {name(number): hex(at) for number, at in found.items() if at > _IGNORED}

    return of


class _Handlers:
    """Reads what the processes of one kernel do with signals."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel

    def of(self, task: Value) -> dict[int, int] | None:
        """Return the handler of each signal that is not left to the kernel; None without any.

        They are in `action` of `struct sighand_struct`, the first that of signal 1.
        """
        if not task.sighand:
            return None
        actions = task.sighand.action.read_()
        found = {at + 1: int(one.sa.sa_handler) for at, one in enumerate(actions)}
        return {number: address for number, address in found.items() if address != _DEFAULT}


def _numbers(signals: Value) -> list[int]:
    """Return the numbers of the signals in a `sigset_t`."""
    width = signals._context_.layouts.pointer_size * 8
    words = [int(word) for word in signals.sig]
    return [
        at * width + bit + 1
        for at, word in enumerate(words)
        for bit in range(width)
        if word >> bit & 1
    ]


def names(numbers: Iterable[int]) -> list[str]:
    """Return the names of signals, without SIG, as kill(1) has them."""
    return [name(number) for number in numbers]


def name(number: int) -> str:
    """Return the name of a signal: `INT`, or `RTMIN+3` of those that a program gives a meaning."""
    known = _known()
    first = next(at for at, told in known.items() if told == "RTMIN")
    if number < first:
        return known.get(number, str(number))
    return f"RTMIN+{number - first}" if number > first else "RTMIN"


@cache
def _known() -> dict[int, str]:
    """Return the names of all signals but those behind RTMIN, by number."""
    return {number: told.removeprefix("SIG") for number, told in table("signal").names.items()}
