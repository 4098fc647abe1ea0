"""docs/kernels.md, written out of the figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .reasons import reason_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .catalogue import Entry
    from .figures import Figures
    from .reasons import Reason

_ADDRESS = re.compile(r"\b0x[0-9a-f]{9,}\b")
_SPECIAL = re.compile(r"[\\`*_\[\]<>|]")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "kernels.md"
COLUMNS = (
    *(
        "kernel",
        "release",
        "modules",
        "tasks",
        "DWARF",
        "meanings",
        "library",
        "entries",
        "fit",
        "inside",
    ),
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
        "without dwarf": _without_dwarf(entries),
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
                "-" if one.compared is None else one.meanings,
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


def _without_dwarf(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield why the DWARF of some kernels is not looked at."""
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        if entry.without_dwarf:
            reasons.setdefault(entry.without_dwarf, []).append(entry.name)
    yield "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())


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
    """Yield what does not work by its kind and why, and first what nothing explains.

    Of kinds that are not there nothing is said.
    """
    found = {title: _seen(known, kind) for title, kind in KINDS.items()}
    unexplained = [
        _escaped(f"{title}: {_said(seen)} ({', '.join(seen.kernels)})")
        for title, all_seen in found.items()
        for seen in all_seen
        if seen.reason is None
    ]
    unexplained += [f"{name} was not run yet." for name in missing]
    yield from ("### Not explained", "", *(f"* {line}" for line in unexplained or ("Nothing.",)))
    for title, all_seen in found.items():
        reasons = list(dict.fromkeys(seen.reason for seen in all_seen if seen.reason is not None))
        yield from ("", f"### {title}", "") if reasons else ()
        for reason in reasons:
            yield f"* {reason.why}"
            yield from _grouped([seen for seen in all_seen if seen.reason is reason])


@dataclass(frozen=True)
class Seen:
    """One thing that is wrong, in the words of the first of the kernels that it is wrong of."""

    kind: str
    key: str
    text: str
    kernels: tuple[str, ...]
    reason: Reason | None


def _seen(known: Sequence[Figures], kind: str) -> list[Seen]:
    """Return what is wrong of one kind; what has different reasons on different kernels, twice."""
    words: dict[tuple[str, Reason | None], str] = {}
    names: dict[tuple[str, Reason | None], list[str]] = {}
    for one in known:
        for key, text in troubles(one, kind).items():
            line = f"{key}: {text}" if text else key
            found = key, reason_for(kind, line, one.name)
            words.setdefault(found, text)
            names.setdefault(found, []).append(one.name)
    return [
        Seen(kind, key, words[key, reason], tuple(seen), reason)
        for (key, reason), seen in names.items()
    ]


def troubles(one: Figures, kind: str) -> Mapping[str, str]:
    """Return what is wrong of one kind with a kernel: by what it is, more about it."""
    if kind == "notes":
        return {
            f"{root}: {text}": f"{count:,} times"
            for root, texts in one.notes.items()
            for text, count in texts.items()
        }
    found = getattr(one, kind)
    return found if isinstance(found, dict) else dict.fromkeys(found, "")


def _grouped(all_seen: Sequence[Seen]) -> Iterator[str]:
    """Yield a line for each set of kernels, with all that was seen on them and nowhere else."""
    by_kernels: dict[tuple[str, ...], list[Seen]] = {}
    for seen in all_seen:
        by_kernels.setdefault(seen.kernels, []).append(seen)
    for kernels, these in by_kernels.items():
        yield f"  * {', '.join(kernels)}: {_escaped(_things(these))}"


def _things(all_seen: Sequence[Seen]) -> str:
    """Name things; of members of one struct, the struct once."""
    if all_seen[0].kind == "unread":
        return ", ".join(seen.key for seen in all_seen)
    if all_seen[0].kind != "dead":
        return "; ".join(_said(seen) for seen in all_seen)
    by_struct: dict[str, list[str]] = {}
    for seen in all_seen:
        struct, _, member = seen.key.partition(".")
        by_struct.setdefault(struct, []).append(member)
    return ", ".join(
        f"{struct}.{members[0]}" if len(members) == 1 else f"{struct} ({', '.join(members)})"
        for struct, members in by_struct.items()
    )


def _said(seen: Seen) -> str:
    return f"{seen.key}: {seen.text}" if seen.text else seen.key


KINDS = {
    "Steps that failed": "failures",
    "What the guest could not be given": "estate",
    "Values that differ from DWARF": "differences",
    "Misfits": "misfits",
    "Broken containers": "broken",
    "Globals and roots that cannot be read": "unread",
    "Notes": "notes",
    "Lines of the library without effect": "dead",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        yield "| " + " | ".join(cells) + " |"


def _escaped(line: str) -> str:
    """Return a line that Markdown takes for text, without addresses, which differ each time."""
    return _SPECIAL.sub(r"\\\g<0>", _ADDRESS.sub("ADDRESS", line))
