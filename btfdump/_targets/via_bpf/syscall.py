"""bpf(2) through ctypes: a map that Python can see, a program, and a run of it.

Mirrors union bpf_attr (include/uapi/linux/bpf.h). Nothing is pinned or attached: maps and programs
disappear with their file descriptors.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

PROBE_READ_KERNEL = 113
"""The helper bpf_probe_read_kernel(to, size, from): 0, or a negative errno and zeros in `to`."""

# __NR_bpf in arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h.
_NUMBERS = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "ppc64": 361,
    "ppc64le": 361,
    "s390x": 351,
}
_MAP_CREATE, _PROG_LOAD, _PROG_TEST_RUN = 0, 5, 10
MAP_CREATE, PROG_LOAD, TEST_RUN = "BPF_MAP_CREATE", "BPF_PROG_LOAD", "BPF_PROG_TEST_RUN"
_MAP_TYPE_ARRAY, _MMAPABLE = 2, 1 << 10
_RAW_TRACEPOINT = 17
"""A test run of this program type holds rcu_read_lock(), since 5.10 (1b4d60ec162f)."""
_LICENSE = b"Dual MIT/GPL"  # probe_read_kernel() is for GPL-compatible programs
_NAME = b"btfdump"
_LOG_SIZE = 1 << 16

# The members in their order; all of them are naturally aligned, so there is no padding to name.
_MAP_ATTRIBUTES = struct.Struct("=IIIII12x16s")  # type, key, value, entries, flags, ..., name
# type, count, code, license, log level, log size, log, kern_version, flags, name
_PROG_ATTRIBUTES = struct.Struct("=IIQQIIQII16s")
_TEST_ATTRIBUTES = struct.Struct("=I76x")  # fd, retval, ...
_RETVAL = struct.Struct("=4xI")


class BpfError(TargetError, OSError):
    """The kernel refused a bpf(2) command; `log` is what the verifier said."""

    def __init__(self, number: int, command: str, log: str = "") -> None:
        super().__init__(number, f"{command}: {os.strerror(number)}")
        self.command = command
        self.log = log


class Bpf(Protocol):
    """The part of bpf(2) that the reader uses; tests replace it."""

    def create_array(self, size: int) -> int:
        """Make an array map of one value of `size` bytes; return its file descriptor."""
        ...

    def map_value(self, map_fd: int, size: int) -> mmap.mmap:
        """Return the value's memory, shared with the kernel."""
        ...

    def load(self, code: bytes) -> int:
        """Load a raw tracepoint program; return its file descriptor."""
        ...

    def runner(self, program_fd: int) -> Callable[[], int]:
        """Return a function that runs the program once and returns what it returned, as u32."""
        ...

    def close(self, fd: int) -> None:
        """Release a map or a program."""
        ...


class SystemBpf:
    """The running kernel's bpf(2). Raises `BpfError`."""

    def __init__(self) -> None:
        machine = platform.machine()
        if machine not in _NUMBERS or sys.maxsize < 1 << 32:
            raise TargetError(
                f"bpf(2) on {machine} with {struct.calcsize('P') * 8}-bit Python: not known; "
                f"expected 64-bit Python on {', '.join(_NUMBERS)}"
            )
        self._number = _NUMBERS[machine]
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)

    def create_array(self, size: int) -> int:
        """Make an array map of one value of `size` bytes; return its file descriptor.

        Before 5.11, maps count as locked memory (80ee81e0403c): the limit is raised if necessary.
        """
        try:
            return self._call(_MAP_CREATE, map_attributes(size), MAP_CREATE)
        except BpfError as error:
            if error.errno != errno.EPERM or not _raise_locked_memory():
                raise
        return self._call(_MAP_CREATE, map_attributes(size), MAP_CREATE)

    def map_value(self, map_fd: int, size: int) -> mmap.mmap:
        """Return the value's memory, shared with the kernel."""
        return mmap.mmap(map_fd, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)

    def load(self, code: bytes) -> int:
        """Load a raw tracepoint program; return its file descriptor."""
        instructions = ctypes.create_string_buffer(code, len(code))
        license_ = ctypes.create_string_buffer(_LICENSE)
        addresses = ctypes.addressof(instructions), ctypes.addressof(license_)
        try:
            return self._call(_PROG_LOAD, program_attributes(len(code), *addresses), PROG_LOAD)
        except BpfError as error:
            if error.errno == errno.EPERM:
                raise
            first = error
        # Again, for the verifier's words. The first errno is the true one: a log that does not fit
        # turns it into ENOSPC.
        log = ctypes.create_string_buffer(_LOG_SIZE)
        attributes = program_attributes(
            len(code), *addresses, log=ctypes.addressof(log), log_size=_LOG_SIZE
        )
        try:
            return self._call(_PROG_LOAD, attributes, PROG_LOAD)
        except BpfError:
            first.log = log.value.decode("utf-8", "replace")
            raise first from None

    def runner(self, program_fd: int) -> Callable[[], int]:
        """Return a function that runs the program once and returns what it returned, as u32."""
        size = _TEST_ATTRIBUTES.size
        attributes = ctypes.create_string_buffer(_TEST_ATTRIBUTES.pack(program_fd), size)
        arguments = self._number, _PROG_TEST_RUN, ctypes.addressof(attributes), size
        syscall = self._syscall

        def run() -> int:
            if syscall(*arguments) < 0:
                raise BpfError(ctypes.get_errno(), TEST_RUN)
            result: int = _RETVAL.unpack_from(attributes)[0]
            return result

        return run

    def close(self, fd: int) -> None:
        """Release a map or a program."""
        os.close(fd)

    def _call(self, command: int, attributes: bytes, name: str) -> int:
        buffer = ctypes.create_string_buffer(attributes, len(attributes))
        result: int = self._syscall(self._number, command, ctypes.addressof(buffer), len(buffer))
        if result < 0:
            raise BpfError(ctypes.get_errno(), name)
        return result


def _raise_locked_memory() -> bool:
    """Allow this process more locked memory; tell whether that was possible."""
    limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    for hard in (resource.RLIM_INFINITY, limits[1]):
        if limits != (hard, hard):
            with suppress(ValueError, OSError):  # without CAP_SYS_RESOURCE
                resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
                return True
    return False


def map_attributes(size: int) -> bytes:
    """Return BPF_MAP_CREATE's attributes for an array of one value that can be mapped."""
    return _MAP_ATTRIBUTES.pack(_MAP_TYPE_ARRAY, 4, size, 1, _MMAPABLE, _NAME)


def program_attributes(
    code_size: int, code: int, license_: int, *, log: int = 0, log_size: int = 0
) -> bytes:
    """Return BPF_PROG_LOAD's attributes; `code`, `license_` and `log` are user-space addresses."""
    return _PROG_ATTRIBUTES.pack(
        _RAW_TRACEPOINT,
        code_size // 8,
        code,
        license_,
        1 if log else 0,
        log_size,
        log,
        0,
        0,
        _NAME,
    )
