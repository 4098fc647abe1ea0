"""Maps: what BPF maps hold (kernel/bpf/syscall.c: map_idr)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._roots import Selected, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context


@root(argument="ID or NAME")
def find_map(kernel: Context, argument: str | None) -> Iterator[Selected]:
    """Contents of BPF maps, by id or name (with * and ? as in the shell); of all without one."""
    from btfdump._bpf.maps.find import find_maps, maps

    which = argument.strip("\"'") if argument is not None else None
    for map_ in maps(kernel) if which is None else find_maps(kernel, which):
        yield Selected(map_, f"map({int(map_.id)})", is_plain=True)
