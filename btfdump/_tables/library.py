"""Tables by name: those that come with btfdump, and those of the overlays that a user gives.

A file of `library/` is read when its table is asked for, so that nothing else pays for it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._annotate.overlay import load_toml
from btfdump._annotate.tables import Pieces
from btfdump._files.plain_toml import plain_table
from btfdump._tables.definition import define

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._annotate.overlay import Overlay
    from btfdump._tables.definition import TableDefinition

LIBRARY = Path(__file__).parent / "library"


def names(overlays: Iterable[Overlay] = ()) -> list[str]:
    """Return the names of all declared tables: the library's, then those of overlays."""
    found = dict.fromkeys(sorted(path.stem for path in LIBRARY.glob("*.toml")))
    for overlay in overlays:
        found |= dict.fromkeys(overlay.tables())
    return list(found)


def definition_of(name: str, overlays: Iterable[Overlay] = ()) -> TableDefinition | None:
    """Return what is declared of a table, None if nothing is.

    `overlays` come by authority, the highest first. Raises `AnnotationError`.
    """
    found = _of_library(name)
    for overlay in reversed(list(overlays)):
        stated = overlay.table(name)
        if stated is not None:
            other = define(name, stated, overlay.source)
            found = found.extended(other) if found is not None else other
    return found


@cache
def _of_library(name: str) -> TableDefinition | None:
    path = LIBRARY / f"{name}.toml"
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return None
    pieces = Pieces(text)
    stated = _parsed(pieces, f"table.{name}", path)
    for part in ("columns", "options"):
        if found := _parsed(pieces, f"table.{name}.{part}", path):
            stated[part] = found
    return define(name, stated, "library")


def _parsed(pieces: Pieces, table: str, path: Path) -> dict[str, object]:
    text = "".join(pieces.pieces(table))
    plain = plain_table(text)
    return plain if plain is not None else load_toml(text, str(path))
