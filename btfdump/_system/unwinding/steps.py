"""Frames one by one, until there are no more, or too many, or the stack cannot be read."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from btfdump._kernel.unwound import Unwound, UnwoundFrame
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol, TypeAlias

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

    Steps: TypeAlias = Iterator[UnwoundFrame]

    class Unwinder(Protocol):
        """The unwinder of one kernel's machine."""

        def from_task(self, task: Value) -> Steps:
            """Yield the frames of a task, a `struct task_struct`, that does not run."""
            ...

        def from_registers(self, registers: bytes) -> Steps:
            """Yield the frames from where registers say, the bytes of a `struct pt_regs`."""
            ...


MAX_FRAMES = 1024
"""As many as drgn's unwinder makes at most."""


def unwound(unwinder: Unwinder, task: Value, registers: bytes | None = None) -> Unwound:
    """Return the frames of a task, from where it was switched out or from its registers.

    Raises what reading where it begins does.
    """
    if registers is not None:
        return gathered(unwinder.from_registers(registers))
    return gathered(unwinder.from_task(task))


def gathered(steps: Steps) -> Unwound:
    """Return the frames that an unwinder finds, and why it stopped where it was not at an end."""
    frames: list[UnwoundFrame] = []
    try:
        for frame in islice(steps, MAX_FRAMES):
            frames.append(frame)  # noqa: PERF402 - what came before an error counts
    except BtfdumpError as error:
        if not frames:
            raise
        return Unwound(frames, str(error))
    trouble = f"there are more than {MAX_FRAMES} frames" if len(frames) == MAX_FRAMES else ""
    return Unwound(frames, trouble)


class Words:
    """Reads the words of a kernel's stacks, a page at a time.

    What lies beyond a word is of the same stack nearly always. Of a kernel that runs nothing is
    kept.
    """

    _PAGE = 1 << 12

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self.size = kernel.layouts.pointer_size
        self._order = kernel.target.platform.byteorder
        self._pages: dict[int, bytes] = {}

    def read(self, address: int, size: int) -> bytes:
        """Return bytes at a virtual address; raises `FaultError`."""
        address = self._kernel.wrap(address)
        start = address & -self._PAGE
        inside = address - start
        if self._kernel.target.is_live or inside + size > self._PAGE:
            return self._kernel.target.read(address, size)
        if start not in self._pages:
            try:
                self._pages[start] = self._kernel.target.read(start, self._PAGE)
            except FaultError:
                return self._kernel.target.read(address, size)
        return self._pages[start][inside : inside + size]

    def at(self, address: int) -> int:
        """Return the word at a virtual address; raises `FaultError`."""
        return int.from_bytes(self.read(address, self.size), self._order)

    def forget(self) -> None:
        """Forget the pages, of which each stack has its own."""
        self._pages.clear()
