"""Sys: what a system is and how it was when it was looked at, in one row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._meaning.amounts import NS, date, duration, size
from btfdump._roots import table_root
from btfdump._roots.every_task import every_task
from btfdump._roots.table import Table
from btfdump._system.identity import ITEMS, taint_names
from btfdump._tables.form import Form
from btfdump._tables.functions.tasks import letter
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = (
    *("release", "version", "machine", "hostname", "cmdline", "cpus", "online", "boot_time"),
    *("uptime", "load", "memory", "tasks", "states", "tainted", "panic", "crashing_cpu"),
    "crashing_task",
)


@table_root(argument="COLUMN")
def list_system(kernel: Context, query: Query) -> Table:
    """The system: release, machine, CPUs, uptime, load, memory, tasks, taints, why it stopped."""
    names = [name for name in _COLUMNS if query.wants(name)] or _COLUMNS

    def rows() -> Iterator[Row | Note]:
        found: dict[str, Any] = {}
        lost: dict[str, list[str]] = {}
        for name in names:
            try:
                if name in ITEMS:
                    found[name] = ITEMS[name](kernel)
                elif name not in found:
                    found |= _tasks(kernel)
            except BtfdumpError as error:
                found[name] = None
                lost.setdefault(str(error), []).append(name)
        unknown = [name for about in lost.values() for name in about]
        yield {name: found[name] for name in names} | {"unknown": unknown}
        for reason, about in lost.items():
            yield Note(f"sys: {', '.join(about)}: {reason}")

    forms = {name: _FORMS.get(name, Form()) for name in (*names, "unknown")}
    return Table("sys", tuple(names), rows(), forms=forms, lines=printed)


def _tasks(kernel: Context) -> dict[str, Any]:
    """Return how many tasks there are, threads included, in all and by state as ps has it."""
    states: Counter[str | None] = Counter()
    for task in every_task(kernel):
        state = task.member_("__state" if task.has_member_("__state") else "state")
        states[letter(int(state), int(task.exit_state))] += 1
    return {"tasks": states.total(), "states": dict(sorted(states.items(), key=_by_name))}


def _by_name(pair: tuple[str | None, int]) -> str:
    return pair[0] or ""


def printed(row: Row) -> list[str]:
    """Return a line for each thing that is told."""
    unknown: Any = row["unknown"]
    names = [name for name in row if name != "unknown"]
    width = max(map(len, names)) + 1
    return [
        f"{name.replace('_', ' ') + ':':<{width}} "
        f"{'-' if name in unknown else _told(name, row[name])}"
        for name in names
    ]


def _told(name: str, cell: Any) -> str:
    if cell is None:
        return "none"
    if name == "load":
        return ", ".join(f"{one:.2f}" for one in cell)
    if name == "states":
        return ", ".join(f"{count} {state}" for state, count in cell.items())
    if name == "crashing_task":
        return f'"{cell["comm"]}" pid {cell["pid"]} {cell["task"]}'
    form = _FORMS.get(name)
    return str(form.told(cell) if form is not None else cell)


def _tainted(mask: int) -> str:
    return f"{mask} ({', '.join(taint_names(mask))})" if mask else "0"


def _boot(moment: int) -> str:
    return date(moment // NS, moment % NS // 1000 * 1000)


_FORMS = {
    "cpus": Form(is_number=True),
    "online": Form(is_number=True),
    "boot_time": Form(text=_boot),
    "uptime": Form(text=duration, is_number=True, unit="ns"),
    "memory": Form(text=size, is_number=True, unit="bytes"),
    "tasks": Form(is_number=True),
    "tainted": Form(text=_tainted, names=taint_names),
}
