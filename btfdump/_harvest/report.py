"""From conclusions to an overlay, with what a reader has to decide in comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._harvest.conclude import Conclusions, Entry
    from btfdump._harvest.program import Program
    from btfdump._harvest.resolve import Spot

_BARE_KEY = re.compile(r"\w+")


def render_overlay(found: Conclusions, program: Program, title: str) -> Iterator[str]:
    """Yield a TOML file: globals, heads and links by struct, and doubts as comments."""
    yield f"# {title}\n"
    tables: dict[str, list[str]] = {}
    for entry in found.entries:
        if entry.spot[0]:
            tables.setdefault(entry.spot[0], []).append(_line(entry.spot, _tag(entry), entry.see))
    for spot, see in found.links:
        tables.setdefault(spot[0], []).append(_line(spot, "role:link", see))
    named = [e for e in found.entries if not e.spot[0] and program.is_unique_global(e.spot[1])]
    if named:
        yield "\n[global]\n"
    for entry in named:
        type_ = program.type_of_global("", entry.spot[1])
        if type_ is not None:
            yield (
                f'{entry.spot[1]} = {{ type = "{type_.base}", tag = "{_tag(entry)}", '
                f'see = "{entry.see}" }}\n'
            )
    for struct in sorted(tables):
        yield f"\n[struct.{struct}]\n"
        yield from sorted(tables[struct])
    yield from _doubts(found)


def _doubts(found: Conclusions) -> Iterator[str]:
    if found.rings:
        yield "\n# Rings without a head, or lists walked from the middle:\n"
    for entry in found.rings:
        yield f"# {_dotted(entry.spot)}: {_tag(entry)} ({entry.see})\n"
    if found.pointers:
        yield "\n# Pointers to a head, or to an array of heads whose length is to be added:\n"
    for entry in found.pointers:
        yield f"# {_dotted(entry.spot)}: {_tag(entry)} ({entry.see})\n"
    if found.conflicts:
        yield "\n# Conflicts:\n"
    for conflict in found.conflicts:
        yield f"# {_dotted(conflict.spot)}:\n"
        for candidate, see in conflict.candidates:
            yield f"#   {candidate} ({see})\n"


def _line(spot: Spot, tag: str, see: str) -> str:
    key = spot[1] if _BARE_KEY.fullmatch(spot[1]) else f'"{spot[1]}"'
    return f'{key} = {{ tag = "{tag}", see = "{see}" }}\n'


def _tag(entry: Entry) -> str:
    struct, path = entry.element
    return f"{struct}:{path}" if path else struct


def _dotted(spot: Spot) -> str:
    return ".".join(filter(None, spot))
