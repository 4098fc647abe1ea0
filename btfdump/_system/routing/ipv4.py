"""Routes of IPv4: the leaves of the tries of all tables (net/ipv4/fib_trie.c)."""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.value_at import value_at
from btfdump._meaning.addresses import INET, ipv4
from btfdump._system.routing.route import Hop, Route, RouteReading
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles
    from btfdump._kernel.value import Value

_BITS = 32
_MOST_BITS = 24
"""Bits of an inner node: it has 2 to that power children, which must be in memory."""
_PIECE = 1 << 13
_ALIAS = {
    "info": "fa_info",
    "type": "fa_type",
    "length": "fa_slen",
    "table": "tb_id",
    "metric": "fa_info.fib_priority",
    "scope": "fa_info.fib_scope",
    "protocol": "fa_info.fib_protocol",
    "source": "fa_info.fib_prefsrc",
    "hops": "fa_info.fib_nhs",
    "shared": "fa_info.nh",
}


def routes(net: Value, troubles: Troubles) -> Iterator[Route | Note]:
    """Yield the routes of all tables of a `struct net`, and what is wrong with them.

    Two tables may share a trie: a leaf's entry says which it is of.
    """
    kernel = net._context_
    reading = RouteReading(kernel, troubles)
    netns = int(net.ns.inum)
    try:
        for item in net.ipv4.fib_table_hash.entries_():
            if isinstance(item, Anomaly):
                yield Note(f"fib_table_hash: {item.message}", item.address)
            elif not isinstance(item, ValueEntry):
                number, start = int(item.tb_id), int(item.tb_data)
                for found in _aliases(kernel, start):
                    if isinstance(found, Note):
                        yield found
                    else:
                        yield from _routes(kernel, reading, found, number, netns)
    except BtfdumpError as error:
        yield note_of(error, "IPv4 routes")


def _routes(
    kernel: Context, reading: RouteReading, found: tuple[int, Value], table: int, netns: int
) -> Iterator[Route | Note]:
    key, alias = found
    known = reading.read("fib_alias", _ALIAS, alias.address_)
    if known["table"] != table or known["info"] is None:
        return
    length = _BITS - (known["length"] or 0)
    info = known["info"]
    first = info + kernel.struct("fib_info").offset("fib_nh")
    hops = list(reading.hops(first, "fib_nh", known["hops"] or 0, known["shared"]))
    for hop in hops or [Hop()]:
        yield Route(
            INET,
            f"{ipv4(key.to_bytes(4, 'big'))}/{length}" if length else "default",
            hop.gateway,
            hop.dev,
            known["metric"],
            table,
            known["type"],
            known["scope"],
            known["protocol"],
            reading.number4(known["source"]),
            hop.weight if len(hops) > 1 else None,
            netns,
            alias.address_,
        )


def _aliases(kernel: Context, trie: int) -> Iterator[tuple[int, Value] | Note]:
    """Yield (prefix, `struct fib_alias`) in the order of prefixes; `trie` is a `struct trie`.

    An inner node tells which bits of an address choose among its children, always lower ones than
    its parent's, so that no way down can be longer than an address.
    """
    node = kernel.struct("key_vector")
    children = node.offset("tnode")
    width = kernel.layouts.pointer_size
    root = trie + kernel.struct("trie").offset("kv")
    top = kernel.target.read(kernel.wrap(root + children), width)
    pending = [(int.from_bytes(top, kernel.layouts.byteorder), _BITS)]
    seen: set[int] = set()
    while pending:
        address, above = pending.pop()
        if not address:
            continue
        if address in seen:
            yield Note(f"IPv4 routes: node {address:#x} is there twice", address)
            continue
        seen.add(address)
        try:
            data = kernel.target.read(kernel.wrap(address), node.size)
            key, pos, bits = (node.integer(data, name) for name in ("key", "pos", "bits"))
            if not bits:
                yield from _leaf(value_at(kernel, "struct key_vector", address), key)
                continue
            if pos + bits > above or bits > _MOST_BITS:
                raise CorruptDataError(f"node of bits {pos} to {pos + bits - 1}", address)
            pending += reversed([(c, pos) for c in _children(kernel, address + children, bits)])
        except BtfdumpError as error:
            yield note_of(error, "IPv4 routes")


def _children(kernel: Context, start: int, bits: int) -> Iterator[int]:
    """Yield the children of an inner node that there are."""
    width = kernel.layouts.pointer_size
    form = f"{'<' if kernel.layouts.byteorder == 'little' else '>'}{'Q' if width == 8 else 'I'}"
    for first in range(0, 1 << bits, _PIECE):
        count = min(_PIECE, (1 << bits) - first)
        data = kernel.target.read(kernel.wrap(start + first * width), count * width)
        yield from [child for (child,) in iter_unpack(form, data) if child]


def _leaf(leaf: Value, key: int) -> Iterator[tuple[int, Value] | Note]:
    for item in leaf.leaf.entries_():
        if isinstance(item, Anomaly):
            yield Note(f"IPv4 routes: {item.message}", item.address)
        elif not isinstance(item, ValueEntry):
            yield key, item
