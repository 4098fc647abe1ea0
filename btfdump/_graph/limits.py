"""What a traversal is asked for: its limits, and the members to show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from btfdump._decode.paths import split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._decode.fields import Selection

MAX_OBJECT = 1 << 24
"""The largest object read as a whole, in bytes: only types in corrupt BTF are larger."""


@dataclass(frozen=True)
class Limits:
    """The limits of one traversal.

    `depth` is the number of plain pointers to structs followed in a row, `elements` the number of
    entries shown of each container and array, `objects` the number of objects shown in full
    altogether, `string` the number of bytes shown of a string, and `nesting` the number of levels
    of objects shown inside objects, however they were reached.
    """

    depth: int = 0
    elements: int = 64
    objects: int = 10_000
    string: int = 256
    nesting: int = 24


def paths_of(selection: Selection) -> Iterator[tuple[str, ...]]:
    """Yield the member paths that make up a selection."""
    for name, inner in selection.items():
        if not inner:
            yield (name,)
        for path in paths_of(inner):
            yield (name, *path)


def selection_of(paths: Iterable[str]) -> Selection:
    """Return the selection made of member paths such as `a` and `b.c`.

    Equal paths give the same dict, which must not be modified.
    """
    return _selection(tuple(paths))


@lru_cache(maxsize=1024)
def _selection(paths: tuple[str, ...]) -> Selection:
    selection: Selection = {}
    for path in paths:
        inner = selection
        for name in split_path(path):
            inner = inner.setdefault(name, {})
    return selection
