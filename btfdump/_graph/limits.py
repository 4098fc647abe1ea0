"""What a traversal is asked for: its limits, and the members to show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from btfdump._decode.paths import split_path
from btfdump.errors import ExpressionError

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
    of objects shown inside objects, however they were reached. Raises `ValueError` for one that is
    negative, `TypeError` for one that is no int.
    """

    depth: int = 0
    elements: int = 64
    objects: int = 10_000
    string: int = 256
    nesting: int = 24

    def __post_init__(self) -> None:
        for name, limit in vars(self).items():
            if not isinstance(limit, int):
                raise TypeError(f"Limits: {name} is {limit!r}; expected an int")
            if limit < 0:
                raise ValueError(
                    f"Limits: {name} is {limit}; expected 0 or more, sys.maxsize for no limit"
                )


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


def chosen(paths: Iterable[str]) -> Selection | None:
    """Return the selection that a user asks for by its paths, None for everything.

    Raises `ExpressionError` if one path leads on from another: that asks for all that is there, and
    for a part of it alone.
    """
    split = {split_path(path): path for path in paths}
    for steps, path in split.items():
        for length in range(1, len(steps)):
            whole = split.get(steps[:length])
            if whole is not None:
                raise ExpressionError(
                    f"--members {whole},{path}: {whole} asks for all of it, {path} for a part; "
                    "name one of them"
                )
    return selection_of(split.values()) or None


@lru_cache(maxsize=1024)
def _selection(paths: tuple[str, ...]) -> Selection:
    selection: Selection = {}
    for path in paths:
        inner = selection
        for name in split_path(path):
            inner = inner.setdefault(name, {})
    return selection
