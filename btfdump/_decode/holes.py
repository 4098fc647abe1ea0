"""Partly readable objects: read what is there, and report which bytes are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import Field
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump._targets.memory import Memory

_STEP = 4096
"""Reading resumes at the next multiple of this after a fault: no kernel has smaller pages."""
_PROBES = 256


def read_around_holes(
    memory: Memory, address: int, size: int, first: FaultError
) -> tuple[bytes, list[tuple[int, int]]]:
    """Read `size` bytes of which some are missing; return the bytes and the holes.

    Missing bytes are zero in the result; holes are [start, end) byte offsets into the object.
    `first` is the fault met when reading the whole object; it is raised if nothing is readable.
    """
    data = bytearray(size)
    holes: list[tuple[int, int]] = []
    at = 0
    for _ in range(_PROBES):
        if at >= size:
            break
        try:
            data[at:] = memory.read(address + at, size - at)
            at = size
        except FaultError as error:
            fault = max(at, min(error.address - address, size))
            if fault > at:
                try:
                    data[at:fault] = memory.read(address + at, fault - at)
                except FaultError:
                    fault = at
            end = min(size, fault + _STEP - (address + fault) % _STEP)
            if holes and holes[-1][1] == fault:
                holes[-1] = (holes[-1][0], end)
            else:
                holes.append((fault, end))
            at = end
    if at < size:
        holes.append((at, size))
    if holes and holes[0][0] == 0 and holes[0][1] >= size:
        raise first
    return bytes(data), holes


def describe(error: FaultError, holes: list[tuple[int, int]]) -> str:
    """Describe what is missing of an object, by offset, and why."""
    missing = ", ".join(f"{start:#x}-{end:#x}" for start, end in holes)
    return f"unreadable: {error.reason}; bytes {missing} are missing"


def without_holes(fields: list[Field], holes: list[tuple[int, int]]) -> list[Field]:
    """Drop the fields, at any level, that have bytes in a hole."""
    kept = []
    for field in fields:
        start, end = field.offset, field.offset + max(field.layout.size, 1)
        if any(start < hole_end and hole_start < end for hole_start, hole_end in holes):
            parts = field.value if isinstance(field.value, list) else []
            inner = without_holes([f for f in parts if isinstance(f, Field)], holes)
            if not inner:
                continue
            kept.append(field.replace(value=inner))
            continue
        kept.append(field)
    return kept
