"""A small assembler for BPF instructions, with labels.

Mirrors Documentation/bpf/standardization/instruction-set.rst: an instruction has 64 bits (opcode,
registers, offset and immediate), in the byte order of the machine that runs it.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._targets.memory import ByteOrder

_LD, _LDX, _ST, _STX, _JMP, _ALU64 = 0x00, 0x01, 0x02, 0x03, 0x05, 0x07
_IMM, _MEM = 0x00, 0x60
_REGISTER = 0x08  # the source is a register, not the immediate
_SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
_ALU = {
    "+": 0x00,
    "-": 0x10,
    "*": 0x20,
    "|": 0x40,
    "&": 0x50,
    "<<": 0x60,
    ">>": 0x70,
    "^": 0xA0,
    "=": 0xB0,
    "s>>": 0xC0,
}
_ALWAYS, _CALL, _EXIT = 0x00, 0x80, 0x90
_JUMPS = {
    "==": 0x10,
    ">": 0x20,
    ">=": 0x30,
    "&": 0x40,
    "!=": 0x50,
    "s>": 0x60,
    "s>=": 0x70,
    "<": 0xA0,
    "<=": 0xB0,
    "s<": 0xC0,
    "s<=": 0xD0,
}
_MAP_VALUE = 2  # BPF_PSEUDO_MAP_VALUE (include/uapi/linux/bpf.h)


class Register(int):
    """A register as an operand, distinct from a number."""


R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP = map(Register, range(11))
"""R0 is the result of a call, R1 to R5 are its arguments, R6 to R9 survive it, FP is the frame."""


class Assembler:
    """Collects instructions; `assemble()` resolves the jumps and returns the bytes.

    An operand `source` is a `Register`, or a number for the 32-bit immediate, which is
    sign-extended.
    """

    def __init__(self, byteorder: ByteOrder = sys.byteorder) -> None:
        self._byteorder = byteorder
        self._order = "<" if byteorder == "little" else ">"
        self._code: list[tuple[int, int, int, int | str, int]] = []
        self._labels: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of 64-bit slots so far."""
        return len(self._code)

    def label(self, name: str) -> None:
        """Name the next instruction; raises `ValueError` for a name that is taken."""
        if name in self._labels:
            raise ValueError(f"label {name!r} is there already")
        self._labels[name] = len(self._code)

    def alu(self, target: Register, operator: str, source: int) -> None:
        """Emit `target operator= source`, 64 bits wide; `=` moves, `s>>` keeps the sign."""
        self._with_source(_ALU64 | _ALU[operator], target, source)

    def move(self, target: Register, source: int) -> None:
        """Emit `target = source`."""
        self.alu(target, "=", source)

    def load(self, target: Register, base: Register, offset: int = 0, size: int = 8) -> None:
        """Emit `target = *(uSIZE *)(base + offset)`; `size` and `offset` are in bytes."""
        self._emit(_LDX | _MEM | _SIZES[size], target, base, offset)

    def store(self, base: Register, offset: int, source: int, size: int = 8) -> None:
        """Emit `*(uSIZE *)(base + offset) = source`; `size` and `offset` are in bytes."""
        if isinstance(source, Register):
            self._emit(_STX | _MEM | _SIZES[size], base, source, offset)
        else:
            self._emit(_ST | _MEM | _SIZES[size], base, 0, offset, source)

    def load_map_value(self, target: Register, map_fd: int, offset: int = 0) -> None:
        """Load the address of byte `offset` of the only value of an array map into `target`."""
        self._emit(_LD | _IMM | _SIZES[8], target, _MAP_VALUE, 0, map_fd)
        self._emit(0, 0, 0, 0, offset)

    def jump(self, label: str) -> None:
        """Jump to `label`."""
        self._emit(_JMP | _ALWAYS, 0, 0, label)

    def jump_if(self, left: Register, operator: str, right: int, label: str) -> None:
        """Jump to `label` if `left operator right`; `s` before an operator compares signed."""
        self._with_source(_JMP | _JUMPS[operator], left, right, label)

    def call(self, helper: int) -> None:
        """Call a helper by its number (include/uapi/linux/bpf.h, enum bpf_func_id)."""
        self._emit(_JMP | _CALL, immediate=helper)

    def exit(self) -> None:
        """Return R0."""
        self._emit(_JMP | _EXIT)

    def assemble(self) -> bytes:
        """Return the instructions.

        Raises `ValueError` for a number that does not fit its field, and for a missing label.
        """
        return b"".join(self._encode(at) for at in range(len(self._code)))

    def _with_source(
        self, opcode: int, target: Register, source: int, offset: int | str = 0
    ) -> None:
        if isinstance(source, Register):
            self._emit(opcode | _REGISTER, target, source, offset)
        else:
            self._emit(opcode, target, 0, offset, source)

    def _emit(
        self,
        opcode: int,
        target: int = 0,
        source: int = 0,
        offset: int | str = 0,
        immediate: int = 0,
    ) -> None:
        self._code.append((opcode, int(target), int(source), offset, int(immediate)))

    def _encode(self, at: int) -> bytes:
        opcode, target, source, offset, immediate = self._code[at]
        if isinstance(offset, str):
            if offset not in self._labels:
                raise ValueError(f"no label {offset!r}")
            offset = self._labels[offset] - at - 1  # counted from the next instruction
        # Two bit fields of one byte: the target comes first, in the byte order's sense of first.
        registers = source << 4 | target if self._byteorder == "little" else target << 4 | source
        try:
            return struct.pack(f"{self._order}BBhi", opcode, registers, offset, immediate)
        except struct.error:
            raise ValueError(
                f"instruction {at}: offset {offset} must fit in 16 bits, "
                f"immediate {immediate} in 32, signed"
            ) from None
