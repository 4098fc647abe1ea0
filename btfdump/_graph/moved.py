"""Changes of live memory: whether the pointers that led to an object still lead there.

A dump does not change, and nothing of it is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.limits import MAX_OBJECT
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MOVED = "changed while it was read: what it pointed to may be gone"


def has_moved(chain: Iterable[tuple[int, int]], value: Value) -> bool:
    """Whether any of the pointers that led to `value` has changed since it was read.

    `chain` holds (virtual address, value) of each pointer. `value` is read as a whole first: if the
    pointers then still lead there, what was read is what they led to.
    """
    context = value._context_
    if not context.target.is_live:
        return False
    try:
        if value.size_ <= MAX_OBJECT:
            value.read_()
    except BtfdumpError:  # reported where the object is shown
        pass
    return any(_holds(context, slot) != pointer for slot, pointer in chain)


def _holds(context: Context, slot: int) -> int | None:
    """Return the pointer at virtual address `slot`, or None if it cannot be read."""
    try:
        data = context.target.read(slot, context.layouts.pointer_size)
    except FaultError:
        return None
    return int.from_bytes(data, context.target.platform.byteorder)
