"""Limits of a traversal, and the place of an object in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump.decode.fields import Selection
    from btfdump.graph.events import Event, Label

MAX_OBJECT = 1 << 24
"""Larger objects than this are not read as a whole: no kernel type is, corrupt BTF may be."""

Step: TypeAlias = Union["Event", "Iterator[Step]"]
"""What the generators of a traversal yield: an event, or another generator to be run first."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one traversal.

    `depth`: how many plain pointers to structs are followed in a row. `elements`: entries shown of
    each container and array. `objects`: objects shown in full, in all. `string`: bytes shown of a
    string. `nesting`: levels of objects inside objects, however they were reached.
    """

    depth: int = 0
    elements: int = 64
    objects: int = 10_000
    string: int = 256
    nesting: int = 24


class Place(NamedTuple):
    """Where an object hangs: pointers followed, nesting, containers around it, path from the root.

    `selection` is what to show of it, by the user's wish or (`guided`) by an annotation's. `chain`
    holds, of live memory, the pointers that led here from the root: each one's address and value.
    """

    depth: int = 0
    nesting: int = 0
    level: int = 0
    path: tuple[str, ...] = ()
    selection: Selection | None = None
    label: Label = ""
    guided: bool = False
    chain: tuple[tuple[int, int], ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the user has left open what to show here."""
        return self.selection is None or self.guided


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
        for name in path.replace("->", ".").split("."):
            inner = inner.setdefault(name.strip(), {})
    return selection
