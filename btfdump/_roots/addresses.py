"""Addresses as users give them to tables of memory: a number, a symbol, an expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._kernel.expression import excerpt
from btfdump._places.place import Places
from btfdump._roots.expressions import evaluate
from btfdump._roots.task import tasks
from btfdump.errors import ExpressionError, MissingDataError, UnknownTypeError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context

ADDRESS = r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]{16}"
"""How an address looks: with 0x, or as the kernel logs it."""


def number(text: str) -> int:
    """Return the address that a text of the form `ADDRESS` is."""
    return int(text, 16)


def address_meant(kernel: Context, text: str) -> int:
    """Return the address that a text means: it may be a number, or lead to an object.

    A pointer and a number are taken for the address, anything else for what lies at its own. Raises
    `ExpressionError` and what evaluating the text raises.
    """
    if re.fullmatch(ADDRESS, text.strip()):
        address = number(text)
    else:
        try:
            value = evaluate(kernel, text)
        except UnknownTypeError:
            address = kernel.symbol(text.strip())  # of whatever type
        else:
            is_scalar = value.is_pointer_ or not value.address_
            address = int(value) if is_scalar else value.address_
    if not 0 <= address < 1 << kernel.layouts.pointer_size * 8:
        raise ExpressionError(f"{excerpt(text)} is no address: {address:#x}")
    return address


def mapped_places(kernel: Context, table: str) -> Places:
    """Return what names places, for a table that needs to know where all memory is mapped.

    Raises `MissingDataError` where that is not known.
    """
    places = Places(kernel, lambda: tasks(kernel))
    if places.direct is None:
        raise MissingDataError(
            f"{table}: where all memory is mapped is not known on {kernel.target.platform.machine}",
            "it is on x86-64, arm64 (since Linux 5.19) and s390x",
        )
    return places
