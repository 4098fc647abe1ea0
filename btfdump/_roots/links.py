"""Links: what holds BPF programs to the places where they run (kernel/bpf/syscall.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.links import Link
    from btfdump._kernel.context import Context
    from btfdump._roots import Query

_COLUMNS = ("id", "type", "prog", "target", "owner", "address")


@table_root(argument="ID or TYPE")
def list_links(kernel: Context, query: Query) -> Table:
    """BPF links: the program, where it is attached, who holds it there."""
    from btfdump._bpf.links import find_links
    from btfdump._bpf.progs import prog_labels
    from btfdump._roots.holders import find_holders

    links = find_links(kernel)
    holders = find_holders(kernel)
    labels = prog_labels(kernel)

    def rows() -> Iterator[dict[str, Any] | Note]:
        for link in links:
            if isinstance(link, Note):
                yield link
            elif query.wants(str(link.id), link.type):
                yield _row(link, labels, holders.of(link.address))
        yield from holders.notes

    return Table("links", _COLUMNS, rows())


def _row(link: Link, labels: dict[int, str], owners: list[str]) -> dict[str, Any]:
    return {
        "id": link.id,
        "type": link.type,
        "prog": labels.get(link.prog_id, str(link.prog_id)) if link.prog_id else None,
        "prog_id": link.prog_id or None,
        "target": link.target or None,
        **link.details,
        "owner": owners,
        "address": f"{link.address:#x}",
    }
