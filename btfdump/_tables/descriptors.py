"""Who has sockets and pipes open: the descriptors of all tasks that lead to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._tables.definition import define
from btfdump._tables.rows import Asked, TableReading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.notes import Note
    from btfdump._kernel.value import Value

SOCKET, FIFO = 0xC, 0x1
"""Kinds of files, of the mode of their inode (include/uapi/linux/stat.h: S_IFMT)."""
_DECLARED = {
    "rows": [
        {
            "as": "task",
            "each": "task",
            "only": "task.pid == task.tgid || task.files != task.group_leader.files",
        },
        {
            "as": "file",
            "each": "task.files.fdt.fd",
            "key": "fd",
            "only": f"file.f_inode.i_mode >> 12 == {SOCKET} || file.f_inode.i_mode >> 12 == {FIFO}",
        },
    ],
    "columns": {
        "pid": "task.pid",
        "comm": "task.comm",
        "fd": "fd",
        "kind": "file.f_inode.i_mode >> 12",
        "mode": "file.f_mode",
        "object": "file.private_data",
    },
}


def descriptors(
    kernel: Context, tasks: Callable[[], Iterator[Value]]
) -> Iterator[dict[str, Any] | Note]:
    """Yield each descriptor of a socket or pipe of `tasks`, and what could not be read.

    It has `pid`, `comm` and `fd`, the `kind` of file and its `mode`, and as `object` the address of
    its `struct socket` or `struct pipe_inode_info`. Raises `MemberNotFoundError`.
    """
    asked = Asked(lambda *names: True, {"task": tasks})
    return TableReading(kernel, define("descriptors", _DECLARED, "library"), asked).rows()
