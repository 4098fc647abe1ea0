"""How many heads of containers are typed, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from btfdump._render.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from btfdump._annotate.headcount import HeadCount, Heads

_COLUMNS = ("heads", "typed", "unknown", "share", "by broad lines", "share without", "links")
_WORST = 20
"""How many of the modules with most unknown heads are named."""


def render_text(name: str, counts: Mapping[str, HeadCount], *, unknown: bool) -> Iterator[str]:
    """Yield the figures of a kernel, `counts` by place; with `unknown`, each unknown head too."""
    yield printable(f"{name}:") + "\n"
    rows = [
        (place, kind, *_cells(heads))
        for place, count in counts.items()
        for kind, heads in count.by_kind.items()
    ]
    yield from _aligned([("", "", *_COLUMNS), *rows])
    for place, count in counts.items():
        if len(count.of_module) > 1:
            yield (
                f"  {place}: {len(count.with_heads)} of {len(count.of_module)} have heads; "
                f"in {len(count.untyped)} none is typed\n"
            )
    for count in counts.values():
        yield from _unknown(count) if unknown else _worst(count)
    yield "\n"


def _cells(heads: Heads) -> tuple[str, ...]:
    return (
        str(heads.all),
        str(heads.typed),
        str(heads.unknown),
        _percent(heads.share),
        str(heads.by_broad),
        _percent(heads.share_without_broad),
        str(heads.links),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        names = "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)
        )
        figures = "  ".join(
            f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)
        )
        yield f"  {names}  {figures}\n"


def _worst(count: HeadCount) -> Iterator[str]:
    if len(count.of_module) < 2:
        return
    left = Counter({module: len(members) for module, members in count.unknown.items()})
    if left:
        named = ", ".join(f"{module} {number}" for module, number in left.most_common(_WORST))
        yield printable(f"  most unknown: {named}") + "\n"


def _unknown(count: HeadCount) -> Iterator[str]:
    """List what is unknown by module, those with the most first."""
    for module, members in sorted(count.unknown.items(), key=lambda item: (-len(item[1]), item[0])):
        yield "\n" + printable(f"{module}: {len(members)} unknown") + "\n"
        for member in sorted(members, key=lambda m: (m.head, m.struct, m.member)):
            detail = f"  {member.detail}" if member.detail else ""
            yield printable(f"  {member.head:<16} {member.struct}.{member.member}{detail}") + "\n"


def render_json(kernels: Sequence[tuple[str, Mapping[str, HeadCount]]]) -> Iterator[str]:
    """Yield one JSON document with the figures and the unknown heads of each kernel."""
    document = [
        {
            "kernel": name,
            **{
                place: {
                    "heads": {
                        kind: {
                            **asdict(heads),
                            "share": heads.share,
                            "share_without_broad": heads.share_without_broad,
                        }
                        for kind, heads in count.by_kind.items()
                    },
                    "btfs": len(count.of_module),
                    "with_heads": len(count.with_heads),
                    "untyped": count.untyped,
                    "unknown": {
                        module: [
                            {"head": m.head, "struct": m.struct, "member": m.member}
                            for m in members
                        ]
                        for module, members in count.unknown.items()
                    },
                }
                for place, count in counts.items()
            },
        }
        for name, counts in kernels
    ]
    yield json.dumps(document, indent=2) + "\n"
