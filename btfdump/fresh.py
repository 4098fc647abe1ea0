"""Live memory moves on: whether what was read a moment ago still holds.

Of a dump everything holds, and nothing is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError, FaultError
from btfdump.limits import MAX_OBJECT

if TYPE_CHECKING:
    from btfdump.value import Value

MOVED = "changed while it was read: what it pointed to may be gone"


def has_moved(slot: int, pointer: int, value: Value) -> bool:
    """Whether `pointer` at address `slot`, which led to `value`, is no longer what is there.

    `value` is read as a whole before the pointer is: if it still leads there, that is what it led
    to when it was read.
    """
    context = value.context_
    if not context.target.is_live:
        return False
    try:
        if value.size_ <= MAX_OBJECT:
            value.read_()
    except BtfdumpError:  # told where the object is shown
        pass
    try:
        data = context.target.read(slot, context.layouts.pointer_size)
    except FaultError:
        return True
    return int.from_bytes(data, context.target.platform.byteorder) != pointer
