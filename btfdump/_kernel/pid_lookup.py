"""The task of a pid, found as the kernel finds it: by way of `init_pid_ns.idr`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._targets.memory import Target
    from btfdump._walk.structs import KernelStruct

    class Found(Protocol):
        """The kernel, as far as it is needed here."""

        @property
        def target(self) -> Target:
            """Its memory."""

        def struct(self, name: str) -> KernelStruct:
            """Return the member offsets of one of its structs."""

        def own_symbol(self, name: str) -> int:
            """Return the virtual address of one of its symbols."""


_MAX_DEPTH = 8
"""Levels of an xarray: those that indexes of 48 bits have."""
_INTERNAL, _KIND = 2, 3
"""What the low bits of an entry that is a node say (include/linux/xarray.h: xa_is_node())."""


def comm_of(kernel: Found, number: int) -> str:
    """Return the `comm` of the task that has a pid in the initial namespace.

    Mirrors find_task_by_pid_ns() (kernel/pid.c). "" if there is none, or if it cannot be read.
    """
    try:
        return _comm_of(kernel, number)
    except (BtfdumpError, LookupError):
        return ""


def _comm_of(kernel: Found, number: int) -> str:
    pid = _entry(kernel, kernel.own_symbol("init_pid_ns"), number)
    if not pid:
        return ""
    task, order = kernel.struct("task_struct"), kernel.target.platform.byteorder
    first = _pointer(kernel, pid + kernel.struct("pid").offset("tasks"))
    if not first:  # a process group or a session whose leader is gone
        return ""
    address = first - task.offset("pid_links")
    if kernel.target.read(address + task.offset("pid"), 4) != number.to_bytes(4, order):
        return ""
    comm = kernel.target.read(address + task.offset("comm"), 16).split(b"\0", 1)[0]
    return comm.decode("utf-8", "surrogateescape")


def _entry(kernel: Found, namespace: int, index: int) -> int:
    """Return the address of the `struct pid` of a number in a namespace, 0 for none."""
    if index < 0:
        return 0
    head = kernel.struct("pid_namespace").offset("idr.idr_rt.xa_head")
    node = kernel.struct("xa_node")
    entry = _pointer(kernel, namespace + head)
    for depth in range(_MAX_DEPTH):
        if entry & _KIND != _INTERNAL:
            return entry if depth or not index else 0
        data = kernel.target.read(entry - _INTERNAL, node.size)
        slots = node.length("slots")
        shift = node.integer(data, "shift")
        place = index >> shift if not depth else index >> shift & slots - 1
        if place >= slots:
            return 0
        entry = _pointer(kernel, entry - _INTERNAL + node.offset("slots") + place * _width(kernel))
    return 0


def _pointer(kernel: Found, address: int) -> int:
    data = kernel.target.read(address, _width(kernel))
    return int.from_bytes(data, kernel.target.platform.byteorder)


def _width(kernel: Found) -> int:
    return kernel.target.platform.pointer_size
