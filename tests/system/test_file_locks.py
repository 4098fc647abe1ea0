"""Locks on files, against /proc/locks of the guests, and who waits for them."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._system.file_locks import FileLocks, _described
from tests.support.patched import PatchedKernel


def locks(kernel: Any) -> tuple[list[Any], list[str]]:
    troubles = Troubles()
    items = list(FileLocks(kernel, troubles).each())
    notes = [one.text for one in items if isinstance(one, Note)]
    lost = [str(one) for one in troubles.taken()]
    return [one for one in items if not isinstance(one, Note)], notes + lost


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_what_proc_printed(opened, console, name):
    printed = []
    for line in console(name, "locks").splitlines():
        if line:
            _, kind, mode, type_, pid, where, start, end = line.split()
            major, minor, inode = where.split(":")
            device = int(major, 16) << 20 | int(minor, 16)
            printed.append((kind, mode, type_, int(pid), device, int(inode), int(start), int(end)))
    found, notes = locks(opened(name))
    told = [(x.kind, x.mode, x.type, x.pid, x.device, x.inode, x.start, x.end) for x in found]
    assert told == printed != []
    assert not notes


@pytest.mark.parametrize("name", ["stock-7.3", "garden"])
def test_other_kernels(opened, name):
    (lock,) = locks(opened(name))[0]
    assert (lock.kind, lock.type, lock.comm, lock.start, lock.end) == (
        *("POSIX", "WRITE", "birch"),
        *(10, 29),
    )
    assert lock.path == "/tmp/data/first.txt"


@pytest.fixture
def waiting(opened):
    """Return a kernel in which a request, and one behind that, wait for the lock."""
    kernel = PatchedKernel(opened("stock"))
    (lock,) = locks(kernel)[0]
    first, second = kernel.symbol("__log_buf"), kernel.symbol("__log_buf") + 512
    for address, pid, above in ((first, 1, lock.lock), (second, -1, first)):
        kernel.target.write(address, value_at(kernel, "struct file_lock", lock.lock).bytes_())
        one = value_at(kernel, "struct file_lock_core", address)
        put(kernel, one.flc_pid, pid & 0xFFFFFFFF)
        head = value_at(kernel, "struct file_lock_core", above).flc_blocked_requests
        for link, other in ((head, one.flc_blocked_member), (one.flc_blocked_member, head)):
            put(kernel, link.next, other.address_)
            put(kernel, link.prev, other.address_)
    empty = value_at(kernel, "struct file_lock_core", second).flc_blocked_requests
    put(kernel, empty.next, empty.address_)
    put(kernel, empty.prev, empty.address_)
    put(kernel, value_at(kernel, "struct file_lock", second).fl_end, (1 << 63) - 1)
    return kernel, lock.lock, first, second


def put(kernel: PatchedKernel, member: Any, number: int) -> None:
    kernel.target.write(member.address_, number.to_bytes(member.size_, "little"))


def test_who_waits_for_whom(waiting):
    kernel, lock, first, second = waiting
    found, notes = locks(kernel)
    assert [(one.lock, one.blocked_by) for one in found] == [
        (lock, None),
        (first, lock),
        (second, first),
    ]
    assert [(one.pid, one.comm) for one in found[1:]] == [(1, "init"), (None, None)]
    assert found[2].end is None
    assert not notes


def test_a_circle_of_waiters_is_told(waiting):
    kernel, lock, _, second = waiting
    head = value_at(kernel, "struct file_lock_core", second).flc_blocked_requests
    member = value_at(kernel, "struct file_lock_core", lock).flc_blocked_member
    for link, other in ((head, member), (member, head)):
        put(kernel, link.next, other.address_)
        put(kernel, link.prev, other.address_)
    found, notes = locks(kernel)
    assert len(found) == 3
    assert notes == [f"lock {lock:#x} waits for itself"]


@pytest.mark.parametrize(
    ("flags", "has_file", "expected"),
    [
        (0x1, True, ("POSIX", "ADVISORY")),
        (0x401, True, ("OFDLCK", "ADVISORY")),
        (0x9, True, ("ACCESS", "ADVISORY")),
        (0x2, True, ("FLOCK", "ADVISORY")),
        (0x20, True, ("LEASE", "ACTIVE")),
        (0x220, True, ("LEASE", "BREAKING")),
        (0x20, False, ("LEASE", "BREAKER")),
        (0x4, True, ("DELEG", "ACTIVE")),
        (0x800, True, ("LAYOUT", "ACTIVE")),
        (0, True, ("UNKNOWN", "UNKNOWN")),
    ],
)
def test_kinds(flags, has_file, expected):
    assert _described(flags, has_file=has_file) == expected
