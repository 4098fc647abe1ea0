"""What an unwinder finds, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnwoundFrame(NamedTuple):
    """A frame of a stack: `pc` is where it goes on, `position` where on the stack it is.

    That is its stack pointer, or where only that is known its frame pointer; None if neither is.
    `is_interrupted` says that it made no call: an interrupt, an exception or a system call came
    between, and `pc` is the instruction that it was at. `is_guess` says that an unwinder had no
    data for the frame before, and went by its frame pointer.
    """

    pc: int
    position: int | None
    is_interrupted: bool
    is_user: bool = False
    is_guess: bool = False


class Unwound(NamedTuple):
    """The frames of a stack, the innermost first; `trouble` says why no more were found, or ""."""

    frames: Sequence[UnwoundFrame]
    trouble: str = ""
