"""How many heads are typed in whatever a user names: a vmcore, a file of BTF, or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.headcount import count_heads
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.overlay import Overlay, library
from btfdump._api.btffolder import BtfFolder
from btfdump._api.types import open_types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._annotate.headcount import HeadCount


def headcount(
    path: str,
    overlays: Sequence[str | Path] = (),
    complain: Callable[[str], None] = lambda problem: None,
    progress: Callable[[int, int, str], None] = lambda done, total, step: None,
) -> dict[str, HeadCount]:
    """Count the heads of the containers of a kernel's structs: of "vmlinux", and of "modules".

    `path` is a vmcore, whose loaded modules count; a file of BTF, which has none; or a folder as
    /sys/kernel/btf. `complain` is told what is passed over, `progress` (modules done, of how many,
    what this is). Raises what `open_types()` and `BtfFolder` raise.
    """
    if Path(path).is_dir():
        stated = tuple(map(Overlay.load, overlays))
        folder = BtfFolder(path, complain)
        known = Annotations(stated, library(), Lookup(folder.btf, folder.naming))
        return count_heads(folder.btf, folder, known, complain, progress)
    with open_types(path, overlays=overlays) as opened:
        if opened.kernel is not None:
            known = opened.kernel.annotations
        else:
            stated = tuple(map(Overlay.load, overlays))
            known = Annotations(stated, library(), Lookup(opened.btf))
        return count_heads(opened.btf, opened.btfs[1:], known, complain, progress)
