"""Changes of live memory: whether the pointers that led to an object still lead there.

A dump does not change, and nothing of it is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.limits import MAX_OBJECT
from btfdump._kernel.pointers import has_changed
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._kernel.value import Value


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
    return any(has_changed(context, slot, pointer) for slot, pointer in chain)
