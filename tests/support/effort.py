"""How much work something is, however busy the machine is."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import FrameType


class Effort:
    """Counts calls of functions, those that are written in C too."""

    def __init__(self, most: int) -> None:
        self.calls = 0
        self._most = most

    def count(self, frame: FrameType, event: str, arg: Any) -> None:
        """Take an event of sys.setprofile()."""
        if event in ("call", "c_call"):
            self.calls += 1
            if self.calls > self._most:
                sys.setprofile(None)
                raise AssertionError(
                    f"more than {self._most:,} calls of functions: no end in sight"
                )


@contextmanager
def effort(most: int) -> Iterator[Effort]:
    """Count the calls in a `with` statement; fail at once when there are more than `most`."""
    counted = Effort(most)
    sys.setprofile(counted.count)
    try:
        yield counted
    finally:
        sys.setprofile(None)


def processor_seconds(most: float) -> AbstractContextManager[None]:
    """Fail at once what uses the processor for longer than this; waiting does not count."""
    said = f"more than {most:g} s of the processor's: no end in sight"
    return _alarm(most, said, signal.ITIMER_PROF, signal.SIGPROF)


def hangs_after(most: float) -> AbstractContextManager[None]:
    """Fail what hangs; to be given far more seconds than it takes on a busy machine."""
    return _alarm(most, f"it hangs, for {most:g} s", signal.ITIMER_REAL, signal.SIGALRM)


@contextmanager
def _alarm(seconds: float, said: str, timer: int, number: int) -> Iterator[None]:
    def fail(number: int, frame: FrameType | None) -> None:
        raise AssertionError(said)

    before = signal.signal(number, fail)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)
