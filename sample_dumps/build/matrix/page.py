"""docs/kernels.md, written out of the figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    missing = [entry.name for entry in entries if entry.name not in figures]
    parts = {
        "matrix": _matrix(known),
        "roots": _roots(known),
        "troubles": _troubles(known, missing),
    }
    for name, lines in parts.items():
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    return text.rstrip() + "\n"


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


def _troubles(known: Sequence[Figures], missing: Sequence[str]) -> Iterator[str]:
    """Yield a line for each thing that does not work, with the reason, and where it was seen."""
    found = {title: _seen(known, troubles) for title, troubles in KINDS.items()}
    found["Not run yet"] = [(name, "") for name in missing]
    for title, lines in found.items():
        yield from (f"### {title}", "")
        yield from (_escaped(f"* {line}", where) for line, where in lines)
        yield from () if lines else ("None.",)
        yield ""


def _seen(
    known: Sequence[Figures], troubles: Callable[[Figures], Mapping[str, str]]
) -> list[tuple[str, str]]:
    """Return what is wrong, in the words of the first kernel that it is wrong of, and all these."""
    words: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    for one in known:
        for key, text in troubles(one).items():
            words.setdefault(key, f"{key}: {text}" if text else key)
            names.setdefault(key, []).append(one.name)
    everywhere = len(known)
    return [
        (words[key], "all" if len(seen) == everywhere > 1 else ", ".join(seen))
        for key, seen in names.items()
    ]


def _notes(one: Figures) -> dict[str, str]:
    return {
        f"{root}: {text}": f"{count:,} times"
        for root, texts in one.notes.items()
        for text, count in texts.items()
    }


KINDS: Mapping[str, Callable[[Figures], Mapping[str, str]]] = {
    "Steps that failed": lambda one: one.failures,
    "What the guest could not be given": lambda one: dict.fromkeys(one.estate, ""),
    "Values that differ from DWARF": lambda one: dict.fromkeys(one.differences, ""),
    "Misfits": lambda one: one.misfits,
    "Broken containers": lambda one: one.broken,
    "Globals and roots that cannot be read": lambda one: one.unread,
    "Notes": _notes,
    "Lines of the library without effect, and the elements they name": lambda one: one.dead,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        yield "| " + " | ".join(cells) + " |"


def _escaped(line: str, where: str) -> str:
    """Return a line that Markdown takes for text, without addresses, which differ each time."""
    line = _ADDRESS.sub("ADDRESS", line)
    end = f" ({where})" if where else ""
    return line[:2] + _SPECIAL.sub(r"\\\g<0>", line[2:]) + end
