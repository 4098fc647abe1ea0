"""Capabilities of this process: which ones it has, and how to drop them (capabilities(7))."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

# include/uapi/linux/capability.h
CAP_SYS_ADMIN, CAP_SYSLOG, CAP_PERFMON, CAP_BPF = 21, 34, 38, 39
NAMES = {CAP_SYSLOG: "CAP_SYSLOG", CAP_PERFMON: "CAP_PERFMON", CAP_BPF: "CAP_BPF"}
_VERSION_3 = 0x20080522
_HEADER = struct.Struct("=Ii")  # version, pid (0: this thread)
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable; then the upper halves of each
# include/uapi/linux/prctl.h
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 8, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_NOBODY = 65534


def missing(status: Path) -> list[str]:
    """Return the names of the capabilities that reading through BPF needs and this process lacks.

    `status` is a /proc/PID/status. CAP_SYS_ADMIN implies CAP_BPF and CAP_PERFMON. Raises
    `TargetError` if the file has no line `CapEff`.
    """
    have = _effective(status)
    admin = have >> CAP_SYS_ADMIN & 1
    return [
        name
        for number, name in sorted(NAMES.items())
        if not have >> number & 1 and not (admin and number != CAP_SYSLOG)
    ]


def _effective(status: Path) -> int:
    for line in status.read_text("ascii", "replace").splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff":
            return int(value, 16)
    raise TargetError(f"{status}: has no line CapEff")


def drop(try_: Callable[[], object]) -> None:
    """Give up root and every capability, for good.

    Root becomes the user that called sudo, or nobody, if that user can read the modules that Python
    has yet to load; otherwise it becomes a root without capabilities. Afterwards other processes
    cannot trace this one, nor take over what it has open. CAP_BPF is kept if `try_()` raises EPERM
    without it. Raises `TargetError` if privileges cannot be dropped.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if os.geteuid() == 0:
        user, group = _next_user()
        if _can_go_on(user, group):
            _prctl(libc, _PR_SET_KEEPCAPS, 1)  # until capset() below
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
    _prctl(libc, _PR_SET_DUMPABLE, 0)
    kept = 1 << CAP_BPF
    _set_capabilities(libc, effective=0, permitted=kept)
    try:
        try_()
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        _set_capabilities(libc, effective=kept, permitted=kept)
    else:
        _set_capabilities(libc, effective=0, permitted=0)


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero):
        raise TargetError(f"privileges cannot be dropped: prctl({option}): {_reason()}")


def _set_capabilities(libc: ctypes.CDLL, *, effective: int, permitted: int) -> None:
    header = ctypes.create_string_buffer(_HEADER.pack(_VERSION_3, 0), _HEADER.size)
    words = (kept >> half & 0xFFFFFFFF for half in (0, 32) for kept in (effective, permitted, 0))
    sets = _SETS.pack(*words)
    if libc.capset(header, ctypes.create_string_buffer(sets, _SETS.size)):
        raise TargetError(f"privileges cannot be dropped: capset: {_reason()}")


def _reason() -> str:
    return os.strerror(ctypes.get_errno())


def _next_user() -> tuple[int, int]:
    """Return the (user, group) that root becomes: whoever called sudo, else nobody."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if user.isdecimal() and group.isdecimal() and int(user) and int(group):
        return int(user), int(group)
    return _NOBODY, _NOBODY


def _can_go_on(user: int, group: int) -> bool:
    """Whether this process may become another user, and can still read what it has yet to load.

    This is tried out as that user.
    """
    places = [Path(place or ".") for place in [*sys.path, str(Path(__file__).parent)]]
    places = [place for place in places if place.exists()]
    groups = os.getgroups()
    try:
        os.setgroups([])
    except PermissionError:  # a root without CAP_SETGID, in a container
        return False
    try:
        os.setegid(group)
        os.seteuid(user)
        return all(os.access(place, os.R_OK, effective_ids=True) for place in places)
    except PermissionError:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
