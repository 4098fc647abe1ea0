"""Locks: those on files, as /proc/locks has them, and who waits for which."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note
from btfdump._meaning.files import device
from btfdump._roots import table_root
from btfdump._roots.every_task import ask_of_tasks
from btfdump._roots.table import Table
from btfdump._system.file_locks import FileLock, FileLocks
from btfdump._tables.form import Form, of_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row


@table_root(argument="PID or NAME")
def list_locks(kernel: Context, query: Query) -> Table:
    """Locks on files, and who waits for them: kind, range, owner, path."""
    troubles = Troubles()
    locks = FileLocks(kernel, troubles)

    def rows() -> Iterator[Row | Note]:
        ask_of_tasks(kernel, query)
        for item in locks.each():
            if isinstance(item, Note):
                yield item
            elif query.wants(str(item.pid or ""), item.comm or ""):
                yield item._asdict()
        for trouble in troubles.taken():
            yield Note(str(trouble), trouble.address)

    number = Form(is_number=True)
    forms: dict[str, Form] = dict.fromkeys(FileLock._fields, Form())
    forms |= {
        "mode": Form(spare=3),
        "pid": number,
        "start": number,
        "end": number,
        "inode": Form(is_number=True, spare=1),
        "device": Form(text=device, spare=1),
        "blocked_by": replace(of_words(kernel, "address"), spare=2),
        "lock": replace(of_words(kernel, "address"), spare=2),
        "file": replace(of_words(kernel, "address"), spare=4),
    }
    return Table("locks", FileLock._fields, rows(), forms=forms)
