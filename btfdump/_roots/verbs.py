"""The commands of crash, as data: which of them answer here, and which say what does.

They yield to whatever else has their name: a root, a table, a symbol, a type.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._roots import ROOTS, VERBS
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._roots import RootKind, TableKind

_DATA = Path(__file__).with_name("verbs.toml")


@cache
def crash_commands() -> Mapping[str, Mapping[str, str]]:
    """Return what verbs.toml says of each command of crash."""
    from btfdump._files.plain_toml import plain_table

    text = _DATA.read_text("utf-8")
    found = plain_table(text)
    if found is None:
        from btfdump._annotate.overlay import load_toml

        found = load_toml(text, str(_DATA))
    return found


def verb(word: str) -> RootKind | TableKind | None:
    """Return what answers to a command of crash, None for any other word.

    Raises `ExpressionError`, with what to say instead, for a command that nothing here answers to.
    """
    known = crash_commands().get(word)
    if known is None:
        return None
    if name := known.get("root", known.get("verb")):
        return ROOTS.get(name) if name in ROOTS.built_in else VERBS.get(name)
    instead = known.get("command") or f"inspect CORE {known['say']}"
    raise ExpressionError(
        f"{word} is a command of crash ({known['of']}): say btfdump {instead}; docs/from-crash.md "
        "has them all"
    )
