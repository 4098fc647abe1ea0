"""Inputs that are lines of words: what to open, what to run, and what to change."""

from __future__ import annotations

import shlex
from typing import NamedTuple


class Script(NamedTuple):
    """The words of each line, by the first of them; a line that cannot be read is left out."""

    lines: dict[str, list[list[str]]]

    @classmethod
    def parse(cls, data: bytes) -> Script:
        """Read the lines of an input."""
        lines: dict[str, list[list[str]]] = {}
        for line in data.decode("utf-8", "replace").splitlines():
            try:
                first, *words = shlex.split(line)
            except ValueError:
                continue
            lines.setdefault(first, []).append(words)
        return cls(lines)

    def one(self, first: str, default: list[str]) -> list[str]:
        """Return the words of the only line of a kind."""
        return self.lines.get(first, [default])[-1]

    def all(self, first: str) -> list[list[str]]:
        """Return the words of every line of a kind."""
        return self.lines.get(first, [])


def line(*words: object) -> str:
    """Return one line."""
    return shlex.join(map(str, words)) + "\n"
