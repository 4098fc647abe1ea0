"""Trampolines: kernel functions with BPF programs on them (kernel/bpf/trampoline.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.trampolines import Trampoline
    from btfdump._kernel.context import Context
    from btfdump._roots import Query


@table_root(argument="FUNCTION")
def list_trampolines(kernel: Context, query: Query) -> Table:
    """BPF trampolines: the function, the programs before, after and instead of it, the code."""
    from btfdump._bpf.progs import prog_labels
    from btfdump._bpf.trampolines import find_trampolines

    items = find_trampolines(kernel)
    labels = prog_labels(kernel)

    def rows() -> Iterator[dict[str, Any] | Note]:
        for item in items:
            if isinstance(item, Note):
                yield item
            elif query.wants(item.function):
                yield _row(item, labels)

    return Table("trampolines", ("function", "progs", "image", "address"), rows())


@table_root(argument="HOOK")
def list_lsm_hooks(kernel: Context, query: Query) -> Table:
    """Hooks of security modules that BPF programs are attached to, in the order they run."""
    from btfdump._bpf.progs import prog_labels
    from btfdump._bpf.trampolines import find_trampolines

    items = find_trampolines(kernel)
    labels = prog_labels(kernel)

    def rows() -> Iterator[dict[str, Any] | Note]:
        for item in items:
            if isinstance(item, Note):
                yield item
            elif item.is_lsm and query.wants(item.lsm_hook):
                yield {"hook": item.lsm_hook, **_row(item, labels)}

    return Table("lsm-hooks", ("hook", "progs", "function"), rows())


def _row(trampoline: Trampoline, labels: dict[int, str]) -> dict[str, Any]:
    image = trampoline.image
    progs = {
        kind: [labels.get(prog_id, str(prog_id)) for prog_id in ids]
        for kind, ids in trampoline.progs.items()
    }
    return {
        "function": trampoline.function,
        "progs": progs,
        "prog_ids": trampoline.progs,
        "image": f"{image[0]:#x}-{image[1]:#x}" if image is not None else None,
        "address": f"{trampoline.address:#x}",
    }
