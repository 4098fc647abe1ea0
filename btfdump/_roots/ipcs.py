"""Ipcs: shared memory, message queues and semaphores, as ipcs(1) lists them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note, note_of
from btfdump._roots import table_root
from btfdump._roots.every_task import every_task
from btfdump._roots.table import Table
from btfdump._system.ipc import IpcObject, IpcObjects, ipc_namespaces
from btfdump._tables.form import Form, of_words
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row


@table_root(argument="KIND or ID")
def list_ipc_objects(kernel: Context, query: Query) -> Table:
    """System V shared memory (shm), message queues (msg), semaphores (sem) of all namespaces."""
    troubles = Troubles()
    objects = IpcObjects(kernel, troubles)
    found = ipc_namespaces(kernel, every_task(kernel))

    def rows() -> Iterator[Row | Note]:
        for namespace in found:
            try:
                for item in objects.each(namespace):
                    if isinstance(item, Note):
                        yield item
                    elif query.wants(item.kind, str(item.id)):
                        yield item._asdict()
            except BtfdumpError as error:
                yield note_of(error, "ipc_namespace")
        for trouble in troubles.taken():
            yield Note(str(trouble), trouble.address)

    forms: dict[str, Form] = dict.fromkeys(IpcObject._fields, Form(is_number=True))
    forms |= {
        "kind": Form(),
        "key": Form(text=hex),
        "mode": Form(text=lambda cell: f"{cell:03o}"),
        "bytes": replace(of_words(kernel, "unit:bytes"), is_summed=True),
        "namespace": Form(is_number=True, spare=1),
        "address": replace(of_words(kernel, "address"), spare=2),
    }
    return Table("ipcs", IpcObject._fields, rows(), forms=forms)
