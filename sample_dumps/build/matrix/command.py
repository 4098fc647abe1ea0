"""`python -m sample_dumps.build kernels`: takes the figures again, and writes docs/kernels.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sample_dumps.build.apt import private

from . import figures, page
from .catalogue import BY_NAME, ENTRIES
from .run import figures_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run(
    names: Sequence[str],
    *,
    update: bool = False,
    only_list: bool = False,
    keep: Path | None = None,
) -> int:
    """Run the kernels of these names, or all of them; return an exit status."""
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        known = ", ".join(BY_NAME)
        print(f"no kernel {', '.join(unknown)} in the matrix; there are {known}", file=sys.stderr)
        return 2
    chosen = [BY_NAME[name] for name in names or BY_NAME]
    if only_list:
        for entry in chosen:
            print(f"{entry.name:14} {entry.package} {entry.version}")
        return 0
    if update:
        for architecture in {entry.machine.architecture for entry in chosen}:
            private(architecture, update=True)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    kept = figures.load()
    for entry in chosen:
        print(f"{entry.name}: {entry.package}", flush=True)
        kept[entry.name] = figures_of(entry, keep, kept.get(entry.name))
        # After each of them: a run of all takes hours, and may be interrupted.
        figures.store(kept, BY_NAME)
        page.write(ENTRIES, kept)
    return 1 if any(kept[entry.name].failures for entry in chosen) else 0
