"""Patterns for symbols: `[MODULE:]NAME[@N]` as `SymbolNames.find()` has it, * and ? in any part."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = r"(?as:(?:([^:]*):)?(.+?)(?:@([\d*?]{1,9}))?)"


class SymbolPattern:
    """One pattern, in its parts: a part that is left out matches everything."""

    def __init__(self, text: str) -> None:
        match = re.fullmatch(_PARTS, text)
        module, name, number = match.groups() if match is not None else (None, text, None)
        self._module = module.replace("-", "_") if module is not None else None
        self._number = number
        self._is_name = re.compile(fnmatch.translate(name)).match
        self.is_vague = name[:1] in {"*", "?", "["}
        """Whether it does not say how the names begin."""
        self.is_several = any(mark in text for mark in "*?[")
        """Whether it may be meant for more than one symbol."""

    def has_name(self, name: str) -> bool:
        """Whether symbols called `name` may match."""
        return self._is_name(name) is not None

    def matches(self, address: int, module: str, every: Sequence[tuple[int, str, bool]]) -> bool:
        """Whether the symbol of a fitting name at a virtual address in a module matches.

        `every` are the candidates of that name (`SymbolNames.candidates()`): they are numbered from
        1, those of the module alone if the pattern has one. It is not used for a pattern without a
        number.
        """
        if self._module is not None and not fnmatch.fnmatchcase(module, self._module):
            return False
        if self._number is None:
            return True
        of_those = [one for one in every if self._module is None or one[1] == module]
        number = 1 + [one[:2] for one in of_those].index((address, module))
        return fnmatch.fnmatchcase(str(number), self._number)

    @property
    def has_number(self) -> bool:
        """Whether it says which one of a name."""
        return self._number is not None
