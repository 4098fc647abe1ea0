"""Ctrl-C: what was begun is finished properly instead of being cut off."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType, TracebackType

    from typing_extensions import Self

_Item = TypeVar("_Item")
INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that was interrupted."""


class Interrupt:
    """Takes SIGINT for the duration of a `with` statement.

    The first one ends every `until()`: at once if it is waiting for the next item, otherwise before
    the next one. The second one is a KeyboardInterrupt, as usual. One that comes while an object or
    a generator is destroyed, from where no exception gets out, ends `until()` before the next item.
    """

    def __init__(self) -> None:
        self.came = False
        self._is_waiting = False
        self._is_active = False
        self._before: signal._HANDLER = None
        self._hook: Callable[[sys.UnraisableHookArgs], object] = sys.unraisablehook

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as nohup and `&` do
            self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
            self._before = signal.signal(signal.SIGINT, self._take)
            self._is_active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_active:
            self._is_active = False
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook

    def _take(self, number: int, frame: FrameType | None) -> None:
        is_due = self.came or self._is_waiting
        self.came = True
        if is_due:
            raise KeyboardInterrupt

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._hook(unraisable)

    def until(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items until there are no more or the user has interrupted."""
        iterator = iter(items)
        while not self.came:
            try:
                self._is_waiting = True
                item = next(iterator)
                self._is_waiting = False
            except StopIteration:
                self._is_waiting = False
                return
            except KeyboardInterrupt:
                self._is_waiting = False
                if not self._is_active:
                    raise
                self.came = True
                return
            yield item


class Interrupts:
    """Takes SIGINT for the duration of a `with` statement, in which loops run one after another.

    Each SIGINT ends the loop that is running, and the next goes on with what that one has got.
    Between the loops, the first is put down, and the second one is a KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.came = False
        self._between = Interrupt()

    def __enter__(self) -> Self:
        self._between.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._between.__exit__(kind, error, trace)
        self.came |= self._between.came

    def until(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items until there are no more or the user has interrupted."""
        with Interrupt() as interrupt:
            yield from interrupt.until(items)
        self.came |= interrupt.came
