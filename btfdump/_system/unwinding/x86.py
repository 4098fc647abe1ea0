"""Stacks of x86-64: unwind_next_frame() (arch/x86/kernel/unwind_orc.c, unwind_frame.c).

They are unwound by ORC data, or by frame pointers where the kernel was built with these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.unwound import UnwoundFrame
from btfdump._system.unwinding.orc import (
    CALL,
    END,
    PARTIAL,
    REGS,
    UNDEFINED,
    Orc,
    Register,
    tables_of,
)
from btfdump._system.unwinding.steps import Words
from btfdump.errors import CorruptDataError, TypeNotFoundError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._system.unwinding.steps import Steps

_IN_REGISTERS = {
    Register.AX: "ax",
    Register.DX: "dx",
    Register.DI: "di",
    Register.R10: "r10",
    Register.R13: "r13",
}
_BY_FRAME_POINTER = Orc(16, -16, Register.BP, Register.PREV_SP, CALL, is_signal=False)
"""What is taken for the data of code that has none (orc_fp_entry)."""
_SWITCHES = (Register.BP_INDIRECT, Register.SP_INDIRECT)
"""Where the stack that was used before is stored on the one that is used now."""
_RPL = 3
"""The bits of a code segment's selector that are set in user mode."""


class X86Unwinder:
    """Unwinds stacks of one kernel; raises `MissingDataError` if its ORC data are not found.

    A kernel whose types tell that it has none has frame pointers.
    """

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._tables = tables_of(kernel) if _has_orc(kernel) else None
        self._words = Words(kernel)
        registers = kernel.struct("pt_regs")
        self._offsets = {
            name: registers.offset(name)
            for name in ("ip", "sp", "bp", "cs", *_IN_REGISTERS.values())
        }
        self._size = registers.size

        self._sp = kernel.struct("task_struct").offset("thread.sp")
        frame = kernel.struct("inactive_task_frame")
        self._frame = frame.size, frame.offset("ret_addr"), frame.offset("bp")

    def from_task(self, task: Value) -> Steps:
        """Yield the frames of a task that does not run: see `Unwinder`."""
        self._words.forget()
        return _X86Stack(self).from_task(task.address_)

    def from_registers(self, registers: bytes) -> Steps:
        """Yield the frames from where registers say: see `Unwinder`."""
        self._words.forget()
        return _X86Stack(self).from_registers(registers)

    @property
    def has_frame_pointers(self) -> bool:
        """Whether the kernel's frames are chained."""
        return self._tables is None

    def orc(self, pc: int, *, is_signal: bool) -> Orc | None:
        """Return how a frame at an address looks, None if there are no data on it."""
        return self._tables.at(pc if is_signal else pc - 1) if self._tables is not None else None

    def start(self, task: int) -> tuple[int, int, int]:
        """Return the address at which a task goes on, its stack pointer and its frame pointer.

        They are in a `struct inactive_task_frame` (arch/x86/include/asm/switch_to.h).
        """
        size, ip, bp = self._frame
        start = int.from_bytes(self._kernel.target.read(task + self._sp, 8), "little")
        return self.word(start + ip), start + size, self.word(start + bp)

    def word(self, address: int) -> int:
        """Return a word of a stack; raises `FaultError`."""
        return self._words.at(address)

    def registers_at(self, address: int) -> bytes:
        """Return what is saved as a `struct pt_regs`; raises `FaultError`."""
        return self._words.read(address, self._size)

    def register(self, saved: bytes, name: str) -> int:
        """Return one of saved registers."""
        at = self._offsets[name]
        return int.from_bytes(saved[at : at + 8], "little")

    def offset(self, name: str) -> int:
        """Return where a register is in a `struct pt_regs`."""
        return self._offsets[name]


