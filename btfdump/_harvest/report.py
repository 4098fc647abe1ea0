"""From conclusions to an overlay, with what a reader has to decide in comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._harvest.conclude import ConcludedLink, ConcludedTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._harvest import Harvest
    from btfdump._harvest.conclude import ConcludedHead, Conclusions
    from btfdump._harvest.program import Program
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
    for table in found.tables:
        if table.spot[0] and len(table.lengths) == 1:
            line = _line(table.spot, _table_tags(table), table.see)
            tables.setdefault(table.spot[0], []).append(line)
    for link in found.links:
        tables.setdefault(link.spot[0], []).append(_line(link.spot, "role:link", link.see))
    variables = sorted(_variables(found, program))
    if variables:
        yield "\n[global]\n"
        yield from variables
    for struct in sorted(tables):
        yield f"\n[struct.{struct}]\n"
        yield from sorted(tables[struct])
    arrays = list(_arrays(found, program))
    if arrays:
        yield "\n# Arrays of heads, whose length is to be added:\n"
        yield from arrays
    yield from _doubts(found)


def _variables(found: Conclusions, program: Program) -> Iterator[str]:
    """Yield the lines on global variables: heads, and pointers to tables of heads."""
    tables = [table for table in found.tables if len(table.lengths) == 1]
    said = [(e.spot, [_tag(e)], e.see) for e in found.entries]
    said += [(t.spot, _table_tags(t), t.see) for t in tables]
    for (struct, name), tags, see in said:
        type_ = program.type_of_global("", name)
        is_known = not struct and program.is_unique_global(name) and type_ is not None
        if is_known and type_ is not None and not type_.is_array:
            spelled = type_.base + " *" * type_.stars
            yield f'{name} = {{ type = "{spelled}", {_said(tags)}, see = "{see}" }}\n'


def _arrays(found: Conclusions, program: Program) -> Iterator[str]:
    """Yield comments on arrays of heads: a line needs their length, which may be unknown."""
    for entry in found.entries:
        struct, name = entry.spot
        type_ = program.type_of_global("", name) if not struct else None
        if type_ is not None and type_.is_array and program.is_unique_global(name):
            yield f"# {name}: {type_.base}[], {_tag(entry)} ({entry.see})\n"


def _doubts(found: Conclusions) -> Iterator[str]:
    if found.rings:
        yield "\n# Rings without a head, or lists walked from the middle:\n"
    for entry in found.rings:
        yield f"# {_dotted(entry.spot)}: {_tag(entry)} ({entry.see})\n"
    undecided = [table for table in found.tables if len(table.lengths) != 1]
    if undecided:
        yield "\n# Pointers to a head, or to an array of heads whose length is to be added:\n"
    for table in undecided:
        what = f": {_tag(table.entry)} ({table.entry.see})" if table.entry is not None else ":"
        yield f"# {_dotted(table.spot)}{what}\n"
        for text, see in table.lengths:
            yield f"#   len:{text} ({see})\n"
    if found.unsettled:
        yield "\n# What was read agrees on these, but it is not all that may bear on them:\n"
    for known, why in sorted(found.unsettled, key=lambda pair: pair[0].spot):
        if isinstance(known, ConcludedLink):
            tag = "role:link"
        else:
            tag = " ".join(_table_tags(known)) if isinstance(known, ConcludedTable) else _tag(known)
        yield f"# {_dotted(known.spot)}: {tag} ({known.see}): {why}\n"
    if found.conflicts:
        yield "\n# Conflicts:\n"
    for conflict in found.conflicts:
        yield f"# {_dotted(conflict.spot)}:\n"
        for candidate, see in conflict.candidates:
            yield f"#   {candidate} ({see})\n"


def _line(spot: Spot, tag: str | list[str], see: str) -> str:
    key = spot[1] if _BARE_KEY.fullmatch(spot[1]) else f'"{spot[1]}"'
    return f'{key} = {{ {_said(tag)}, see = "{see}" }}\n'


def _said(tag: str | list[str]) -> str:
    """Write `tag = "..."`, or `tags = [...]` for several that hold together."""
    if isinstance(tag, str) or len(tag) == 1:
        return f'tag = "{tag if isinstance(tag, str) else tag[0]}"'
    return f"tags = [{', '.join(f'{chr(34)}{text}{chr(34)}' for text in tag)}]"


def _table_tags(table: ConcludedTable) -> list[str]:
    heads = [_tag(table.entry)] if table.entry is not None else []
    return [*heads, *(f"len:{text}" for text, _ in table.lengths)]


def _tag(entry: ConcludedHead) -> str:
    struct, path = entry.element
    return f"{struct}:{path}" if path else struct


def _dotted(spot: Spot) -> str:
    return ".".join(filter(None, spot))
