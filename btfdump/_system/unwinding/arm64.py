"""Stacks of arm64, by frame records (arch/arm64/kernel/stacktrace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.unwound import UnwoundFrame
from btfdump._system.unwinding.steps import Words
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._system.unwinding.steps import Steps

_SIGNED = 0xFFFF << 48
"""The bits of a kernel's address that are set, and in which a signature of it may be (PAC)."""
_MODE = 0xF
"""Of PSTATE: 0 in user mode (PSR_MODE_EL0t)."""


class Arm64Unwinder:
    """Unwinds stacks of one kernel."""

    def __init__(self, kernel: Context) -> None:
        self._words = Words(kernel)
        layout = kernel.struct("pt_regs")
        self._fp = layout.offset("regs") + 29 * 8
        self._sp, self._pc = layout.offset("sp"), layout.offset("pc")
        self._pstate = layout.offset("pstate")

    def from_task(self, task: Value) -> Steps:
        """Yield the frames of a task that does not run: see `Unwinder`."""
        self._words.forget()
        context = task.thread.cpu_context
        return self._steps(int(context.pc), int(context.fp), is_interrupted=False)

    def from_registers(self, registers: bytes) -> Steps:
        """Yield the frames from where registers say: see `Unwinder`."""
        self._words.forget()
        pc, fp, pstate = (
            int.from_bytes(registers[at : at + 8], "little")
            for at in (self._pc, self._fp, self._pstate)
        )
        if not pstate & _MODE:
            return iter([UnwoundFrame(pc, None, is_interrupted=True, is_user=True)])
        return self._steps(pc, fp, is_interrupted=True)

    def _steps(self, pc: int, fp: int, *, is_interrupted: bool) -> Steps:
        """Yield the frames from a frame record on: where that of the caller is, and its address.

        The last record, at the top of a task's stack, has neither.
        """
        while True:
            yield UnwoundFrame(pc, fp, is_interrupted)
            if not fp:
                return
            before, pc = fp, self._words.at(fp + 8)
            fp = self._words.at(fp)
            if not pc:
                return
            pc |= _SIGNED
            is_interrupted = False
            if fp and fp <= before and abs(before - fp) < 1 << 16:
                raise CorruptDataError(f"the frame record leads back to {fp:#x}", before)
