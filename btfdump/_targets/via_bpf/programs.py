"""The two programs that run in the kernel, and the memory that they share with Python.

Both only copy: from kernel addresses into the window, by bpf_probe_read_kernel(), which fails if
nothing is mapped. The verifier requires every loop to be bounded by a constant, every offset into
the window to be masked or compared, and few enough branches that it can follow all turns of a loop.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._targets.via_bpf.asm import (
    FP,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    Assembler,
)
from btfdump._targets.via_bpf.syscall import PROBE_READ_KERNEL

if TYPE_CHECKING:
    from btfdump._targets.memory import ByteOrder

REQUEST_SIZE = 24
"""A request: u64 address, u32 size, u32 offset of its place in the data, s64 result."""
_ADDRESS, _SIZE, _OFFSET, _RESULT = 0, 8, 12, 16

COUNT, STOP, HOLDER, TO_ELEMENT, ELEMENT_SIZE, TO_NEXT, STRIDE, FIRST, NODE = range(0, 72, 8)
"""Offsets of u64 words at the start of the window; the reader uses COUNT alone.

The walk begins with the pointer at address HOLDER, and stores it at FIRST. It goes on until it
meets the pointer STOP or has copied COUNT elements of ELEMENT_SIZE bytes; NODE is the pointer it
has come to. An element begins TO_ELEMENT bytes before its link, and the next pointer lies TO_NEXT
bytes (a multiple of 8) into it. Copies lie STRIDE bytes apart.
"""
_REQUESTS = 128
WALK_LIMIT = 1024
"""Elements that one run of the walk copies at most."""
FRAME_BITS = 12
"""Bounds are in units of 4 KiB, which divides the pages of all architectures."""


@dataclass(frozen=True)
class Window:
    """The value of the map that Python and the programs share: header, requests, data.

    `requests` is how many fit in one run, `data` the bytes for what was read (a power of 2), and
    `largest` the bytes of the largest request (a power of 2). The verifier checks an offset and a
    size separately, so there is room for one more request after the data.
    """

    requests: int = 512
    data: int = 1 << 21
    largest: int = 1 << 16

    @property
    def requests_at(self) -> int:
        """Offset of the requests in bytes."""
        return _REQUESTS

    @property
    def data_at(self) -> int:
        """Offset of the data in bytes."""
        return _round_up(_REQUESTS + REQUEST_SIZE * self.requests, 4096)

    @property
    def size(self) -> int:
        """Size of the whole in bytes."""
        return self.data_at + self.data + self.largest


@dataclass(frozen=True)
class BoundsTable:
    """The value of the map that tells the walk where it may read.

    It has `1 << bits` bounds and one more. Each is a u64, an address >> `FRAME_BITS`, in ascending
    order: 0, then alternately the start and the end of a readable range, then `NO_BOUND`.
    """

    bits: int = 15

    @property
    def size(self) -> int:
        """Size in bytes."""
        return 8 * ((1 << self.bits) + 1)


NO_BOUND = 1 << 64 - FRAME_BITS
"""Above every address: fills the rest of the table."""


def reader_program(window: Window, window_fd: int, byteorder: ByteOrder) -> bytes:
    """Return the program that serves COUNT requests and returns how many it has served."""
    code = Assembler(byteorder)
    code.load_map_value(R6, window_fd)
    code.load(R7, R6, COUNT)
    code.move(R8, 0)
    code.move(R9, R6)
    code.alu(R9, "+", window.requests_at)
    code.label("request")
    code.jump_if(R8, ">=", window.requests, "done")
    code.jump_if(R8, ">=", R7, "done")
    code.move(R0, -errno.E2BIG)
    code.load(R2, R9, _SIZE, 4)
    code.jump_if(R2, ">", window.largest, "served")
    code.load(R1, R9, _OFFSET, 4)
    _to_data(code, window)
    code.load(R3, R9, _ADDRESS)
    code.call(PROBE_READ_KERNEL)
    code.label("served")
    code.store(R9, _RESULT, R0)
    code.alu(R8, "+", 1)
    code.alu(R9, "+", REQUEST_SIZE)
    code.jump("request")
    code.label("done")
    code.move(R0, R8)
    code.exit()
    return code.assemble()


def walk_program(
    window: Window, window_fd: int, table: BoundsTable, table_fd: int, byteorder: ByteOrder
) -> bytes:
    """Return the program that follows a chain of links and returns how many elements it copied.

    It runs under rcu_read_lock(), so elements that RCU frees stay valid meanwhile. It stops at the
    first element that is not wholly inside one of the ranges of the table.
    """
    code = Assembler(byteorder)
    code.load_map_value(R6, window_fd)
    code.move(R1, FP)
    code.alu(R1, "+", -8)
    code.move(R2, 8)
    code.load(R3, R6, HOLDER)
    code.call(PROBE_READ_KERNEL)
    code.load(R7, FP, -8)
    code.store(R6, FIRST, R7)
    code.move(R8, 0)  # elements copied
    code.move(R9, 0)  # where the next copy goes
    code.label("element")
    code.jump_if(R8, ">=", WALK_LIMIT, "done")
    code.load(R1, R6, COUNT)
    code.jump_if(R8, ">=", R1, "done")
    code.load(R1, R6, STOP)
    code.jump_if(R7, "==", R1, "done")
    code.move(R3, R7)
    code.load(R1, R6, TO_ELEMENT)
    code.alu(R3, "-", R1)
    code.load(R2, R6, ELEMENT_SIZE)
    code.alu(R2, "&", window.largest - 1)
    _readable_bytes(code, table, table_fd)
    code.jump_if(R2, ">", R0, "done")
    code.move(R1, R9)
    _to_data(code, window)
    code.call(PROBE_READ_KERNEL)
    code.jump_if(R0, "!=", 0, "done")
    code.move(R1, R9)
    _to_data(code, window)
    code.load(R2, R6, TO_NEXT)
    code.alu(R2, "&", window.largest - 8)
    code.alu(R1, "+", R2)
    code.load(R7, R1)
    code.load(R1, R6, STRIDE)
    code.alu(R9, "+", R1)
    code.alu(R8, "+", 1)
    code.jump("element")
    code.label("done")
    code.store(R6, NODE, R7)
    code.move(R0, R8)
    code.exit()
    return code.assemble()


def _to_data(code: Assembler, window: Window) -> None:
    """R1, an offset into the data and a multiple of 8, becomes an address."""
    code.alu(R1, "&", window.data - 8)
    code.alu(R1, "+", R6)
    code.alu(R1, "+", window.data_at)


def _readable_bytes(code: Assembler, table: BoundsTable, table_fd: int) -> None:
    """Set R0 to how many bytes may be read from address R3 on, 0 if none; uses R1, R4, R5.

    This is a binary search for the last bound that is not above the address. It has no branches:
    with them, the verifier would have to follow every path through every search.
    """
    code.load_map_value(R5, table_fd)
    code.move(R4, R3)
    code.alu(R4, ">>", FRAME_BITS)
    for bit in reversed(range(table.bits)):
        step = 8 << bit
        code.load(R0, R5, step) if step < 1 << 15 else _load_far(code, step)
        code.alu(R0, "-", R4)
        code.alu(R0, "-", 1)
        code.alu(R0, ">>", 63)  # 1 if the bound is not above the address, else 0
        code.alu(R0, "<<", bit + 3)
        code.alu(R5, "+", R0)
    code.load(R0, R5, 8)
    code.alu(R0, "-", R4)
    code.alu(R0, "<<", FRAME_BITS)
    code.move(R1, R3)
    code.alu(R1, "&", (1 << FRAME_BITS) - 1)
    code.alu(R0, "-", R1)
    # An even bound is the end of a range: nothing may be read behind it.
    code.load_map_value(R1, table_fd)
    code.alu(R5, "-", R1)
    code.alu(R5, ">>", 3)
    code.alu(R5, "&", 1)
    code.alu(R0, "*", R5)


def _load_far(code: Assembler, offset: int) -> None:
    """R0 = *(u64 *)(R5 + offset), where `offset` does not fit in an instruction."""
    code.move(R0, R5)
    code.alu(R0, "+", offset)
    code.load(R0, R0)


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
