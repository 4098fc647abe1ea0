"""Every root and table of btfdump on one kernel: what it shows, and the notes it makes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from btfdump._annotate.overlay import library
from btfdump._graph.events import Enter
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._roots import ROOTS, Query, RootKind, TableKind
from btfdump._roots.selecting import select
from btfdump.errors import BtfdumpError, PluginError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._roots import Selected

LIMITS = Limits(objects=500)
GLOBALS = "globals of the library"
BTF_OF_MODULES = "BTF of modules"


@dataclass
class Reading:
    """What one root gives: objects or rows, notes by their text, and what could not be read."""

    shown: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)


def read_all(kernel: Kernel) -> dict[str, Reading]:
    """Read every root, every table, and every global that the library types.

    Three tables are left out: that of all globals, which reads none of them, `who`, which is about
    one object, and `slab`, which is about one cache.
    """
    found: dict[str, Reading] = {}
    for name, kind in ROOTS.items():
        if name not in ("globals", "slab", "who") and not isinstance(kind, PluginError):
            _read(found.setdefault(name, Reading()), name, partial(_items, kernel, kind))
    for name in library().globals():
        _read(found.setdefault(GLOBALS, Reading()), name, partial(_global, kernel, name))
    problems = [*kernel.problems, *kernel.modules.problems]
    found[BTF_OF_MODULES] = Reading(len(kernel.modules.btfs()), Counter(map(_plain, problems)))
    return found


def _read(reading: Reading, name: str, read: Callable[[], Iterable[object]]) -> None:
    try:
        for item in read():
            if isinstance(item, Note):
                reading.notes[_plain(item.text)] += 1
            else:
                reading.shown += 1
    except SymbolNotFoundError:
        return  # not in this kernel
    except BtfdumpError as error:
        reading.failed[name] = _plain(str(error))


def _items(kernel: Kernel, kind: RootKind | TableKind) -> Iterable[object]:
    if isinstance(kind, TableKind):
        return kind.table(kernel, Query()).rows
    return _events(kind.find(kernel, None))


def _global(kernel: Kernel, name: str) -> Iterator[object]:
    return _events(select(kernel, name))


def _events(selection: Iterable[Selected]) -> Iterator[object]:
    """Yield each object that is shown in full or in one line, and each note."""
    for selected in selection:
        for event in traverse(selected.value, LIMITS):
            if isinstance(event, (Enter, Note)):
                yield event


def _plain(text: str) -> str:
    """Return a text without what differs from object to object."""
    return re.sub(r"\b(0x[0-9a-f]+|\d+)\b", "N", text)
