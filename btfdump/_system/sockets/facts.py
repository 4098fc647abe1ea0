"""What a socket is and does: its family, addresses, state, what waits in its queues.

The numbers are those that /proc/net and ss(8) print.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._kernel.value_at import value_at
from btfdump._meaning.addresses import INET, INET6, NETLINK, PACKET, UNIX, ipv4, ipv6
from btfdump._meaning.names import table
from btfdump._system.members import Members
from btfdump.errors import BtfdumpError, UnknownTypeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles

TIME_WAIT, LISTEN, NEW_SYN_RECV = 6, 10, 12
ESTABLISHED = 1
"""States (include/net/tcp_states.h), which unix and other sockets have, too."""
STREAM, DATAGRAM, RAW, SEQPACKET = 1, 2, 3, 5
"""Types (include/linux/net.h: enum sock_type)."""
TCP, UDP, UDPLITE = 6, 17, 136
"""Protocols (include/uapi/linux/in.h)."""
_MAX_UNIX = 110
"""Bytes of the address of a unix socket (include/uapi/linux/un.h: struct sockaddr_un)."""
_MOST_QUEUED = 1 << 16

_COMMON = {
    "family": "__sk_common.skc_family",
    "state": "__sk_common.skc_state",
    "number": "__sk_common.skc_num",
    "port": "__sk_common.skc_dport",
    "local4": "__sk_common.skc_rcv_saddr",
    "remote4": "__sk_common.skc_daddr",
    "local6": "__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8",
    "remote6": "__sk_common.skc_v6_daddr.in6_u.u6_addr8",
    "netns": "__sk_common.skc_net.net.ns.inum",
}
_SOCK = {
    "type": "sk_type",
    "protocol": "sk_protocol",
    "socket": "sk_socket",
    "received": "sk_backlog.rmem_alloc.counter",
    "sent": "sk_wmem_alloc.refs.counter",
    "queued": "sk_receive_queue.qlen",
    "backlog": "sk_ack_backlog",
    "max_backlog": "sk_max_ack_backlog",
}
_TCP = {
    "received": "rcv_nxt",
    "copied": "copied_seq",
    "written": "write_seq",
    "acknowledged": "snd_una",
}
_UDP = {"deficit": "forward_deficit"}
_UNIX_SOCK = {
    "peer": "peer",
    "address": "addr",
    "length": "addr.len",
    "queued": "inq_len",
}
_NETLINK = {"portid": "portid", "peer": "dst_portid"}
_PACKET = {"ifindex": "ifindex", "number": "num"}
_INODE = {"inode": "vfs_inode.i_ino"}
_WAITING = {"state": "tw_substate"}
_REQUEST = {"listener": "rsk_listener"}


class SocketFacts(NamedTuple):
    """A socket: `kind` is "socket", or "time-wait" or "request", of which little is kept.

    Queues are in bytes, or of a listener in connections. `peer` is the address of the other end of
    a unix socket. What is not known, or does not apply, is None.
    """

    address: int
    kind: str
    family: int | None
    type: int | None
    protocol: str | None
    state: int | None
    local: str | None
    remote: str | None
    recvq: int | None
    sendq: int | None
    inode: int | None
    netns: int | None
    peer: int | None


class SocketReading:
    """Reads sockets of one kernel; what cannot be read is counted in `troubles`.

    Raises `UnknownTypeError` if the kernel has no networking.
    """

    def __init__(self, kernel: Context, troubles: Troubles) -> None:
        self._kernel = kernel
        self._troubles = troubles
        self._readers: dict[str, Members | None] = {}
        self._protocols: dict[int, str] = {TCP: "TCP"}
        self._order = kernel.layouts.byteorder
        kernel.own_type("struct sock")

    def of(self, address: int) -> SocketFacts:
        """Return what a socket is; `address` is that of its `struct sock`, or `sock_common`.

        Raises `FaultError` if it cannot be read.
        """
        common = self._read("sock", _COMMON, address)
        family, state = common["family"], common["state"]
        kind, extra = "socket", {}
        if family in (INET, INET6) and state == TIME_WAIT:
            kind, own = "time-wait", self._read("inet_timewait_sock", _WAITING, address)
            state = own.get("state") or state
        elif family in (INET, INET6) and state == NEW_SYN_RECV:
            kind = "request"
        else:
            extra = self._read("sock", _SOCK, address)
        type_, number = extra.get("type"), extra.get("protocol")
        if kind != "socket":  # TCP alone has such, as far as tables are read here
            type_, number = STREAM, TCP
        local, remote = self._addresses(address, common, type_)
        peer = self._read("unix_sock", _UNIX_SOCK, address).get("peer") if family == UNIX else None
        recvq, sendq = self._queues(address, family, type_, number, state, extra)
        return SocketFacts(
            address,
            kind,
            family,
            type_,
            self._protocol(address, family, number),
            state,
            local,
            remote,
            recvq,
            sendq,
            self._inode(extra.get("socket")),
            common.get("netns"),
            peer or None,
        )

    def inode_of(self, address: int) -> int | None:
        """Return the number of a socket's inode, by the address of its `struct sock`."""
        return self._inode(self._read("sock", _SOCK, address).get("socket"))

    # Pieces

    def _read(self, struct: str, paths: Mapping[str, str], address: int) -> dict[str, Any]:
        """Return the members of a struct that are known; {} where the kernel has no such struct."""
        key = f"{struct} {next(iter(paths))}"
        if key not in self._readers:
            try:
                self._readers[key] = Members(self._kernel, struct, paths, self._troubles)
            except UnknownTypeError:
                self._readers[key] = None
        reader = self._readers[key]
        return reader.of(address) if reader is not None else {}

    def _addresses(
        self, address: int, common: Mapping[str, Any], type_: int | None
    ) -> tuple[str | None, str | None]:
        family = common["family"]
        if family in (INET, INET6):
            return self._internet(common, has_ports=type_ != RAW)
        if family == UNIX:
            return self._unix(address)
        if family == NETLINK:
            own = self._read("netlink_sock", _NETLINK, address)
            portid, peer = own.get("portid"), own.get("peer")
            local = None if portid is None else str(portid) if portid else "kernel"
            return local, str(peer) if peer else None
        if family == PACKET:
            index = self._read("packet_sock", _PACKET, address).get("ifindex")
            return (f"ifindex {index}" if index else "any") if index is not None else None, None
        return None, None

    def _internet(
        self, common: Mapping[str, Any], *, has_ports: bool
    ) -> tuple[str | None, str | None]:
        """Return the addresses of an IPv4 or IPv6 socket; the other end, if there is one."""
        found: list[str | None] = []
        port = common["port"]
        remote_port = port.to_bytes(2, self._order) if port is not None else b""
        for end, number in (
            ("local", common["number"]),
            ("remote", int.from_bytes(remote_port, "big") if remote_port else None),
        ):
            data = self._bytes(common, end)
            if data is None or number is None:
                found.append(None)
                continue
            if end == "remote" and not any(data) and not number:
                found.append(None)
                continue
            text = ipv4(data) if len(data) == 4 else f"[{ipv6(data)}]"
            found.append(f"{text}:{number}" if has_ports else text)
        return found[0], found[1]

    def _bytes(self, common: Mapping[str, Any], end: str) -> bytes | None:
        if common["family"] == INET:
            number = common[f"{end}4"]
            return number.to_bytes(4, self._order) if number is not None else None
        octets = common.get(f"{end}6")
        return bytes(octets) if octets is not None else None

    def _unix(self, address: int) -> tuple[str | None, str | None]:
        own = self._read("unix_sock", _UNIX_SOCK, address)
        name = self._unix_name(own)
        peer = own.get("peer")
        if not peer:
            return name, None
        other = self._unix_name(self._read("unix_sock", _UNIX_SOCK, peer))
        if other is None:
            inode = self.inode_of(peer)
            other = f"inode {inode}" if inode else f"{peer:#x}"
        return name, other

    def _unix_name(self, own: Mapping[str, Any]) -> str | None:
        """Return the name that a unix socket is bound to: a path, or @ and an abstract name."""
        length = own.get("length")
        if not own.get("address") or not length or not 2 < length <= _MAX_UNIX:
            return None
        try:
            start = self._kernel.struct("unix_address").offset("name")
            data = self._kernel.target.read(own["address"] + start, length)[2:]
        except BtfdumpError as error:
            self._troubles.add("unix_sock.addr.name", error)
            return None
        if not data[0]:  # an abstract name has all the bytes that its length tells
            return data.replace(b"\0", b"@").decode("utf-8", "backslashreplace")
        return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")

    def _queues(
        self,
        address: int,
        family: int | None,
        type_: int | None,
        protocol: int | None,
        state: int | None,
        extra: Mapping[str, Any],
    ) -> tuple[int | None, int | None]:
        """Return what waits to be received and to be sent.

        Mirrors get_tcp4_sock(), udp4_format_sock(), unix_inq_len() and sock_diag's for the others.
        """
        if not extra:
            return (0, 0) if state is not None else (None, None)
        received, sent = extra.get("received"), extra.get("sent")
        sent = sent - 1 if sent else sent  # sk_wmem_alloc_get(): one is the socket's own
        if state == LISTEN:
            return extra.get("backlog"), extra.get("max_backlog")
        if family in (INET, INET6) and protocol == TCP and type_ == STREAM:
            own = self._read("tcp_sock", _TCP, address)
            if None in own.values():
                return None, None
            waiting = (own["received"] - own["copied"]) & 0xFFFFFFFF
            waiting = 0 if waiting >> 31 else waiting
            return waiting, (own["written"] - own["acknowledged"]) & 0xFFFFFFFF
        if family in (INET, INET6) and protocol in (UDP, UDPLITE) and received is not None:
            received -= self._read("udp_sock", _UDP, address).get("deficit") or 0
        if family == UNIX:
            received = self._unix_received(address, type_, extra.get("queued"))
        return received, sent

    def _unix_received(self, address: int, type_: int | None, queued: int | None) -> int | None:
        """Return the bytes that wait in a unix socket, of a datagram socket in the first packet.

        Since f4e1fb04c123 ("af_unix: Use cached value for SOCK_STREAM in unix_inq_len().", in 6.17)
        the former are counted.
        """
        own = self._read("unix_sock", _UNIX_SOCK, address)
        if type_ == STREAM and own.get("queued") is not None:
            return int(own["queued"])
        if not queued:
            return queued
        sock = value_at(self._kernel, "struct sock", address)
        try:
            consumed = self._kernel.struct("unix_skb_parms").offset("consumed")
            mark = self._kernel.struct("sk_buff").offset("cb") + consumed
            total = 0
            for packet in islice(sock.sk_receive_queue.walk_(), _MOST_QUEUED):
                length = int(packet.len)
                if type_ == DATAGRAM:
                    return length
                done = self._kernel.target.read(packet.address_ + mark, 4)
                total += length - int.from_bytes(done, self._order)
        except BtfdumpError as error:
            self._troubles.add("sock.sk_receive_queue", error)
            return None
        return total

    def _inode(self, socket: int | None) -> int | None:
        """Return the number of the inode that a `struct socket` lies beside, None for NULL."""
        if not socket:
            return None
        start = self._kernel.struct("socket_alloc").offset("socket")
        found = self._read("socket_alloc", _INODE, self._kernel.wrap(socket - start))
        inode = found.get("inode")
        return int(inode) if inode is not None else None

    def _protocol(self, address: int, family: int | None, number: int | None) -> str | None:
        """Return the name of a protocol, in the numbers of its family; None where 0 means none."""
        if number is None:
            return None
        if family == NETLINK:
            return self._named("netlink_protocol", "NETLINK_", number)
        if family == PACKET:
            own = self._read("packet_sock", _PACKET, address).get("number")
            if not own:
                return None
            number = int.from_bytes(own.to_bytes(2, self._order), "big")
            return self._named("ethertype", "ETH_P_", number)
        if family in (INET, INET6):
            return self._internet_protocol(address, number)
        return str(number) if number else None

    def _named(self, name: str, prefix: str, number: int) -> str:
        return table(name).names.get(number, str(number)).removeprefix(prefix)

    def _internet_protocol(self, address: int, number: int) -> str:
        """Return a protocol of IP, by what annotations say of the member."""
        if number not in self._protocols:
            member = value_at(self._kernel, "struct sock", address).member_("sk_protocol")
            self._protocols[number] = member.meaning_() or str(number)
        return self._protocols[number].removeprefix("IPPROTO_")
