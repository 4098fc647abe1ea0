"""Backtraces: which calls a task is in, what each frame is, and why there are no more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.value_at import value_at
from btfdump._places.stacks import stack_pointer, stack_size
from btfdump._system.code import Code, CodeNames
from btfdump._system.cpu_stacks import CpuStacks
from btfdump._system.crash_notes import saved_registers
from btfdump._system.unwinding.steps import unwound
from btfdump._system.waiting import Waiting, is_waiting
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._kernel.context import Context
    from btfdump._kernel.unwound import Unwound, UnwoundFrame
    from btfdump._kernel.value import Value

USER = "user space"
_KTHREAD = 0x00200000
"""PF_KTHREAD (include/linux/sched.h)."""
_HEADS = {"x86_64": 16, "s390x": 160}
"""Bytes at the top of a stack besides registers: TOP_OF_KERNEL_STACK_PADDING where there may be
FRED (arch/x86/include/asm/thread_info.h), STACK_FRAME_OVERHEAD (arch/s390/include/asm/ptrace.h)."""


class Frame(NamedTuple):
    """A frame: `pc` is where it goes on, `code` what that is in, None if that is not known.

    `position` is where on the stack it is, a virtual address, or None. `stack` is "" for the task's
    own stack, or the name of one of a CPU's: `IRQ`, `NMI`. `is_interrupted` says that the frame
    made no call, but was interrupted at `pc`. `is_guess` says that nothing tells how the frame
    before it looks, so that this one may be none.
    """

    pc: int
    code: Code | None
    position: int | None = None
    stack: str = ""
    is_interrupted: bool = False
    is_user: bool = False
    is_guess: bool = False

    @property
    def name(self) -> str:
        """`__schedule+0x4e0 [module]`, or "" if nothing tells."""
        if self.code is None:
            return USER if self.is_user else ""
        name, offset, module = self.code
        told = f"{name}+{offset:#x}" if offset and name else name
        return f"{told} [{module}]".lstrip() if module else told


@dataclass(frozen=True)
class Backtrace:
    """The frames of a task, a `struct task_struct`, the innermost first; `end` says why they end.

    `is_whole` tells whether they lead to where the task entered the kernel, or began.
    """

    task: Value
    frames: tuple[Frame, ...]
    end: str
    is_whole: bool
    waits_in: str = ""
    """The function that the task waits in, the first that is not the scheduler's; "" for none."""


