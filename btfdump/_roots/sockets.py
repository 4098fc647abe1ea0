"""Sockets: those of all protocols' tables, and of files; who has each open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note, note_of
from btfdump._meaning.names import table as names_of
from btfdump._roots import table_root
from btfdump._roots.every_task import ask_of_tasks, every_task
from btfdump._roots.table import Table
from btfdump._system.sockets.facts import SocketReading
from btfdump._system.sockets.finding import listed_sockets
from btfdump._system.sockets.names import STATES, TYPES
from btfdump._tables.descriptors import SOCKET, descriptors
from btfdump._tables.form import Form, of_words
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = (
    *("family", "type", "protocol", "state", "local", "remote", "recvq", "sendq", "inode"),
    *("pid", "comm", "fd", "kind", "netns", "sock"),
)
_HOLDER = ("pid", "comm", "fd")


@table_root(argument="PID or NAME")
def list_sockets(kernel: Context, query: Query) -> Table:
    """Sockets of all families, with or without a file: addresses, state, queues, who has them."""
    try:
        kernel.own_type("struct sock")
    except BtfdumpError as error:
        remedy = "it was built without networking"
        raise MissingDataError(f"sockets: this kernel has none: {error}", remedy) from error
    forms = _forms(kernel)
    return Table("sockets", _COLUMNS, _rows(kernel, query), forms=forms)


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    """Yield a row for each socket and descriptor of it, then what could not be read."""
    ask_of_tasks(kernel, query)
    troubles = Troubles()
    reading = SocketReading(kernel, troubles)
    holders: dict[int, list[Mapping[str, Any]]] = {}
    for item in _descriptors(kernel, troubles):
        if isinstance(item, Note):
            yield item
        else:
            holders.setdefault(item["sock"], []).append(item)
    for address in _addresses(kernel, holders):
        if isinstance(address, Note):
            yield address
            continue
        wanted = [
            one
            for one in holders.pop(address, [dict.fromkeys(_HOLDER)])
            if not query.patterns or (one["pid"] and query.wants(str(one["pid"]), one["comm"]))
        ]
        if not wanted:
            continue
        try:
            facts = reading.of(address)
        except BtfdumpError as error:
            yield note_of(error, f"sock at {address:#x}")
            continue
        found = facts._asdict() | {"sock": address}
        for one in wanted:
            yield {name: one[name] if name in _HOLDER else found[name] for name in _COLUMNS}
    for trouble in troubles.taken():
        yield Note(str(trouble), trouble.address)


def _addresses(kernel: Context, holders: Mapping[int, Any]) -> Iterator[int | Note]:
    """Yield the address of each socket once: those of tables, then those that files alone have."""
    seen: set[int] = set()
    try:
        for item in listed_sockets(kernel):
            if isinstance(item, Note):
                yield item
            else:
                seen.add(item.address_)
                yield item.address_
    except BtfdumpError as error:
        yield note_of(error, "sockets")
    yield from [address for address in holders if address not in seen]


def _descriptors(kernel: Context, troubles: Troubles) -> Iterator[dict[str, Any] | Note]:
    """Yield (pid, comm, fd, sock) of each descriptor of a socket."""
    try:
        found = descriptors(kernel, lambda: every_task(kernel))
        start = kernel.struct("socket").offset("sk")
    except BtfdumpError as error:
        yield note_of(error, "files")
        return
    width = kernel.layouts.pointer_size
    for row in found:
        if isinstance(row, Note):
            yield row
            continue
        if row["kind"] != SOCKET or not row["object"]:
            continue
        try:
            data = kernel.target.read(kernel.wrap(row["object"] + start), width)
        except BtfdumpError as error:
            troubles.add("file.private_data", error)
            continue
        sock = int.from_bytes(data, kernel.layouts.byteorder)
        if sock:
            yield row | {"sock": sock}


def _forms(kernel: Context) -> dict[str, Form]:
    families = names_of("address_family").names
    number = Form(is_number=True)
    named = {
        "family": _named(families, "AF_"),
        "type": _named(TYPES, ""),
        "state": _named(STATES, ""),
    }
    forms = {name: named.get(name, Form()) for name in _COLUMNS}
    for name in ("recvq", "sendq", "inode", "pid", "fd", "netns"):
        forms[name] = number
    forms["kind"], forms["netns"] = Form(spare=4), Form(is_number=True, spare=3)
    forms["inode"] = Form(is_number=True, spare=2)
    forms["type"] = Form(text=forms["type"].text, names=forms["type"].names, spare=1)
    address = of_words(kernel, "address")
    forms["sock"] = Form(text=address.text, is_address=True, spare=5)
    return forms


def _named(names: Mapping[int, str], prefix: str) -> Form:
    def text(cell: Any) -> str:
        return names.get(cell, "").removeprefix(prefix)

    tell: Callable[[Any], str] = text
    return Form(text=tell, names=tell)
