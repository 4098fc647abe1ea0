"""Kernel stacks: whose an address is in, and whether anything still uses what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._kernel.value import Value

_PAGE_SHIFT = 12
_THREAD_SIZE = 1 << 14  # arch/{x86,arm64,s390}/include/asm/: without KASAN, and with pages of 4 KiB
_POINTERS = ("sp", "ksp", "cpu_context.sp")
"""The saved stack pointer in `struct thread_struct`: of x86, of s390x, of arm64."""


class OnStack(NamedTuple):
    """A place on a kernel stack: whose it is, and the offset from the stack's lowest address.

    `is_stale` says that it is below the stack pointer, so that nothing uses it; None if the task is
    running, and where its stack pointer is was not saved.
    """

    task: Value
    offset: int
    is_stale: bool | None


class Stacks:
    """The stacks of all tasks, by address; `problem` says what could not be read."""

    def __init__(self, tasks: Iterable[Value]) -> None:
        self.size = _THREAD_SIZE
        self._tasks: dict[int, Value] = {}
        self.problem = ""
        try:
            for task in tasks:
                if stack := int(task.stack):
                    if not self._tasks:
                        self.size = stack_size(task)
                    self._tasks[stack] = task
        except BtfdumpError as error:
            self.problem = f"stacks: {error}"

    def find(self, address: int) -> OnStack | None:
        """Return whose stack a virtual address is on; None if it is on none that is known."""
        offset = address & (self.size - 1)  # stacks are aligned: THREAD_ALIGN
        task = self._tasks.get(address - offset)
        if task is None:
            return None
        pointer = stack_pointer(task)
        return OnStack(task, offset, None if pointer is None else address < pointer)


def stack_size(task: Value) -> int:
    """Return THREAD_SIZE in bytes: with CONFIG_VMAP_STACK, the pages of a stack tell."""
    if task.has_member_("stack_vm_area") and task.stack_vm_area:
        size = int(task.stack_vm_area.nr_pages) << _PAGE_SHIFT
        if size and size & (size - 1) == 0:
            return size
    return _THREAD_SIZE


def stack_pointer(task: Value) -> int | None:
    """Return where the stack of a task ends that is not running, None for one that is."""
    try:
        if task.has_member_("on_cpu") and int(task.on_cpu):
            return None
        for path in _POINTERS:
            found = task.thread
            for name in path.split("."):
                if not found.has_member_(name):
                    break
                found = found.member_(name)
            else:
                return int(found)
    except BtfdumpError:
        return None
    return None
