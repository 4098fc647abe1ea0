"""The position of an object in a traversal: how it was reached, and what to show of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from btfdump._decode.fields import Selection


class Position(NamedTuple):
    """Where an object is: pointers followed, nesting, containers around it, path from the root.

    `selection` is what to show of it, by the user's choice or (`guided`) by an annotation's.
    `chain` holds, for live memory only, the pointers that led here from the root: (virtual address,
    value) of each.
    """

    depth: int = 0
    nesting: int = 0
    level: int = 0
    path: tuple[str, ...] = ()
    selection: Selection | None = None
    guided: bool = False
    chain: tuple[tuple[int, int], ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the user has made no choice about what to show here."""
        return self.selection is None or self.guided

    def inside(self, path: tuple[str, ...]) -> Position:
        """Return the position of an object reached through the member at `path` of this one."""
        selection = self.selection
        for name in path[len(self.path) :] if selection else ():
            selection = selection.get(name) if selection else None
        guided = self.guided and bool(selection)
        nesting, chain = self.nesting + 1, self.chain
        return Position(self.depth, nesting, self.level, path, selection or None, guided, chain)

    def of_entry(self, depth: int) -> Position:
        """Return the position of an entry of the container that is here."""
        _, nesting, level, path, selection, guided, chain = self
        return Position(depth, nesting, level + 1, path, selection, guided, chain)

    def deeper(self) -> Position:
        """Return the same position, one more pointer away from the root."""
        depth, nesting, level, path, selection, guided, chain = self
        return Position(depth + 1, nesting, level, path, selection, guided, chain)
