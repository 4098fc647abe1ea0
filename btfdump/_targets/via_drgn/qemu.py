"""The kernel of a QEMU guest, through drgn and the guest's QMP socket.

QEMU serves one QMP client at a time and keeps others waiting without a word, and drgn waits for
ever. So the connection is made, and QEMU's greeting awaited, here.
"""

from __future__ import annotations

import socket
import stat
import struct
import time
from errno import EAGAIN
from pathlib import Path
from typing import TYPE_CHECKING

import drgn

from btfdump._targets.via_drgn import DrgnTarget, describe_platform
from btfdump._targets.via_drgn.deadline import Deadline
from btfdump._targets.via_drgn.opening import read_vmcoreinfo, without_plugins
from btfdump._targets.via_drgn.segments import READ_ERRORS
from btfdump.errors import MissingDataError, TargetError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType

_PATIENCE = 5.0
"""Seconds that QEMU has to greet: it does at once, or when the client before us has gone."""
_ANSWERS = 6
"""How many times as long it has to answer what drgn asks later."""
_START = "start QEMU with -qmp unix:PATH,server=on,wait=off"
_OF_ITS_OWN = "it serves one client at a time: give btfdump one of its own, with a second -qmp"
_GREETING = b'{"QMP"'
_MOST = 4096


def open_qemu(
    address: str | os.PathLike[str],
    *,
    vmlinux: str | os.PathLike[str] | None = None,
    patience: float = _PATIENCE,
) -> GuestTarget:
    """Attach to the guest behind the QMP socket `address`: a path, or HOST:PORT.

    The guest stops for a moment. Raises `TargetError` if no QEMU answers there within `patience`
    seconds, or if a later step takes six times as long, and `MissingDataError` if the guest has not
    left it a VMCOREINFO.
    """
    where = str(address)
    with _connection(where) as connection:
        _connect(connection, where, patience)
        _await_greeting(connection, where, patience)
        prog = drgn.Program()
        if not hasattr(prog, "set_qemu_qmp"):
            version = getattr(drgn, "__version__", "of this version")
            raise TargetError(
                f"{where}: drgn {version} cannot attach to QEMU; install drgn 0.3 or later"
            )
        limit = _ANSWERS * patience
        deadline = Deadline(connection, limit)
        try:
            with _AsOSError(), without_plugins(), deadline:
                prog.set_qemu_qmp(_detach(connection, limit))
        except READ_ERRORS as error:
            deadline.end()
            stuck = deadline.has_passed or (isinstance(error, OSError) and error.errno == EAGAIN)
            reason = f"no answer within {limit:g} s" if stuck else error
            raise TargetError(f"{where}: drgn cannot attach: {reason}") from None
    if drgn.ProgramFlags.IS_LINUX_KERNEL not in prog.flags:
        deadline.end()
        raise MissingDataError(
            f"{where}: the guest has left QEMU no VMCOREINFO",
            "start QEMU with -device vmcoreinfo, and load the module qemu_fw_cfg in the guest",
        )
    return GuestTarget(prog, read_vmcoreinfo(prog), vmlinux, deadline)


class GuestTarget(DrgnTarget):
    """A guest's kernel: it runs, unless QEMU has stopped it."""

    is_live = True

    def __init__(
        self,
        prog: drgn.Program,
        info: Mapping[str, str],
        vmlinux: str | os.PathLike[str] | None,
        deadline: Deadline,
    ) -> None:
        self._deadline = deadline
        super().__init__(prog, describe_platform(prog), info, "QEMU guest", vmlinux)
        self._read = _reader(prog, deadline)

    def close(self) -> None:
        """Release the guest: every read faults from now on."""
        self._deadline.end()
        super().close()


def _reader(prog: drgn.Program, deadline: Deadline) -> Callable[[int, int], bytes]:
    """Return drgn's read, with what QEMU complains of as an OSError."""
    plain_read = prog.read

    def read(address: int, size: int) -> bytes:
        with _AsOSError(), deadline:
            data: bytes = plain_read(address, size)
            return data

    return read


class _AsOSError:
    """Turns the plain Exception, which drgn raises for what QMP reports, into an OSError."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is Exception:
            raise OSError(str(exc)) from None


def _host_and_port(where: str) -> tuple[str, int] | None:
    host, colon, port = where.rpartition(":")
    if colon and port.isdecimal() and not where.startswith(("/", ".")):
        return host or "localhost", int(port)
    return None


def _connection(where: str) -> socket.socket:
    return socket.socket(socket.AF_UNIX if _host_and_port(where) is None else socket.AF_INET)


def _detach(connection: socket.socket, timeout: float) -> int:
    """Return the bare descriptor for drgn, which would wait for ever, with a timeout on it."""
    connection.settimeout(None)
    whole = int(timeout)
    timeval = struct.pack("ll", whole, int((timeout - whole) * 1e6))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    return connection.detach()


def _connect(connection: socket.socket, where: str, patience: float) -> None:
    """Connect to a Unix socket, or to HOST:PORT over TCP."""
    connection.settimeout(patience)
    address = _host_and_port(where)
    try:
        if address is None and not stat.S_ISSOCK(Path(where).stat().st_mode):
            raise TargetError(f"{where}: is not a socket; {_START}")
        connection.connect(where if address is None else address)
    except FileNotFoundError:
        raise TargetError(f"{where}: there is no such socket; {_START}") from None
    except ConnectionRefusedError:
        raise TargetError(f"{where}: nobody listens there; is QEMU still running?") from None
    except (BlockingIOError, TimeoutError):
        raise TargetError(f"{where}: others are waiting for this socket; {_OF_ITS_OWN}") from None
    except OSError as error:
        raise TargetError(f"{where}: {error.strerror or error}; {_START}") from None


def _await_greeting(connection: socket.socket, where: str, patience: float) -> None:
    """Wait for the line that QEMU greets a client with, and leave it to be read."""
    until = time.monotonic() + patience
    seen = b""
    try:
        while b"\n" not in seen and len(seen) < _MOST:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            now = connection.recv(_MOST, socket.MSG_PEEK)
            if not now:
                raise TargetError(f"{where}: closed the connection at once; {_START}")
            if len(now) == len(seen):
                time.sleep(0.01)  # peeking again and again would return at once
            seen = now
            if not seen.startswith(_GREETING[: len(seen)]):
                break
    except TimeoutError:
        if not seen:
            raise TargetError(
                f"{where}: no greeting within {patience:g} s: another client (libvirt, another "
                f"btfdump) has this socket, or it is not QMP; {_OF_ITS_OWN}"
            ) from None
    except ConnectionResetError:
        raise TargetError(f"{where}: closed the connection at once; {_START}") from None
    if not seen.startswith(_GREETING):
        raise TargetError(f"{where}: is not QMP: it says {seen[:24]!r}; {_START}")
