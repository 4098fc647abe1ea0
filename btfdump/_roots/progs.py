"""Programs: BPF programs that are loaded (kernel/bpf/syscall.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.progs import Prog
    from btfdump._kernel.context import Context
    from btfdump._roots import Query

_COLUMNS = (
    "id",
    "type",
    "name",
    "tag",
    "btf_id",
    "maps",
    "target",
    "attached",
    "runs",
    "run_ns",
    "uid",
    "owner",
)


@table_root(argument="ID or NAME")
def list_progs(kernel: Context, query: Query) -> Table:
    """BPF programs: type, BTF, maps used, what they are attached to, how often they ran, whose."""
    from btfdump._bpf.attachments import find_attachments
    from btfdump._bpf.progs import find_progs
    from btfdump._roots.holders import find_holders

    progs = find_progs(kernel)
    holders = find_holders(kernel)
    attached: dict[int, list[str]] = {}
    notes = []
    for item in find_attachments(kernel):
        if isinstance(item, Note):
            notes.append(item)
        else:
            attached.setdefault(item.prog_id, []).append(item.place)

    def rows() -> Iterator[dict[str, Any] | Note]:
        for prog in progs:
            if isinstance(prog, Note):
                yield prog
            elif query.wants(str(prog.id), prog.name):
                owners = holders.of(prog.address)
                yield _row(prog, attached.get(prog.id, []), owners)
        yield from (*notes, *holders.notes)

    return Table("progs", _COLUMNS, rows())


def _row(prog: Prog, attached: list[str], owners: list[str]) -> dict[str, Any]:
    return {
        "id": prog.id,
        "type": prog.type,
        "name": prog.name,
        "tag": prog.tag,
        "btf_id": prog.btf_id or None,
        "maps": prog.map_ids,
        "target": prog.target or None,
        "attached": attached,
        "runs": prog.statistics.runs,
        "run_ns": prog.statistics.nanoseconds,
        "misses": prog.statistics.misses,
        "uid": prog.uid,
        "owner": owners,
        "loaded_ns": prog.load_time,
        "bytes_xlated": prog.translated_size,
        "bytes_jited": prog.jited_size,
        "address": f"{prog.address:#x}",
    }
