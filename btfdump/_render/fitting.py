"""Lines that are no wider than a terminal."""

from __future__ import annotations

import re

_STYLE = re.compile("\x1b\\[[0-9;]*m")
_PIECE = re.compile("\x1b\\[[0-9;]*m|.", re.DOTALL)
_END = "\x1b[0m"


def visible(line: str) -> int:
    """Return how many columns a line takes, without its colours."""
    from rich.cells import cell_len

    return cell_len(_STYLE.sub("", line))


def fit(line: str, width: int) -> str:
    """Cut a line that takes more than `width` columns, which a `…` at its end says; 0 is any width.

    Colours stay, and end where the line does.
    """
    if not width or visible(line) <= width:
        return line
    from rich.cells import get_character_cell_size

    kept: list[str] = []
    left = width - 1
    for piece in _PIECE.findall(line):
        if piece.startswith("\x1b"):
            kept.append(piece)
            continue
        left -= get_character_cell_size(piece)
        if left < 0:
            break
        kept.append(piece)
    cut = "".join(kept) + "…"
    return cut + _END if "\x1b" in cut else cut
