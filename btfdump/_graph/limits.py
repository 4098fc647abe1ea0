"""What is asked of a traversal: its limits, and the members that are to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from btfdump._decode.paths import split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._decode.fields import Selection

MAX_OBJECT = 1 << 24
"""Larger objects than this are not read as a whole: no kernel type is, corrupt BTF may be."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one traversal.

    `depth` is how many plain pointers to structs are followed in a row, `elements` how many entries
    of each container and array are shown, `objects` how many objects are shown in full altogether,
    `string` how many bytes of a string are shown, and `nesting` how many levels of objects are
    shown inside objects, however they were reached.
    """

    depth: int = 0
    elements: int = 64
    objects: int = 10_000
    string: int = 256
    nesting: int = 24


def paths_of(selection: Selection) -> Iterator[tuple[str, ...]]:
    """Yield the member paths that a selection is made of."""
    for name, inner in selection.items():
        if not inner:
            yield (name,)
        for path in paths_of(inner):
            yield (name, *path)


def selection_of(paths: Iterable[str]) -> Selection:
    """Return the selection that member paths such as `a` and `b.c` make: always the same dict."""
    return _selection(tuple(paths))


@lru_cache(maxsize=1024)
def _selection(paths: tuple[str, ...]) -> Selection:
    selection: Selection = {}
    for path in paths:
        inner = selection
        for name in split_path(path):
            inner = inner.setdefault(name, {})
    return selection
