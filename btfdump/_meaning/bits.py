"""Integers and bytes whose bits mean something: flags, and sets of CPUs, signals or the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

_MOST_NAMED = 64
"""The most bits of a set that are named one by one."""


class BitField(NamedTuple):
    """Several bits of flags that are one number, such as O_ACCMODE, and the names of its values.

    Without names it is just a number.
    """

    macro: str
    mask: int
    names: Mapping[int, str]


def flag_list(value: int, masks: Mapping[int, str], fields: Sequence[BitField] = ()) -> list[str]:
    """Return the names of the bits of `value`, those without one together as a number at the end.

    Masks are tried in their order, each on the bits that are left. Returns nothing if no bit has a
    name.
    """
    if value < 0:
        return []
    named, rest = [], value
    for field in fields:
        number = value & field.mask
        name = field.names.get(number)
        if name is None and not field.names and number:
            name = f"{field.macro}={number // (field.mask & -field.mask)}"
        if name is not None:
            named.append(name)
            rest &= ~field.mask
    for mask, name in masks.items():
        if mask and rest & mask == mask:
            named.append(name)
            rest &= ~mask
    return [*named, hex(rest)] if named and rest else named


def flags_text(names: Iterable[str]) -> str:
    """Join the names of flags as C would: `A|B|0x10`."""
    return "|".join(names)


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as the kernel lists CPUs: `0-3,8`."""
    parts: list[str] = []
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            first, last = numbers[start], numbers[at - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = at
    return ",".join(parts)


def bits_in(
    data: bytes, byteorder: Literal["little", "big"], word: int, most: int = 0
) -> list[int]:
    """Return the numbers of the bits that are set in a bitmap, which consists of longs.

    `word` is the size of a long in bytes. Only the first `most` bits count, or all if it is 0.
    """
    if byteorder == "big":  # the first word has the first bits in either order
        words = [data[at : at + word] for at in range(0, len(data), word)]
        data = b"".join(reversed(words))
    value = int.from_bytes(data, byteorder)
    if most:
        value &= (1 << most) - 1
    found = []
    while value:
        low = value & -value
        found.append(low.bit_length() - 1)
        value ^= low
    return found


def set_text(bits: Sequence[int], name: Callable[[int], str], everything: int = 0) -> str:
    """Name the members of a set: `SIGCHLD,SIGALRM`; "all" if all of the first `everything` are."""
    if (
        everything
        and len(bits) >= everything
        and list(bits[:everything]) == list(range(everything))
    ):
        return "all"
    if everything and everything - 4 <= len(bits) < everything and bits[-1] < everything:
        missing = sorted(set(range(everything)) - set(bits))
        return f"all but {','.join(map(name, missing))}"
    shown = ",".join(map(name, bits[:_MOST_NAMED]))
    return f"{shown},..." if len(bits) > _MOST_NAMED else shown
