"""Objects that BPF numbers: maps, programs, links and BTF, each kind in an idr of its own.

The idrs are `map_idr`, `prog_idr`, `link_idr` (kernel/bpf/syscall.c) and `btf_idr`
(kernel/bpf/btf.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly
from btfdump.errors import CorruptDataError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context


def registered(context: Context, symbol: str, struct: str) -> Iterator[Value]:
    """Yield each object of type `struct` in the idr `symbol`, by ascending id.

    Mirrors idr_for_each_entry() (include/linux/idr.h). Raises `SymbolNotFoundError` if the kernel
    has no such idr, and at the end `CorruptDataError` if part of it could not be walked.
    """
    element = context.own_type(struct)
    if not isinstance(element, types.Composite):
        raise TypeNotFoundError(f"{struct} is not complete in the BTF")
    idr = value_at(context, "struct idr", context.own_symbol(symbol))
    troubles: list[str] = []
    for item in idr.entries_(Expansion("idr", element, "", 0, 0, "root")):
        if isinstance(item, Value):
            yield item
        elif not isinstance(item, Anomaly) or item.ends or not item.is_change:
            text = item.message if isinstance(item, Anomaly) else f"{item.value:#x} is no pointer"
            troubles.append(text)
    if troubles:
        more = f"; and {len(troubles) - 1} more" if len(troubles) > 1 else ""
        raise CorruptDataError(f"{symbol}: {troubles[0]}{more}", idr.address_)
