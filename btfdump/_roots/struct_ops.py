"""struct_ops: structs of functions that BPF programs implement; TCP congestion controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.struct_ops import Slot
    from btfdump._kernel.context import Context
    from btfdump._roots import Query


@table_root(argument="MAP, TYPE or NAME")
def list_struct_ops(kernel: Context, query: Query) -> Table:
    """Structs of functions in BPF maps: what fills each slot, a program or the kernel's own."""
    from btfdump._bpf.progs import label_of, prog_labels
    from btfdump._bpf.struct_ops import find_struct_ops, find_struct_ops_types

    items = find_struct_ops(kernel)
    labels = prog_labels(kernel)
    known = list(find_struct_ops_types(kernel))

    def rows() -> Iterator[dict[str, Any] | Note]:
        yield from (item for item in known if isinstance(item, Note))
        for item in items:
            if isinstance(item, Note):
                yield item
            elif query.wants(str(item.map_id), item.map_name, item.type, item.instance):
                row = {
                    "map": label_of(item.map_id, item.map_name),
                    "map_id": item.map_id,
                    "type": item.type,
                    "name": item.instance or None,
                    "state": item.state,
                    "address": f"{item.ops:#x}",
                }
                for slot in item.slots:
                    if slot.address or slot.prog_id:
                        yield {**row, **_slot_row(kernel, slot, labels)}

    names = [name for name in known if isinstance(name, str)]
    remark = f"structs that programs can implement: {', '.join(names)}" if names else ""
    columns = ("map", "type", "name", "state", "slot", "program", "code")
    return Table("struct-ops", columns, rows(), remark)


def _slot_row(kernel: Context, slot: Slot, labels: dict[int, str]) -> dict[str, Any]:
    symbol = kernel.symbolize(slot.address) if slot.address else None
    return {
        "slot": slot.name,
        "program": labels.get(slot.prog_id, str(slot.prog_id)) if slot.prog_id else None,
        "prog_id": slot.prog_id or None,
        "code": symbol or (f"{slot.address:#x}" if slot.address else None),
    }


@table_root()
def list_congestion_controls(kernel: Context, query: Query) -> Table:
    """TCP congestion controls that are registered: whose they are, and their functions."""
    from btfdump._bpf.congestion import find_congestion_controls

    items = find_congestion_controls(kernel)

    def rows() -> Iterator[dict[str, Any] | Note]:
        for item in items:
            if isinstance(item, Note):
                yield item
            elif query.wants(item.name):
                yield {
                    "name": item.name,
                    "owner": item.owner,
                    "map_id": item.map_id or None,
                    "default": item.is_default,
                    "functions": item.slots,
                    "address": f"{item.address:#x}",
                }

    return Table("tcp-cc", ("name", "owner", "default", "address", "functions"), rows())
