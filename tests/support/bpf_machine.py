"""A BPF machine in Python: runs the real programs on memory of ours, in either byte order."""

from __future__ import annotations

import errno
import mmap
import struct
from typing import TYPE_CHECKING

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._targets.memory import ByteOrder, Memory

MASK = (1 << 64) - 1
STACK_TOP = 0x7_0000_0000
SIZES = {0x10: 1, 0x08: 2, 0x00: 4, 0x18: 8}
ALU = {
    0x00: lambda a, b: a + b,
    0x10: lambda a, b: a - b,
    0x20: lambda a, b: a * b,
    0x40: lambda a, b: a | b,
    0x50: lambda a, b: a & b,
    0x60: lambda a, b: a << (b & 63),
    0x70: lambda a, b: a >> (b & 63),
    0xA0: lambda a, b: a ^ b,
    0xB0: lambda a, b: b,
    0xC0: lambda a, b: signed(a) >> (b & 63),
}
JUMPS = {
    0x10: lambda a, b: a == b,
    0x20: lambda a, b: a > b,
    0x30: lambda a, b: a >= b,
    0x40: lambda a, b: bool(a & b),
    0x50: lambda a, b: a != b,
    0x60: lambda a, b: signed(a) > signed(b),
    0x70: lambda a, b: signed(a) >= signed(b),
    0xA0: lambda a, b: a < b,
    0xB0: lambda a, b: a <= b,
    0xC0: lambda a, b: signed(a) < signed(b),
    0xD0: lambda a, b: signed(a) <= signed(b),
}


def signed(value: int) -> int:
    """Take 64 bits as a signed number."""
    return value - (1 << 64) if value >> 63 else value


class BpfMachine:
    """Implements `btfdump._targets.via_bpf.syscall.Bpf`; `memory` is the kernel's."""

    def __init__(self, memory: Memory, byteorder: ByteOrder = "little") -> None:
        self.memory = memory
        self.byteorder: ByteOrder = byteorder
        self.order = "<" if byteorder == "little" else ">"
        self.maps: dict[int, mmap.mmap] = {}
        self.programs: dict[int, bytes] = {}
        self.runs = 0
        self.copied: list[tuple[int, int]] = []
        self._fds = iter(range(10, 1000))

    def create_array(self, size: int) -> int:
        fd = next(self._fds)
        self.maps[fd] = mmap.mmap(-1, size)
        return fd

    def map_value(self, map_fd: int, size: int) -> mmap.mmap:
        assert len(self.maps[map_fd]) == size
        return self.maps[map_fd]

    def load(self, code: bytes) -> int:
        fd = next(self._fds)
        self.programs[fd] = code
        return fd

    def runner(self, program_fd: int) -> Callable[[], int]:
        return lambda: self.run(self.programs[program_fd])

    def close(self, fd: int) -> None:
        self.maps.pop(fd, None)
        self.programs.pop(fd, None)

    @property
    def open_fds(self) -> int:
        return len(self.maps) + len(self.programs)

    # The machine

    def run(self, code: bytes) -> int:
        """Run a program; return R0 as u32."""
        self.runs += 1
        self.stack = bytearray(512)
        registers = [0] * 10 + [STACK_TOP]
        at, steps = 0, 0
        while True:
            steps += 1
            assert steps < 1_000_000, "the program does not end"
            opcode, nibbles, offset, immediate = struct.unpack_from(f"{self.order}BBhi", code, at)
            high, low = nibbles >> 4, nibbles & 15
            source, target = (high, low) if self.byteorder == "little" else (low, high)
            at += 8
            kind = opcode & 7
            if opcode == 0x95:
                return registers[0] & 0xFFFFFFFF
            if opcode == 0x18:
                assert source == 2, "only map values"
                (upper,) = struct.unpack_from(f"{self.order}4xi", code, at)
                registers[target] = (immediate << 32) + upper
                at += 8
            elif kind == 7:
                value = registers[source] if opcode & 8 else immediate & MASK
                registers[target] = ALU[opcode & 0xF0](registers[target], value) & MASK
            elif opcode == 0x85:
                assert immediate == 113, "only bpf_probe_read_kernel"
                registers[0] = self._probe_read(*registers[1:4]) & MASK
                registers[1:6] = [0xDEAD] * 5
            elif kind == 5:
                value = registers[source] if opcode & 8 else immediate & MASK
                if opcode == 0x05 or JUMPS[opcode & 0xF0](registers[target], value):
                    at += 8 * offset
            else:
                self._access(kind, opcode, registers, target, source, offset, immediate)

    def _access(self, kind, opcode, registers, target, source, offset, immediate):
        size = SIZES[opcode & 0x18]
        if kind == 1:
            buffer, start = self._place(registers[source] + offset, size)
            registers[target] = int.from_bytes(buffer[start : start + size], self.byteorder)
        else:
            buffer, start = self._place(registers[target] + offset, size)
            value = registers[source] if kind == 3 else immediate
            buffer[start : start + size] = (value & (1 << size * 8) - 1).to_bytes(
                size, self.byteorder
            )

    def _place(self, address, size):
        """Find the buffer behind an address of the program's: a map's value, or the stack."""
        if STACK_TOP - 512 <= address <= STACK_TOP - size:
            return self.stack, address - STACK_TOP + 512
        buffer = self.maps[address >> 32]
        start = address & 0xFFFFFFFF
        assert start + size <= len(buffer), "outside of the map's value"
        return buffer, start

    def _probe_read(self, to, size, address):
        buffer, start = self._place(to, size)
        self.copied.append((address, size))
        if not address >> 63:
            buffer[start : start + size] = bytes(size)
            return -errno.ERANGE
        try:
            buffer[start : start + size] = self.memory.read(address, size)
        except FaultError:
            buffer[start : start + size] = bytes(size)
            return -errno.EFAULT
        return 0
