"""Locks on files, and who waits for them: what /proc/locks prints (fs/locks.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.d_path import Paths
from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.per_cpu import on_cpu
from btfdump._kernel.pid_lookup import comm_of
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._system.members import Members
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles
    from btfdump._kernel.value import Value

_POSIX, _FLOCK, _DELEG, _ACCESS, _LEASE = 0x1, 0x2, 0x4, 0x8, 0x20
_DOWNGRADE, _UNLOCK, _OFD, _LAYOUT = 0x100, 0x200, 0x400, 0x800
"""include/linux/filelock.h: FL_POSIX, ..., FL_DOWNGRADE_PENDING, FL_UNLOCK_PENDING, ..."""
_TYPES = {0: "READ", 1: "WRITE", 2: "UNLCK"}
_END = (1 << 63) - 1
"""include/linux/fs.h: OFFSET_MAX, the end of a lock that has none."""
_CORE = {
    "flags": "flc_flags",
    "type": "flc_type",
    "pid": "flc_pid",
    "file": "flc_file",
    "inode": "flc_file.f_inode.i_ino",
    "device": "flc_file.f_inode.i_sb.s_dev",
}
_WHOLE = {
    "flags": "fl_flags",
    "type": "fl_type",
    "pid": "fl_pid",
    "file": "fl_file",
    "inode": "fl_file.f_inode.i_ino",
    "device": "fl_file.f_inode.i_sb.s_dev",
}
"""The same until a69ce85ec9af ("filelock: split common fields into struct file_lock_core")."""
_RANGE = {"start": "fl_start", "end": "fl_end"}


class FileLock(NamedTuple):
    """A lock, or a request that waits for the one at `blocked_by`.

    `end` is None where a lock has none, `pid` where it belongs to an open file and to nobody.
    `lock` is the address of its `struct file_lock` or `file_lease`, `file` that of a
    `struct file`.
    """

    kind: str
    mode: str
    type: str
    pid: int | None
    comm: str | None
    start: int | None
    end: int | None
    path: str | None
    inode: int | None
    device: int | None
    blocked_by: int | None
    lock: int
    file: int | None


class FileLocks:
    """Reads all locks of one kernel; what cannot be read of one is counted in `troubles`.

    Raises what `Context.own_variable()` raises if the kernel has no list of them.
    """

    def __init__(self, kernel: Context, troubles: Troubles) -> None:
        self._kernel = kernel
        self._troubles = troubles
        self._paths = Paths(kernel)
        self._lists = find_global(kernel, "file_lock_list")
        lock = kernel.struct("file_lock")
        self._is_split = "c" in lock
        struct, paths = ("file_lock_core", _CORE) if self._is_split else ("file_lock", _WHOLE)
        self._members = Members(kernel, struct, paths, troubles)
        self._range = Members(kernel, "file_lock", _RANGE, troubles)
        self._blocked = "flc_blocked_requests" if self._is_split else "fl_blocked_requests"

    def each(self) -> Iterator[FileLock | Note]:
        """Yield each lock, and behind it what waits for it, and for what waits."""
        for cpu in range(len(self._kernel.target.per_cpu_offsets)):
            for item in self._entries(on_cpu(self._lists, cpu).hlist):
                if isinstance(item, Note):
                    yield item
                else:
                    yield from self._with_waiters(item)

    def _with_waiters(self, lock: Value) -> Iterator[FileLock | Note]:
        pending: list[tuple[Value, int | None]] = [(lock, None)]
        seen: set[int] = set()
        while pending:
            one, blocker = pending.pop()
            if one.address_ in seen:
                yield Note(f"lock {one.address_:#x} waits for itself", one.address_)
                continue
            seen.add(one.address_)
            yield self._of(one.address_, blocker)
            waiting = []
            for item in self._entries(one.member_(self._blocked)):
                if isinstance(item, Note):
                    yield item
                else:
                    waiting.append((item, one.address_))
            pending += reversed(waiting)

    def _entries(self, head: Value) -> Iterator[Value | Note]:
        try:
            for item in head.entries_():
                if isinstance(item, Anomaly):
                    yield Note(f"locks: {item.message}", item.address)
                elif not isinstance(item, ValueEntry):
                    yield item
        except BtfdumpError as error:
            yield note_of(error, "locks")

    def _of(self, address: int, blocker: int | None) -> FileLock:
        known = self._members.of(address)
        flags, pid, type_ = known["flags"] or 0, known["pid"], known["type"]
        kind, mode = _described(flags, has_file=bool(known["file"]))
        if flags & _UNLOCK:
            type_ = 2
        elif flags & _DOWNGRADE:
            type_ = 0
        span = self._range.of(address) if flags & _POSIX else {"start": 0, "end": _END}
        is_process = pid is not None and pid > 0
        return FileLock(
            kind,
            mode,
            _TYPES.get(type_, str(type_)),
            pid if is_process else None,
            (comm_of(self._kernel, pid) or None) if is_process else None,
            span["start"],
            span["end"] if span["end"] != _END else None,
            self._path(known["file"]),
            known["inode"],
            known["device"],
            blocker,
            address,
            known["file"] or None,
        )

    def _path(self, file: int | None) -> str | None:
        if not file:
            return None
        try:
            if self._kernel.target.is_live:
                self._paths.forget()
            return self._paths.of(value_at(self._kernel, "struct file", file))
        except BtfdumpError as error:
            self._troubles.add("lock.path", error)
            return None


def _described(flags: int, *, has_file: bool) -> tuple[str, str]:
    """Return what kind of lock it is and how it holds: lock_get_status() (fs/locks.c)."""
    if flags & _POSIX:
        kind = "ACCESS" if flags & _ACCESS else "OFDLCK" if flags & _OFD else "POSIX"
        return kind, "ADVISORY"
    if flags & _FLOCK:
        return "FLOCK", "ADVISORY"
    if flags & (_LEASE | _DELEG | _LAYOUT):
        kind = "DELEG" if flags & _DELEG else "LAYOUT" if flags & _LAYOUT else "LEASE"
        if flags & (_UNLOCK | _DOWNGRADE):
            return kind, "BREAKING"
        return kind, "ACTIVE" if has_file else "BREAKER"
    return "UNKNOWN", "UNKNOWN"
