"""Objects that BPF numbers: maps, programs, links and BTF, each kind in an idr of its own.

The idrs are `map_idr`, `prog_idr`, `link_idr` (kernel/bpf/syscall.c) and `btf_idr`
(kernel/bpf/btf.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import CorruptDataError, FaultError
from btfdump.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump.context import Context

_INTERNAL = 2  # what the low bits of a slot say where it leads to another node
_MAX_INTERNAL = 4096  # xa_is_node() (include/linux/xarray.h): smaller ones are marks, not nodes


def registered(context: Context, symbol: str, struct: str) -> Iterator[Value]:
    """Yield each object of type `struct` in the idr `symbol`, by ascending id.

    Mirrors idr_for_each_entry() (include/linux/idr.h). Raises `SymbolNotFoundError` where the
    kernel has no such idr, and in the end `CorruptDataError` if part of it could not be walked.
    """
    idr = Value(context, context.type("struct idr"), context.symbol(symbol))
    array = idr.idr_rt.address_
    node_type = context.type("struct xa_node")
    type_ = context.type(struct)
    troubles: list[str] = []
    seen: set[int] = set()
    pending = [int(idr.idr_rt.xa_head)]
    while pending:
        entry = pending.pop()
        if entry and entry & 3 == 0:
            yield Value(context, type_, entry)
        elif entry & 3 == _INTERNAL and entry > _MAX_INTERNAL:
            node = Value(context, node_type, entry - _INTERNAL)
            trouble = _unsound(node, array, seen)
            if trouble:
                troubles.append(trouble)
            else:
                seen.add(node.address_)
                pending += [int(slot) for slot in reversed(list(node.slots))]
        elif entry & 1:
            troubles.append(f"{entry:#x} is no pointer")
    if troubles:
        more = f"; and {len(troubles) - 1} more" if len(troubles) > 1 else ""
        raise CorruptDataError(f"{symbol}: {troubles[0]}{more}", idr.address_)


def _unsound(node: Value, array: int, seen: set[int]) -> str:
    """Say what is wrong with a `struct xa_node` of the xarray at `array`, "" if nothing."""
    if node.address_ in seen:
        return f"cycle: the node at {node.address_:#x} is its own descendant"
    try:
        if int(node.array) != array:
            return f"the node at {node.address_:#x} belongs to {int(node.array):#x}, not to this"
        node.read_()
    except FaultError as error:
        return f"node at {node.address_:#x}: {error.reason}"
    return ""
