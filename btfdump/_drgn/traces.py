"""Stack traces by drgn's unwinder, through the types and symbols of a kernel of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drgn

from btfdump._drgn.errors import BadDataError
from btfdump._kernel.unwound import Unwound, UnwoundFrame
from btfdump._targets.via_drgn.program import program_of
from btfdump.errors import FaultError, MissingDataError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_PROBLEM_STATE = 1 << 48
"""Of the flags of an s390x PSW: the processor runs a user's code (PSW_MASK_PSTATE)."""
_FRAME_POINTERS = ("fp", "x29", "rbp")


def unwinder_of(kernel: Context) -> Callable[[Value, bytes | None], Unwound] | None:
    """Return drgn's unwinder for a kernel that is read through drgn, None for any other.

    It takes a `struct task_struct`, and the bytes of a `struct pt_regs` for a task that has such
    registers. It raises `MissingDataError` if a task runs and its registers were not saved, and
    `FaultError` if even the first frame cannot be read.
    """
    try:
        program_of(kernel.target)
    except TargetError:
        return None

    def unwind(task: Value, registers: bytes | None) -> Unwound:
        thread = kernel._object_of(task).address_of_()
        if registers is not None:
            type_ = thread.prog_.type("struct pt_regs")
            thread = drgn.Object.from_bytes_(thread.prog_, type_, registers)
        return Unwound(_frames(kernel, thread))

    return unwind


def _frames(kernel: Context, thread: drgn.Object) -> list[UnwoundFrame]:
    try:
        trace = thread.prog_.stack_trace(thread)
    except drgn.FaultError as error:
        raise FaultError(error.address, 0, f"its stack cannot be read: {error}") from error
    except (LookupError, ValueError, NotImplementedError, BadDataError) as error:
        remedy = "only a dump with the registers of its CPU tells where it is"
        raise MissingDataError(str(error), remedy) from error
    return [_frame(kernel, frame) for frame in trace if not frame.is_inline]


def _frame(kernel: Context, frame: drgn.StackFrame) -> UnwoundFrame:
    return UnwoundFrame(frame.pc, _position(frame), frame.interrupted, _is_user(kernel, frame))


def _position(frame: drgn.StackFrame) -> int | None:
    """Return where on the stack a frame is: its stack pointer, or else its frame pointer."""
    try:
        position: int = frame.sp
    except LookupError:
        known = frame.registers()
        return next((known[name] for name in _FRAME_POINTERS if name in known), None)
    return position


def _is_user(kernel: Context, frame: drgn.StackFrame) -> bool:
    """Whether a frame is of a user's code."""
    if not frame.interrupted:
        return False
    if kernel.target.platform.machine == "s390x":  # whose users have any address
        return bool(frame.registers().get("pswm", 0) & _PROBLEM_STATE)
    return not frame.pc >> (kernel.target.platform.pointer_size * 8 - 1)
