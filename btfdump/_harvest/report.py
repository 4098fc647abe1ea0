"""From conclusions to an overlay, with what a reader has to decide in comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._harvest.conclude import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._harvest import Harvest
    from btfdump._harvest.conclude import Conclusions, Entry
    from btfdump._harvest.resolve import Spot

_BARE_KEY = re.compile(r"\w+")


def render_overlay(harvest: Harvest, title: str) -> Iterator[str]:
    """Yield a TOML file: globals, heads and links by struct, and doubts as comments."""
    found, program = harvest.conclusions, harvest.program
    yield f"# {title}\n"
    if harvest.cut_short:
        yield f"# It was interrupted: {harvest.cut_short}.\n"
    tables: dict[str, list[str]] = {}
    for entry in found.entries:
        if entry.spot[0]:
            tables.setdefault(entry.spot[0], []).append(_line(entry.spot, _tag(entry), entry.see))
    for link in found.links:
        tables.setdefault(link.spot[0], []).append(_line(link.spot, "role:link", link.see))
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
    if found.unsettled:
        yield "\n# What was read agrees on these, but it is not all that may bear on them:\n"
    for known, why in sorted(found.unsettled, key=lambda pair: pair[0].spot):
        tag = "role:link" if isinstance(known, Link) else _tag(known)
        yield f"# {_dotted(known.spot)}: {tag} ({known.see}): {why}\n"
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
