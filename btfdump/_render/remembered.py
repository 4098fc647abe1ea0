"""Texts of what many objects have alike, each made on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KNOWN = 1024
"""The most values of one member whose texts are kept."""


class WholeTexts(dict[bytes, str]):
    """The text of a member by its bytes, each made on first use, and kept if it `is_lasting`."""

    def __init__(self, write: Callable[[bytes], str], *, is_lasting: bool) -> None:
        super().__init__()
        self._write = write
        self._most = MAX_KNOWN if is_lasting else 0

    def __missing__(self, data: bytes) -> str:
        text = self._write(data)
        if len(self) < self._most:
            self[data] = text
        return text
