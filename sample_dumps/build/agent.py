"""The host's side of the guest agent (rootfs/agent.c)."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from .machines import ByteOrder

REQUEST, FRAME = "III", "II"
READY, OUTPUT, ERRORS, TIMEOUT, STATUS = range(1, 6)
# A killed command's last words have this long to arrive.
GRACE_SECONDS = 120.0


class AgentError(Exception):
    """The guest does not answer, or answers nonsense."""


class CommandTimeout(Exception):
    """A command was killed because its time was up; `result` has its output so far."""

    def __init__(self, command: Sequence[str], seconds: float, result: Result) -> None:
        super().__init__(f"{' '.join(command)!r} took more than {seconds} s")
        self.result = result


class Result(NamedTuple):
    """What a command in the guest gave; a negative status is minus a signal's number."""

    status: int
    stdout: bytes
    stderr: bytes


class Agent:
    """Runs commands in the guest, one at a time; numbers are in the guest's byte order."""

    def __init__(self, connection: socket.socket, byteorder: ByteOrder = "little") -> None:
        self._socket = connection
        self._order = ">" if byteorder == "big" else "<"

    def wait_ready(self, timeout: float) -> None:
        """Wait until the guest's workload runs and the agent listens."""
        kind, _ = self._frame(time.monotonic() + timeout)
        if kind != READY:
            raise AgentError(f"frame {kind} instead of the agent's first word")

    def run(self, command: Sequence[str], timeout: float, stdin: bytes) -> Result:
        """Run a program with arguments and wait for it."""
        arguments = b"".join(word.encode() + b"\0" for word in command)
        header = struct.pack(self._order + REQUEST, int(timeout * 1000), len(arguments), len(stdin))
        deadline = time.monotonic() + timeout + GRACE_SECONDS
        self._socket.settimeout(timeout + GRACE_SECONDS)
        self._socket.sendall(header + arguments + stdin)
        streams = {OUTPUT: bytearray(), ERRORS: bytearray()}
        timed_out = False
        while True:
            kind, data = self._frame(deadline)
            if kind == STATUS:
                break
            if kind == TIMEOUT:
                timed_out = True
            elif kind in streams:
                streams[kind] += data
            else:
                raise AgentError(f"unknown frame {kind}")
        (status,) = struct.unpack(f"{self._order}i", data)
        result = Result(status, bytes(streams[OUTPUT]), bytes(streams[ERRORS]))
        if timed_out:
            raise CommandTimeout(command, timeout, result)
        return result

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _frame(self, deadline: float) -> tuple[int, bytes]:
        form = self._order + FRAME
        kind, size = struct.unpack(form, self._receive(struct.calcsize(form), deadline))
        return kind, self._receive(size, deadline)

    def _receive(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AgentError("the guest does not answer")
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(size - len(data))
            except TimeoutError:
                continue
            if not piece:
                raise AgentError("QEMU has gone")
            data += piece
        return bytes(data)
