"""docs/kernels.md, written out of the figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .catalogue import Entry
    from .figures import Figures

_ADDRESS = re.compile(r"\b0x[0-9a-f]{9,}\b")
_SPECIAL = re.compile(r"[\\`*_\[\]<>|]")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "kernels.md"
COLUMNS = (
    *("kernel", "release", "modules", "tasks", "DWARF", "library", "entries", "fit", "inside"),
    *("elsewhere", "misfits", "broken", "shown", "notes"),
)
TEMPLATE = Path(__file__).with_suffix(".md")


def write(order: Iterable[Entry], figures: Mapping[str, Figures], page: Path = PAGE) -> None:
    """Write the page of all kernels of the matrix."""
    page.write_text(render(order, figures), "utf-8")


def render(order: Iterable[Entry], figures: Mapping[str, Figures]) -> str:
    """Return the text of the page."""
    entries = list(order)
    known = [figures[entry.name] for entry in entries if entry.name in figures]
    text = TEMPLATE.read_text("utf-8")
    parts = {
        "matrix": _matrix(known),
        "roots": _roots(known),
        "troubles": _sections(entries, figures),
    }
    for name, lines in parts.items():
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    return text


def _sections(entries: Sequence[Entry], figures: Mapping[str, Figures]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        yield from ("",) * (number > 0)
        yield f"### {entry.name}\n"
        if entry.name in figures:
            yield from _troubles(figures[entry.name]) or ["Nothing was found."]
        else:
            yield "* not run yet"


def _matrix(known: Sequence[Figures]) -> Iterator[str]:
    yield from _table(
        COLUMNS,
        (
            (
                one.name,
                one.release or one.package,
                one.modules,
                one.tasks,
                "-" if one.compared is None else f"{one.compared:,}, {one.different:,} differ",
                f"{one.met:,}, {len(one.dead):,} dead",
                one.entries,
                one.fitting,
                one.inside,
                one.elsewhere,
                len(one.misfits),
                len(one.broken),
                sum(one.shown.values()),
                one.noted,
            )
            for one in known
        ),
    )


def _roots(known: Sequence[Figures]) -> Iterator[str]:
    """Yield objects or rows of each root, and notes where there are any: `12 (3)`."""
    names = list(dict.fromkeys(name for one in known for name in one.shown))
    yield from _table(
        ("", *(one.name for one in known)),
        ((name, *(_count(one, name) for one in known)) for name in names),
    )


def _count(one: Figures, name: str) -> str:
    if name not in one.shown:
        return ""
    notes = sum(one.notes.get(name, {}).values())
    return f"{one.shown[name]:,}" + (f" ({notes:,})" if notes else "")


def _troubles(one: Figures) -> list[str]:
    """Return a line for each thing that does not work, with the reason."""
    found = [f"* {what}: {why}" for what, why in one.failures.items()]
    found += [f"* the guest: {text}" for text in one.estate]
    found += [f"* differs from DWARF: {text}" for text in one.differences]
    found += [f"* misfit: {line}: {text}" for line, text in one.misfits.items()]
    found += [f"* broken: {line}: {text}" for line, text in one.broken.items()]
    if one.dead:
        names = ", ".join(f"{line} ({elements})" for line, elements in one.dead.items())
        found.append(f"* lines without effect, and the elements they name: {names}")
    found += [f"* not read: {name}: {why}" for name, why in one.unread.items()]
    for name, texts in one.notes.items():
        found += [f"* note of {name}, {count:,} times: {text}" for text, count in texts.items()]
    return [_escaped(line) for line in found]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        yield "| " + " | ".join(cells) + " |"


def _escaped(line: str) -> str:
    """Return a line that Markdown takes for text, without addresses, which differ each time."""
    line = _ADDRESS.sub("ADDRESS", line)
    return line[:2] + _SPECIAL.sub(r"\\\g<0>", line[2:])
