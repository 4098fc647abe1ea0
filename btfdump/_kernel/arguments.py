"""What callers of the library pass, checked where it enters: of the right kind, and in range."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def whole_number(value: object, what: str) -> int:
    """Return an argument that is to be a whole number; raises `TypeError`, which says what it is.

    `what` is the argument: "an address".
    """
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} is an int, not {_described(value)}") from None


def address_within(value: object, pointer_size: int) -> int:
    """Return an argument that is to be an address of pointers of so many bytes.

    Raises `TypeError` and, for one that no pointer can have, `ValueError`.
    """
    address = whole_number(value, "an address")
    end = 1 << 8 * pointer_size
    if not 0 <= address < end:
        shown = f"{address:#x}" if -end <= address < end * end else "of many digits"
        raise ValueError(f"address {shown} does not fit into a pointer: expected 0 to {end - 1:#x}")
    return address


def text(value: object, what: str) -> str:
    """Return an argument that is to be a text; raises `TypeError`, which says what it is."""
    if isinstance(value, str):
        return value
    raise TypeError(f"{what} is a str, not {_described(value)}")


def paths(value: object, what: str) -> list[str | Path]:
    """Return an argument that is to be several files; raises `TypeError`, which says what it is.

    The name of one file is none: a str is a sequence, too, of its characters.
    """
    if isinstance(value, str | bytes | PathLike) or not isinstance(value, Iterable):
        raise TypeError(f"{what} are a list of files, not {_described(value)}: put it in []")
    return list(value)


def _described(value: object) -> str:
    """Return the type of an argument, and what it is where that is short."""
    kind = type(value).__name__
    return f"{kind} {value!r:.40}" if isinstance(value, str | int | float | bytes) else kind
