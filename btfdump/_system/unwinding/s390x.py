"""Stacks of s390x, by back chains (arch/s390/kernel/unwind_bc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.unwound import UnwoundFrame
from btfdump._system.unwinding.steps import Words
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._system.unwinding.steps import Steps

_OVERHEAD = 160
"""STACK_FRAME_OVERHEAD (arch/s390/include/asm/ptrace.h)."""
_USER = 1 << 48
"""PSW_MASK_PSTATE (arch/s390/include/uapi/asm/ptrace.h)."""


class S390Unwinder:
    """Unwinds stacks of one kernel."""

    def __init__(self, kernel: Context) -> None:
        self._words = Words(kernel)
        frame = kernel.struct("stack_frame")
        self._chain = frame.offset("back_chain")
        self._caller = frame.offset("gprs") + 8 * 8  # r6 is the first: r14
        layout = kernel.struct("pt_regs")
        self._psw, self._stack = layout.offset("psw"), layout.offset("gprs") + 15 * 8

    def from_task(self, task: Value) -> Steps:
        """Yield the frames of a task that does not run: see `Unwinder`."""
        self._words.forget()
        sp = int(task.thread.ksp)
        return self._steps(self._words.at(sp + self._caller), sp)

    def from_registers(self, registers: bytes) -> Steps:
        """Yield the frames from where registers say: see `Unwinder`."""
        self._words.forget()
        mask, pc, sp = (
            int.from_bytes(registers[at : at + 8], "big")
            for at in (self._psw, self._psw + 8, self._stack)
        )
        return self._from(mask, pc, sp)

    def _from(self, mask: int, pc: int, sp: int) -> Steps:
        """Yield the frames from saved registers on."""
        is_user = bool(mask & _USER)
        yield UnwoundFrame(pc, sp, is_interrupted=True, is_user=is_user)
        if not is_user and pc:
            yield from self._above(sp)

    def _steps(self, pc: int, sp: int) -> Steps:
        yield UnwoundFrame(pc, sp, is_interrupted=False)
        yield from self._above(sp)

    def _above(self, sp: int) -> Steps:
        """Yield the frames above the one at a stack pointer."""
        word = self._words.at
        while True:
            before, sp = sp, word(sp + self._chain)
            if sp:
                if sp <= before and before - sp < 1 << 16:
                    raise CorruptDataError(f"the back chain leads back to {sp:#x}", before)
                yield UnwoundFrame(word(sp + self._caller), sp, is_interrupted=False)
                continue
            saved = before + _OVERHEAD  # whoever has no caller was entered by an interrupt
            mask, pc = word(saved + self._psw), word(saved + self._psw + 8)
            sp = word(saved + self._stack)
            is_user = bool(mask & _USER)
            yield UnwoundFrame(pc, sp, is_interrupted=True, is_user=is_user)
            if is_user or not pc:
                return
