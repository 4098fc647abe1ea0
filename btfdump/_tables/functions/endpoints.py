"""What a socket or pipe that a task has open is connected with, and who has the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._annotate.facts import Expansion
from btfdump._decode.layout import StructLayout
from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._meaning.addresses import UNIX
from btfdump._system.sockets.facts import SocketReading
from btfdump._system.sockets.names import described
from btfdump._tables.descriptors import FIFO, SOCKET, descriptors
from btfdump._tables.functions import column
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_READ, _WRITE = 0x1, 0x2
"""include/linux/fs.h: FMODE_READ, FMODE_WRITE."""
_MOST_NAMED = 2


@column()
def endpoint(kernel: Context) -> Callable[..., str | None]:
    """What a socket or pipe is connected with: `TCP 127.0.0.1:4242 LISTEN`, `to cat 12 fd 3`.

    The arguments are the mode of a file's inode, its own mode, and its private data. Of pipes and
    unix sockets it tells who has the other end.
    """
    troubles = Troubles()
    reading = SocketReading(kernel, troubles)
    holders = _Holders(kernel)
    start = kernel.struct("socket").offset("sk")
    width = kernel.layouts.pointer_size

    def of(inode_mode: int | None, mode: int | None, private: int | None) -> str | None:
        kind = inode_mode >> 12 & 0xF if inode_mode is not None else 0
        if not private or mode is None or kind not in (SOCKET, FIFO):
            return None
        if kind == FIFO:
            return holders.of_pipe(private, mode)
        data = kernel.target.read(kernel.wrap(private + start), width)
        sock = int.from_bytes(data, kernel.layouts.byteorder)
        if not sock:
            return "closed"
        facts = reading.of(sock)
        for trouble in troubles.taken():
            raise CorruptDataError(str(trouble), trouble.address)
        text = described(facts)
        if facts.family == UNIX and facts.peer:
            found = holders.of_socket(facts.peer)
            return f"{text} ({found})" if found else text
        return text

    return of


class _Holders:
    """Who has which sockets and pipes open, found out when it is first asked."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._found: dict[int, list[dict[str, Any]]] | None = None

    def of_pipe(self, pipe: int, mode: int) -> str:
        """Tell of an end of a pipe, open in a mode, who has the other.

        The pipe itself counts those who have it: not all need be descriptors of tasks.
        """
        reads, writes = mode & _READ, mode & _WRITE
        if reads and writes:
            return "both ends"
        other = _WRITE if reads else _READ
        holders = [one for one in self._all().get(pipe, ()) if (one["mode"] or 0) & other]
        found = _named(holders)
        if not found:
            value = value_at(self._kernel, "struct pipe_inode_info", pipe)
            count = int(value.writers if reads else value.readers)
            found = f"{count} not in a table of files" if count else "nobody"
        return f"{'from' if reads else 'to'} {found}"

    def of_socket(self, sock: int) -> str:
        """Tell who has a socket open, by the address of its `struct sock`; "" for nobody."""
        start = self._kernel.struct("sock").offset("sk_socket")
        width = self._kernel.layouts.pointer_size
        data = self._kernel.target.read(self._kernel.wrap(sock + start), width)
        socket = int.from_bytes(data, self._kernel.layouts.byteorder)
        return _named(self._all().get(socket, [])) if socket else ""

    def _all(self) -> dict[int, list[dict[str, Any]]]:
        if self._found is None:
            self._found = {}
            for row in descriptors(self._kernel, self._processes):
                if not isinstance(row, Note) and row["object"]:
                    self._found.setdefault(row["object"], []).append(row)
        return self._found

    def _processes(self) -> Iterator[Value]:
        """Yield the processes behind the first: threads have the same files, as a rule."""
        first = find_global(self._kernel, "init_task")
        link = self._kernel.struct("task_struct").offset("tasks")
        layout = first._layout_
        assert isinstance(layout, StructLayout)
        expansion = Expansion("list_head", layout.base, "tasks", link, 0, "root")
        for item in first.member_("tasks").entries_(expansion):
            if not isinstance(item, Anomaly | ValueEntry):
                yield item


def _named(holders: list[dict[str, Any]]) -> str:
    """Name the first of those who have something open: `cat 12 fd 3`."""
    names = [f"{one['comm']} {one['pid']} fd {one['fd']}" for one in holders[:_MOST_NAMED]]
    more = len(holders) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
