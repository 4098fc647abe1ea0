"""Scopes of C: which variable a name means at a place in a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._harvest.syntax import CType


class Scopes:
    """The variables of one function, numbered as declared, found by name from the inside out."""

    def __init__(self) -> None:
        self.types: list[CType | None] = []
        self._open: list[dict[str, int]] = [{}]

    def enter(self) -> None:
        """Begin a block."""
        self._open.append({})

    def leave(self) -> None:
        """End the innermost block."""
        self._open.pop()

    def declare(self, name: str, type_: CType | None) -> int:
        """Add a variable to the innermost block; returns its number."""
        self.types.append(type_)
        self._open[-1][name] = len(self.types) - 1
        return len(self.types) - 1

    def find(self, name: str) -> int | None:
        """Return the number of the variable that a name means here, None if there is none."""
        for block in reversed(self._open):
            if name in block:
                return block[name]
        return None