class Backtraces:
    """Makes backtraces of the tasks of one kernel. What has to be looked up is read once."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._code = CodeNames(kernel)
        self._waiting = Waiting(kernel, self._code)
        self._size = 0

    def of(self, task: Value) -> Backtrace:
        """Return the backtrace of a task, of no frames if `end` says why there can be none.

        Raises `FaultError` if the task itself cannot be read.
        """
        task = task.read_() if not task.is_pointer_ else task.deref_().read_()
        if not int(task.stack):
            return Backtrace(task, (), "its stack has been freed: it is dead", is_whole=True)
        self._size = self._size or stack_size(task)
        try:
            found = self._unwound(task)
        except BtfdumpError as error:
            return Backtrace(task, (), f"{self._doing(task)}{error}", is_whole=False)
        frames = self._told(found.frames)
        end, is_whole = self._end(task, found, frames)
        state = task.member_("__state" if task.has_member_("__state") else "state")
        waits = is_waiting(int(state), _is_running(task))
        waits_in = self._waiting.among(found.frames) if waits else ""
        return Backtrace(task, frames, end, is_whole, waits_in)

    # Unwinding

    @cached_property
    def _drgns(self) -> Callable[[Value, bytes | None], Unwound] | None:
        """drgn's unwinder, None if the kernel is not read through drgn."""
        from btfdump._drgn.traces import unwinder_of as drgns_unwinder_of

        return drgns_unwinder_of(self._kernel)

    def _unwind(self, task: Value, registers: bytes | None) -> Unwound:
        if self._drgns is not None:
            return self._drgns(task, registers)
        return unwound(self._waiting.unwinder, task, registers)

    def _unwound(self, task: Value) -> Unwound:
        if not _is_running(task):
            try:
                found = self._unwind(task, None)
            finally:
                self._check_still(task)
        elif self._kernel.target.is_live:
            raise MissingDataError("where that is changes all the time", "look while it sleeps")
        else:
            found = self._running(task)
        return found._replace(frames=self._frames_of(found))

    def _check_still(self, task: Value) -> None:
        """Raise `MissingDataError` if a task of a live kernel has run since it was read."""
        if self._kernel.target.is_live:
            now = value_at(self._kernel, task.type_, task.address_)
            if stack_pointer(now) != stack_pointer(task):
                raise MissingDataError("it ran while its stack was read", "look again")

    def _running(self, task: Value) -> Unwound:
        """Unwind from registers: those in the dump's own notes, which drgn has, or in memory."""
        missing: MissingDataError | None = None
        if self._drgns is not None:
            try:
                return self._drgns(task, None)
            except MissingDataError as error:
                missing = error
        try:
            registers = saved_registers(self._kernel, cpu_of(task))
        except BtfdumpError as error:
            raise missing or error from None
        return self._unwind(task, registers)

    def _frames_of(self, found: Unwound) -> list[UnwoundFrame]:
        return list(takewhile(self._may_be_frame, found.frames))

    def _may_be_frame(self, frame: UnwoundFrame) -> bool:
        """Whether there may be code where a frame goes on.

        At the top of the stack of a kernel's thread are registers without any. Where there are no
        data to go by, what is taken for a return address may be any number.
        """
        if frame.is_user:
            return True
        platform = self._kernel.target.platform
        if platform.machine == "s390x":  # whose kernel may have any address
            return bool(frame.pc)
        return bool(frame.pc >> (platform.pointer_size * 8 - 1))

    @staticmethod
    def _doing(task: Value) -> str:
        return f"it runs on CPU {cpu_of(task)}: " if _is_running(task) else ""

    # What frames are

    def _told(self, found: Sequence[UnwoundFrame]) -> tuple[Frame, ...]:
        has_data = self._kernel.target.platform.machine == "x86_64"
        told: list[Frame] = []
        is_guess = False
        for one in found:
            code = stack = None
            if not one.is_user:
                code = self._code.of(one.pc, is_interrupted=one.is_interrupted)
                stack = self._stacks.at(one.position)
            told.append(
                Frame(
                    one.pc,
                    code,
                    one.position,
                    stack.name if stack is not None else "",
                    one.is_interrupted,
                    one.is_user,
                    (is_guess or one.is_guess) and not one.is_user,
                )
            )
            # Where there are no data, frames are chained by pointers, and who was interrupted may
            # not have stored yet where it was called from.
            is_known = code is not None and code.has_unwind_data
            is_guess = not is_known if has_data else one.is_interrupted
        return tuple(told)

    @cached_property
    def _stacks(self) -> CpuStacks:
        return CpuStacks(self._kernel, self._size)

    # Where they end

    def _end(self, task: Value, found: Unwound, frames: Sequence[Frame]) -> tuple[str, bool]:
        """Return why there are no more frames, and whether they are all that there are."""
        if not found.frames:
            return "nothing tells where it is", False
        last = found.frames[-1]
        if last.is_user:
            return USER, True
        top = int(task.stack) + self._size
        head = _HEADS.get(self._kernel.target.platform.machine, 0)
        base = top - self._kernel.struct("pt_regs").size - head
        if last.position is not None and base <= last.position <= top:
            if not int(task.pid):
                return "start of the CPU", True
            is_kthread = int(task.flags) & _KTHREAD
            return ("start of the thread" if is_kthread else "entry from user space"), True
        if frames[-1].code is None:
            return f"nothing is known of the code at {last.pc:#x}", False
        why = f": {found.trouble}" if found.trouble else ""
        return f"nothing tells what called {frames[-1].name}{why}", False


def _is_running(task: Value) -> bool:
    return task.has_member_("on_cpu") and bool(int(task.on_cpu))


def cpu_of(task: Value) -> int:
    """Return the CPU that a task runs on or ran on last (task_cpu(), include/linux/sched.h)."""
    info = task.thread_info if task.has_member_("thread_info") else None
    if info is not None and info.has_member_("cpu"):
        return int(info.cpu)
    return int(task.cpu)
