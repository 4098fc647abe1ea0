"""Where sockets are: the hash tables and lists of the protocols, without a look at any file.

TCP (with what waits after its end, and what is being opened), UDP, raw, ping, unix, packet, netlink
and XDP sockets are in them; sockets of other families, and such as have no address yet, are in
files alone.
"""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.variables import find_global
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_PIECE = 1 << 16
"""Bytes of a hash table that are read at once."""
_MOST_BUCKETS = 1 << 24
"""Buckets of a hash table: the largest that kernels make (thash_entries=) have as many."""
_MOST_NAMESPACES = 1 << 16
_MOST_NETLINK = 32
"""include/uapi/linux/netlink.h: MAX_LINKS."""


class Namespaces(NamedTuple):
    """The network namespaces, and what is wrong with their list."""

    each: list[Value]
    notes: list[Note]


def namespaces(kernel: Context) -> Namespaces:
    """Return all network namespaces: `net_namespace_list` (net/core/net_namespace.c).

    Raises what `Context.own_variable()` raises.
    """
    found: list[Value] = []
    notes: list[Note] = []
    for item in find_global(kernel, "net_namespace_list").entries_():
        if isinstance(item, Anomaly):
            notes.append(Note(f"net_namespace_list: {item.message}", item.address))
        elif not isinstance(item, ValueEntry):
            found.append(item)
        if len(found) == _MOST_NAMESPACES:
            break
    return Namespaces(found, notes)


def listed_sockets(kernel: Context) -> Iterator[Value | Note]:
    """Yield each socket of all tables once, as `struct sock`, and what is wrong with a table.

    What waits after the end of a connection, or is one being opened, begins with the same members.
    Raises what `Context.own_variable()` raises if there are no network namespaces.
    """
    nets = namespaces(kernel)
    yield from nets.notes
    seen: set[int] = set()
    for name, heads in _tables(kernel, nets.each):
        try:
            for item in heads:
                if isinstance(item, Note):
                    yield item
                elif item.address_ not in seen:
                    seen.add(item.address_)
                    yield item
        except SymbolNotFoundError as error:
            if name in _ALWAYS:
                yield note_of(error, name)
        except BtfdumpError as error:
            yield note_of(error, name)


_ALWAYS = frozenset(("tcp_hashinfo", "raw_v4_hashinfo", "nl_table"))
"""Tables of what every kernel with networking has; the others may not be built in."""


def _tables(kernel: Context, nets: list[Value]) -> Iterator[tuple[str, Iterator[Value | Note]]]:
    """Yield each table by name, with what walks its sockets."""
    yield "tcp_hashinfo", _tcp(kernel)
    for net in nets:
        yield "netns_ipv4.tcp_death_row.hashinfo", _own_tcp(net)
    for name in ("udp_table", "udplite_table"):
        yield name, _udp(kernel, name)
    for net in nets:
        yield "netns_ipv4.udp_table", _own_udp(net)
    for name in ("raw_v4_hashinfo", "raw_v6_hashinfo"):
        yield name, _global_array(kernel, name, "ht")
    yield "ping_table", _global_array(kernel, "ping_table", "hash")
    yield "unix_socket_table", _global_array(kernel, "unix_socket_table", "")
    for net in nets:
        yield "netns_unix.table", _unix(net)
        yield "netns_packet.sklist", _listed(net, "packet", "sklist")
        yield "netns_xdp.list", _listed(net, "xdp", "list")
    yield "nl_table", _netlink(kernel)


def _tcp(kernel: Context) -> Iterator[Value | Note]:
    yield from _of_hashinfo(find_global(kernel, "tcp_hashinfo"))


def _own_tcp(net: Value) -> Iterator[Value | Note]:
    """Walk the table of a namespace, which may have one of its own.

    Since d1e5e6408b30 ("tcp: Introduce optional per-netns ehash.", in 6.1).
    """
    if not net.has_member_("ipv4") or not net.ipv4.has_member_("tcp_death_row"):
        return
    row = net.ipv4.tcp_death_row
    if row.has_member_("hashinfo") and row.hashinfo:
        own = int(row.hashinfo)
        if own != net._context_.own_symbol("tcp_hashinfo"):
            yield from _of_hashinfo(row.hashinfo.deref_())


