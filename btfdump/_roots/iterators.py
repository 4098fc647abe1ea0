"""BPF iterators: what programs can be run over (kernel/bpf/bpf_iter.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query


@table_root()
def list_iterators(kernel: Context, query: Query) -> Table:
    """What BPF iterator programs can be run over, and the programs that are attached to it."""
    from btfdump._bpf.iterators import find_iterators
    from btfdump._bpf.links import find_links
    from btfdump._bpf.progs import prog_labels

    items = find_iterators(kernel)
    labels = prog_labels(kernel)
    notes: list[Note] = []
    progs: dict[str, list[str]] = {}
    for link in find_links(kernel):
        if isinstance(link, Note):
            notes.append(link)
        elif link.type == "iter":
            label = labels.get(link.prog_id, str(link.prog_id))
            progs.setdefault(link.target, []).append(f"{label} (link {link.id})")

    def rows() -> Iterator[dict[str, Any] | Note]:
        yield from notes
        for item in items:
            if isinstance(item, Note):
                yield item
            elif query.wants(item.name):
                yield {
                    "name": item.name,
                    "progs": progs.get(item.name, []),
                    "prototype": item.function or None,
                    "address": f"{item.address:#x}",
                }

    return Table("bpf-iters", ("name", "progs", "prototype"), rows())