class _X86Stack:
    """The state of an unwinding: where it is, and the registers that were saved last."""

    def __init__(self, unwinder: X86Unwinder) -> None:
        self._unwinder = unwinder
        self.ip = self.sp = self.bp = 0
        self._saved: bytes | None = None
        self._is_full = False
        self._is_signal = False
        self._is_guess = False

    def from_task(self, task: int) -> Steps:
        """Yield the frames of a task at a virtual address."""
        self.ip, self.sp, self.bp = self._unwinder.start(task)
        return self._steps()

    def from_registers(self, saved: bytes) -> Steps:
        """Yield the frames from where registers say."""
        register = self._unwinder.register
        self.ip, self.sp = register(saved, "ip"), register(saved, "sp")
        self.bp = register(saved, "bp")
        self._saved, self._is_full, self._is_signal = saved, True, True
        return self._steps()

    def _steps(self) -> Steps:
        is_interrupted = self._is_signal
        while True:
            is_user = self._is_user()
            yield UnwoundFrame(
                self.ip, self.sp, is_interrupted, is_user, self._is_guess and not is_user
            )
            if is_user:
                return
            if self._unwinder.has_frame_pointers:
                if not self._follow_pointer():
                    return
                is_interrupted = self._is_signal
                continue
            orc = self._unwinder.orc(self.ip, is_signal=self._is_signal)
            self._is_guess = orc is None
            orc = orc or _BY_FRAME_POINTER
            if orc.kind == END:
                return
            if orc.kind == UNDEFINED:
                raise CorruptDataError("the ORC data say that there is no way to tell", self.ip)
            before = self.sp
            sp = self._called_at(orc)
            self._step(orc, sp)
            is_interrupted = orc.kind in (REGS, PARTIAL)
            is_switch = is_interrupted or orc.sp_register in _SWITCHES
            if self.sp <= before and not is_switch:
                raise CorruptDataError(f"the stack leads back to {self.sp:#x}", before)

    def _follow_pointer(self) -> bool:
        """Go to where a frame pointer leads, to saved registers if its lowest bit is set.

        Entry code sets that bit (arch/x86/include/asm/frame.h: ENCODE_FRAME_POINTER). Return false
        at the end: where a thread began, registers are all 0.
        """
        unwinder, pointer, before = self._unwinder, self.bp, self.sp
        self._saved, self._is_signal = None, bool(pointer & 1)
        if not pointer:
            return False
        if self._is_signal:
            self._saved = unwinder.registers_at(pointer - 1)
            self.ip, self.sp, self.bp = (
                unwinder.register(self._saved, name) for name in ("ip", "sp", "bp")
            )
            return bool(self.ip)
        self.ip, self.sp, self.bp = unwinder.word(pointer + 8), pointer + 16, unwinder.word(pointer)
        if self.sp <= before:
            raise CorruptDataError(f"the frame pointer leads back to {pointer:#x}", before)
        return True

    def _is_user(self) -> bool:
        if self._saved is None:
            return False
        return self._unwinder.register(self._saved, "cs") & _RPL == _RPL

    def _called_at(self, orc: Orc) -> int:
        """Return where the stack was when the frame was called, or its registers are saved."""
        word = self._unwinder.word
        if orc.sp_register == Register.SP:
            return self.sp + orc.sp_offset
        if orc.sp_register == Register.BP:
            return self.bp + orc.sp_offset
        if orc.sp_register == Register.SP_INDIRECT:
            return word(self.sp) + orc.sp_offset
        if orc.sp_register == Register.BP_INDIRECT:
            return word(self.bp + orc.sp_offset)
        name = _IN_REGISTERS.get(orc.sp_register)
        if name is None:
            raise CorruptDataError(f"ORC data name register {orc.sp_register}", self.ip)
        if self._saved is None or not self._is_full:
            raise CorruptDataError(f"it is in {name}, which was not saved", self.ip)
        return self._unwinder.register(self._saved, name)

    def _step(self, orc: Orc, sp: int) -> None:
        """Go to the caller, or to what was interrupted."""
        unwinder = self._unwinder
        saved, is_full = self._saved, self._is_full
        if orc.kind == CALL:
            self.ip, self.sp = unwinder.word(sp - 8), sp
            self._saved = None
        else:
            start = sp if orc.kind == REGS else sp - unwinder.offset("ip")
            if orc.kind == REGS:
                self._saved, self._is_full = unwinder.registers_at(start), True
            else:  # only what the processor pushes: from `ip` on
                pushed = unwinder.registers_at(start)
                self._saved, self._is_full = pushed, False
            self.ip = unwinder.register(self._saved, "ip")
            self.sp = unwinder.register(self._saved, "sp")
        if orc.bp_register == Register.PREV_SP:
            self.bp = unwinder.word(sp + orc.bp_offset)
        elif orc.bp_register == Register.BP:
            self.bp = unwinder.word(self.bp + orc.bp_offset)
        elif orc.kind == REGS and self._saved is not None:
            self.bp = unwinder.register(self._saved, "bp")
        elif orc.kind == PARTIAL and saved is not None and is_full:
            self.bp = unwinder.register(saved, "bp")
        self._is_signal = orc.is_signal


def _has_orc(kernel: Context) -> bool:
    """Whether the kernel has code that reads ORC data (CONFIG_UNWINDER_ORC)."""
    try:
        kernel.own_type("struct orc_entry")
    except TypeNotFoundError:
        return False
    return True
