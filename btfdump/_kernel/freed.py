"""What became of an object that a pointer may have outlived.

Its slab object says whether it was freed; which cache that is of, whether something else has taken
its place. That another object of the same kind has cannot be told: it is what is there now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.bounds import overrun
from btfdump._kernel.claims import Claimed, misfit

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


def freed(value: Value) -> str:
    """Return why an object is not there any more, or why that is not known; "" if it is there.

    Of an object that is no slab object, nothing is known unless it has a symbol.
    """
    context = value._context_
    if context._freelists is None:
        return ""
    state = context._freelists.state(value.address_)
    if state is None:
        is_static = context.symbolize(value.address_) is not None
        return "" if is_static else "perhaps freed: it is in no slab that is known"
    if state.is_free is None:
        return f"perhaps freed: {state.reason}"
    name = value.type_.btf.skip_modifiers(value.type_).name
    if state.is_free:
        return f"freed {name}"
    cache, start = state.found
    if cache.name == name and start == value.address_:  # the usual case needs no more
        return ""
    if overrun(value) or misfit(Claimed(context, value.type_, value.address_)):
        return f"freed: slab {cache.name} has its place now"
    return ""
