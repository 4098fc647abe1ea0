"""Log: the kernel's messages, as dmesg prints them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._system.printk import read_log
from btfdump._tables.form import Form
from btfdump._tables.where import nanoseconds
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row
    from btfdump._system.printk import Record

_COLUMNS = ("seq", "ts", "level", "facility", "caller", "text")
LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
"""Priorities as dmesg calls them, the most urgent first (include/linux/kern_levels.h)."""
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp"),
)
_FIRST_LOCAL, _LAST_LOCAL = 16, 23
_NS = 1_000_000_000
_AGO = re.compile(r"(.*?)[\s-]*\bago")


@table_root(argument="TEXT", filters=("since", "level"))
def list_log(kernel: Context, query: Query) -> Table:
    """The kernel's log as dmesg prints it: moment, level, facility, caller and text."""
    levels = _levels(query.filters.get("level", ()))
    since, is_ago = _since(query.filters.get("since", ()))

    def wanted(record: Record) -> bool:
        return (levels is None or record.level in levels) and query.wants(record.text or "")

    def rows() -> Iterator[Row | Note]:
        found = read_log(kernel)
        first = since
        if is_ago:  # the newest record tells what the time was
            known = list(found)
            times = (record.time for record in known if not isinstance(record, Note))
            first, found = max(times, default=0) - since, iter(known)
        for record in found:
            if isinstance(record, Note):
                yield record
            elif record.time >= first and wanted(record):
                yield _row(record)

    forms = {
        "seq": Form(is_number=True),
        "ts": Form(text=stamp, is_number=True, unit="ns"),
        "level": Form(text=level_name, names=level_name),
        "facility": Form(text=facility_name, names=facility_name),
        "caller": Form(),
        "text": Form(),
        **dict.fromkeys(("subsystem", "device", "comm", "complete"), Form()),
    }
    return Table("log", _COLUMNS, rows(), forms=forms, lines=printed)


def _row(record: Record) -> Row:
    return {
        "seq": record.seq,
        "ts": record.time,
        "level": record.level,
        "facility": record.facility,
        "caller": record.caller,
        "text": record.text,
        "subsystem": record.subsystem or None,
        "device": record.device or None,
        "comm": record.comm or None,
        "complete": record.is_complete,
    }


def printed(row: Row) -> list[str]:
    """Return the lines that dmesg prints of a record: those after the first are indented."""
    head = f"[{stamp(row['ts'])}] "
    text = row["text"]
    if not isinstance(text, str):
        return [f"{head}(text lost)"]
    first, *others = text.split("\n")
    return [head + first, *(" " * len(head) + other for other in others)]


def stamp(nanoseconds: object) -> str:
    """Return a moment as dmesg prints it: seconds, to the microsecond."""
    assert isinstance(nanoseconds, int)
    return f"{nanoseconds // _NS:5}.{nanoseconds % _NS // 1000:06}"


def level_name(level: int) -> str:
    """Return the name of a level."""
    return LEVELS[level] if level < len(LEVELS) else ""


def facility_name(facility: int) -> str:
    """Return the name of a facility (RFC 3164), "" for one that has none."""
    if _FIRST_LOCAL <= facility <= _LAST_LOCAL:
        return f"local{facility - _FIRST_LOCAL}"
    return _FACILITIES[facility] if facility < len(_FACILITIES) else ""


def _levels(given: tuple[str, ...]) -> frozenset[int] | None:
    """Return the levels that are wanted, None for all; raises `ExpressionError`."""
    if not given:
        return None
    wanted: set[int] = set()
    for word in ",".join(given).split(","):
        name = word.strip().rstrip("+")
        if name in LEVELS:
            level = LEVELS.index(name)
        elif name.isdecimal() and int(name) < len(LEVELS):
            level = int(name)
        else:
            raise ExpressionError(
                f"--level {word!r}: expected a number up to 7 or one of {', '.join(LEVELS)}; "
                "NAME+ also means the more urgent ones"
            )
        wanted |= set(range(level + 1)) if word.strip().endswith("+") else {level}
    return frozenset(wanted)


def _since(given: tuple[str, ...]) -> tuple[int, bool]:
    """Return the earliest moment that is wanted, and whether it counts back from the last record.

    Raises `ExpressionError`.
    """
    if not given:
        return -1, False
    ago = _AGO.fullmatch(given[-1])
    text = ago[1] if ago is not None else given[-1]
    found = nanoseconds(text.strip())
    if found is None:
        raise ExpressionError(
            f"--since {given[-1]!r}: expected seconds since the start as the log has them (2.5), "
            "another time since then (90s, 5m, 2h), or one before the last record: '10s ago'"
        )
    return found, ago is not None