def _of_hashinfo(info: Value) -> Iterator[Value | Note]:
    """Walk connections, then listeners (net/ipv4/inet_hashtables.c).

    Until cae3873c5b3a ("net: inet: Retire port only listening_hash", in 5.19) the latter were in
    two tables, of which `listening_hash` always had them all.
    """
    yield from _buckets(info.ehash, int(info.ehash_mask) + 1, "chain")
    if info.has_member_("listening_hash"):
        for bucket in info.listening_hash:
            yield from _entries(_head(bucket))
    elif info.lhash2:
        yield from _buckets(info.lhash2, int(info.lhash2_mask) + 1, "nulls_head")


def _head(bucket: Value) -> Value:
    return bucket.nulls_head if bucket.has_member_("nulls_head") else bucket.head


def _udp(kernel: Context, name: str) -> Iterator[Value | Note]:
    table = find_global(kernel, name)
    if table.hash:
        yield from _buckets(table.hash, int(table.mask) + 1, "head")


def _own_udp(net: Value) -> Iterator[Value | Note]:
    """Walk the table of a namespace (9804985bf27f: udp: Introduce optional per-netns hash table.).

    It is that of all where it has none of its own.
    """
    if net.has_member_("ipv4") and net.ipv4.has_member_("udp_table") and net.ipv4.udp_table:
        table = net.ipv4.udp_table.deref_()
        if table.address_ != net._context_.own_symbol("udp_table") and table.hash:
            yield from _buckets(table.hash, int(table.mask) + 1, "head")


def _global_array(kernel: Context, name: str, member: str) -> Iterator[Value | Note]:
    table = find_global(kernel, name)
    array = table.member_(member) if member else table
    yield from _buckets(array, len(array), "")


def _unix(net: Value) -> Iterator[Value | Note]:
    """Walk the unix sockets of a namespace.

    They were in one table for all until 2f7ca90a0188 ("af_unix: Define a per-netns hash table.",
    in 5.20).
    """
    if net.has_member_("unx") and net.unx.has_member_("table") and net.unx.table.buckets:
        buckets = net.unx.table.buckets
        facts = buckets.facts_
        if facts is None or facts.length is None:
            raise CorruptDataError("nothing tells how many buckets there are", buckets.address_)
        yield from _entries(buckets)


def _listed(net: Value, of: str, name: str) -> Iterator[Value | Note]:
    if net.has_member_(of):
        yield from _entries(net.member_(of).member_(name))


def _netlink(kernel: Context) -> Iterator[Value | Note]:
    tables = find_global(kernel, "nl_table")
    if not tables:
        return
    for number in range(_MOST_NETLINK):
        table = tables[number]
        if not table.hash.tbl:  # of a protocol that is not registered
            continue
        for item in _entries(table.hash):
            yield item if isinstance(item, Note) else item.sk


def _buckets(array: Value, length: int, member: str) -> Iterator[Value | Note]:
    """Walk the buckets of a hash table that are not vacant.

    `array` is the array or a pointer to it, `member` the head in a bucket, "" for all of it.
    """
    if not 0 < length <= _MOST_BUCKETS:
        raise CorruptDataError(f"a hash table of {length} buckets", array.address_)
    first = array[0]
    head = first.member_(member) if member else first
    step, offset, start = first.size_, head.address_ - first.address_, first.address_
    kernel = array._context_
    order = "<" if kernel.layouts.byteorder == "little" else ">"
    width = kernel.layouts.pointer_size
    form = f"{order}{offset}x{'Q' if width == 8 else 'I'}{step - offset - width}x"
    piece = max(_PIECE // step, 1)
    for begin in range(0, length, piece):
        count = min(piece, length - begin)
        try:
            data = kernel.target.read(kernel.wrap(start + begin * step), count * step)
        except FaultError as error:
            where = f"{array.type_}: buckets {begin} to {begin + count - 1}"
            yield note_of(error, where)
            continue
        for number, (word,) in enumerate(iter_unpack(form, data), begin):
            if word and not word & 1:
                bucket = array[number]
                yield from _entries(bucket.member_(member) if member else bucket)


def _entries(head: Value) -> Iterator[Value | Note]:
    try:
        for item in head.entries_():
            if isinstance(item, Anomaly):
                yield Note(f"{head.type_} at {head.address_:#x}: {item.message}", item.address)
            elif not isinstance(item, ValueEntry):
                yield item
    except BtfdumpError as error:
        yield note_of(error, f"{head.type_} at {head.address_:#x}")
