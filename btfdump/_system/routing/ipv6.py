"""Routes of IPv6: the nodes of the trees of all tables (net/ipv6/ip6_fib.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note, note_of
from btfdump._meaning.addresses import INET6, ipv6
from btfdump._system.routing.route import Hop, Route, RouteReading
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles
    from btfdump._kernel.value import Value

_BITS = 128
_HAS_ROUTES = 0x4
"""include/net/ip6_fib.h: RTN_RTINFO. The leaf of another node is one that is below it."""
_NODE = {
    "left": "left",
    "right": "right",
    "by_source": "subtree",
    "leaf": "leaf",
    "flags": "fn_flags",
}
_INFO = {
    "next": "fib6_next",
    "address": "fib6_dst.addr.in6_u.u6_addr8",
    "length": "fib6_dst.plen",
    "source": "fib6_prefsrc.addr.in6_u.u6_addr8",
    "has_source": "fib6_prefsrc.plen",
    "metric": "fib6_metric",
    "type": "fib6_type",
    "protocol": "fib6_protocol",
    "shared": "nh",
}


def routes(net: Value, troubles: Troubles) -> Iterator[Route | Note]:
    """Yield the routes of all tables of a `struct net`, and what is wrong with them."""
    if not net.has_member_("ipv6"):
        return
    kernel = net._context_
    reading = RouteReading(kernel, troubles)
    netns = int(net.ns.inum)
    none = int(net.ipv6.fib6_null_entry)
    if not net.ipv6.fib_table_hash:
        return
    try:
        for item in net.ipv6.fib_table_hash.entries_():
            if isinstance(item, Anomaly):
                yield Note(f"fib_table_hash: {item.message}", item.address)
            elif not isinstance(item, ValueEntry):
                for leaf in _leaves(reading, item.tb6_root.address_):
                    if isinstance(leaf, Note):
                        yield leaf
                    else:
                        yield from _routes(kernel, reading, leaf, none, int(item.tb6_id), netns)
    except BtfdumpError as error:
        yield note_of(error, "IPv6 routes")


def _leaves(reading: RouteReading, root: int) -> Iterator[int | Note]:
    """Yield the first `struct fib6_info` of each node that has routes, in the order of prefixes."""
    pending = [root]
    seen: set[int] = set()
    while pending:
        address = pending.pop()
        if address in seen:
            yield Note(f"IPv6 routes: node {address:#x} is there twice", address)
            continue
        seen.add(address)
        node = reading.read("fib6_node", _NODE, address)
        if node["leaf"] and (node["flags"] or 0) & _HAS_ROUTES:
            yield node["leaf"]
        pending += [node[way] for way in ("right", "left", "by_source") if node[way]]


def _routes(
    kernel: Context, reading: RouteReading, first: int, none: int, table: int, netns: int
) -> Iterator[Route | Note]:
    seen: set[int] = set()
    address = first
    while address:
        if address in seen:
            yield Note(f"IPv6 routes: fib6_info {address:#x} leads back to itself", address)
            return
        seen.add(address)
        known = reading.read("fib6_info", _INFO, address)
        if address != none and known["address"] is not None:
            try:
                yield from _of(kernel, reading, address, known, table, netns)
            except BtfdumpError as error:
                yield note_of(error, "IPv6 routes")
        address = known["next"] or 0


def _of(
    kernel: Context,
    reading: RouteReading,
    address: int,
    known: dict[str, object],
    table: int,
    netns: int,
) -> Iterator[Route]:
    octets, length, source = known["address"], known["length"], known["source"]
    assert isinstance(octets, list)
    if not isinstance(length, int) or length > _BITS:
        raise CorruptDataError(f"a prefix of {length} bits", address)
    first = address + kernel.struct("fib6_info").offset("fib6_nh")
    shared = known["shared"]
    hops = list(reading.hops(first, "fib6_nh", 1, shared if isinstance(shared, int) else None))

    def number(name: str) -> int | None:
        found = known[name]
        return found if isinstance(found, int) else None

    for hop in hops or [Hop()]:
        yield Route(
            INET6,
            f"{ipv6(bytes(octets))}/{length}" if length else "default",
            hop.gateway,
            hop.dev,
            number("metric"),
            table,
            number("type"),
            None,
            number("protocol"),
            ipv6(bytes(source)) if isinstance(source, list) and known["has_source"] else None,
            hop.weight if len(hops) > 1 else None,
            netns,
            address,
        )
