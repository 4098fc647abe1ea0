"""Which annotations apply to a BTF and what they cover, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING

from btfdump._annotate.applying import APPLIES, MISFIT, NO_MEMBER, NO_STRUCT
from btfdump._annotate.coverage import LINK, PART, UNKNOWN, Tally, tally
from btfdump._render.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump._annotate.coverage import CheckedHeads, Known

_WIDTH = 100


def render_text(
    name: str, checked: Sequence[CheckedHeads], members: Sequence[Known], *, every: bool
) -> Iterator[str]:
    """Yield the report for one BTF; with `every`, it also lists each entry that applies."""
    yield printable(f"{name}:") + "\n"
    for source in dict.fromkeys(row.source for row in checked):
        yield from _entries(source, [row for row in checked if row.source == source], every)
    if not members:
        yield "no containers\n"
        return
    yield from _table(members)
    unknown = [member for member in members if member.status == UNKNOWN]
    if unknown:
        yield f"\nunknown ({len(unknown)}):\n"
    for member in sorted(unknown, key=lambda m: (m.head, m.struct, m.member)):
        detail = f"  {member.detail}" if member.detail else ""
        yield printable(f"  {member.head:<16} {member.struct}.{member.member}{detail}") + "\n"


def _entries(source: str, checked: Sequence[CheckedHeads], every: bool) -> Iterator[str]:
    counts = Counter(row.status for row in checked)
    yield (
        printable(
            f"{source}: {len(checked)} entries: {counts[APPLIES]} apply"
            f"{_proven(checked)}, {counts[NO_STRUCT]} name "
            f"types that are not here, {counts[NO_MEMBER]} members that are not, "
            f"{counts[MISFIT]} do not fit"
        )
        + "\n"
    )
    for row in checked:
        if row.status == MISFIT or (every and row.status == APPLIES):
            proven = ", proven on a dump" if row.is_proven else ""
            see = f" ({row.see}{proven})" if row.see or proven else ""
            why = row.reason or f"{row.says}{see}"
            yield printable(f"  {row.place}: {why}") + "\n"
    missing = [row for row in checked if row.status == NO_STRUCT]
    structs = dict.fromkeys(row.struct if row.table == "struct" else row.place for row in missing)
    yield from _list(NO_STRUCT, list(structs))
    yield from _list(NO_MEMBER, [row.place for row in checked if row.status == NO_MEMBER])


def _list(status: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"  {status}:\n"
        yield from (f"    {printable(line)}\n" for line in wrap(", ".join(names), _WIDTH - 4))


def _proven(checked: Sequence[CheckedHeads]) -> str:
    count = sum(row.is_proven and row.status == APPLIES for row in checked)
    return f" ({count} proven on a dump)" if count else ""


def _table(members: Sequence[Known]) -> Iterator[str]:
    tallies = tally(members)
    sources = sorted(
        {s for t in tallies.values() for s in t.by_status} - {LINK, PART, UNKNOWN},
        key=lambda source: (source != "tag", source != "library", source),
    )
    columns = ["head", "all", *sources, LINK, UNKNOWN, "known", "parts"]
    rows = [_row(head, counts, sources) for head, counts in tallies.items()]
    others = [counts for head, counts in tallies.items() if head != "list_head"]
    if others:
        rows.append(_row("all but list_head", _sum(others), sources))
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    yield f"\n{sum(t.total for t in tallies.values())} container members:\n"
    for row in (columns, *rows):
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield printable("  ".join((f"  {row[0]:<{widths[0]}}", *numbers))) + "\n"


def _row(head: str, counts: Tally, sources: Sequence[str]) -> list[str]:
    numbers = [counts.by_status.get(status, 0) for status in (*sources, LINK, UNKNOWN)]
    share = f"{counts.known / counts.total:.0%}" if counts.total else "-"
    parts = counts.by_status.get(PART, 0)
    return [head, str(counts.total), *map(str, numbers), share, str(parts or "-")]


def _sum(tallies: Sequence[Tally]) -> Tally:
    total: Counter[str] = Counter()
    for one in tallies:
        total.update(one.by_status)
    return Tally(dict(total))


def render_json(
    reports: Sequence[tuple[str, Sequence[CheckedHeads], Sequence[Known]]],
) -> Iterator[str]:
    """Yield one JSON document with the entries, tallies and members of each BTF."""
    document = [
        {
            "btf": name,
            "entries": [asdict(row) for row in checked],
            "coverage": {
                head: {**counts.by_status, "all": counts.total, "known": counts.known}
                for head, counts in tally(members).items()
            },
            "members": [asdict(member) for member in members],
        }
        for name, checked, members in reports
    ]
    yield json.dumps(document, indent=2) + "\n"
