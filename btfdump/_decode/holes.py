"""Partly readable objects: read what is there, and report which bytes are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import Field
from btfdump._decode.layout import MAX_NESTING, ArrayLayout, StructLayout
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, Layouts
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


def before_padding(
    layouts: Layouts, layout: Layout, holes: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the holes, or parts of them, in front of the padding that an object ends with.

    An object whose last member is a flexible array is allocated up to the end of that array: its
    padding may belong to the next page, and nothing is lost with it. Raises `BtfFormatError` if the
    type is malformed.
    """
    end = _end_of_members(layouts, layout, {}, 0)
    return [(start, min(stop, end)) for start, stop in holes if start < end]


def _end_of_members(
    layouts: Layouts, layout: Layout, known: dict[Layout, int], nesting: int
) -> int:
    """Return the offset in bytes at which the last member ends, and only padding follows.

    `known` has the ends found so far: a type may lie in others in more ways than can be gone.
    """
    if isinstance(layout, ArrayLayout) and layout.size:
        last = layout.element
        return layout.size - last.size + _end_of_members(layouts, last, known, nesting + 1)
    if not isinstance(layout, StructLayout) or nesting > MAX_NESTING:
        return layout.size
    if layout not in known:
        known[layout] = layout.size  # for a malformed type, which contains itself
        end = 0
        for member in layout.members:
            if member.bit_size:
                end = max(end, (member.bit_offset + member.bit_size + 7) // 8)
            elif member.offset + member.extent > end:
                inner = layouts.of_member(member, layout)
                inside = _end_of_members(layouts, inner, known, nesting + 1)
                end = max(end, member.offset + inside)
        known[layout] = end
    return known[layout]


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
