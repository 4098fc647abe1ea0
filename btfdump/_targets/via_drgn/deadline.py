"""An end to answers that never end: a process beside this one that watches the clock.

drgn waits for QEMU in C, and lets no other thread run meanwhile; a time-out on the socket begins
anew with each byte, so a server that drips would hold it for ever. So this very file also runs as a
process of its own, which shuts the connection down when a wait has taken too long.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_BEGIN, _END = b"b", b"e"


class Deadline:
    """Within `with`, drgn waits for one answer; after `limit` seconds the connection is shut down.

    `has_passed` says that this has happened. `end()` ends the watch.
    """

    def __init__(self, connection: socket.socket, limit: float) -> None:
        import subprocess

        self.has_passed = False
        self._limit = limit
        self._began = 0.0
        self._line, other = socket.socketpair()
        with other:
            fds = (connection.fileno(), other.fileno())
            command = [sys.executable, "-I", "-S", __file__, *map(str, fds), str(limit)]
            self._process = subprocess.Popen(  # in a session of its own: Ctrl-C is not for it
                command, pass_fds=fds, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._say(_BEGIN)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._say(_END)
        if exc_type is not None and time.monotonic() - self._began >= self._limit:
            self.has_passed = True

    def end(self) -> None:
        """End the watch, and the process with it."""
        self._line.close()
        self._process.wait()

    def _say(self, what: bytes) -> None:
        with suppress(OSError):
            self._line.send(what, socket.MSG_NOSIGNAL)


def watch(connection: socket.socket, line: socket.socket, limit: float) -> None:
    """Shut `connection` down if a wait that `line` tells of takes more than `limit` seconds."""
    due: float | None = None
    while True:
        left = None if due is None else max(0.0, due - time.monotonic())
        if not select.select([line], [], [], left)[0]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            return
        said = line.recv(1)
        if not said:  # the other end is closed: nobody waits any more
            return
        due = time.monotonic() + limit if said == _BEGIN else None


if __name__ == "__main__":
    watch(
        socket.socket(fileno=int(sys.argv[1])),
        socket.socket(fileno=int(sys.argv[2])),
        float(sys.argv[3]),
    )
