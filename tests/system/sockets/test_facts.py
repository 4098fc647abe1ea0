"""What sockets are: of families and states that no sample has, by changing those that it has."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import without_notes
from btfdump._kernel.value_at import value_at
from btfdump._system.sockets.facts import SocketReading
from btfdump._system.sockets.finding import listed_sockets
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from btfdump._kernel.value import Value

LOCAL, REMOTE = IPv6Address("2001:db8::1"), IPv6Address("fe80::2")


@pytest.fixture(params=["stock", "s390x"])
def kernel(opened, request):
    return PatchedKernel(opened(request.param))


def put(kernel: PatchedKernel, member: Value, value: int | bytes) -> None:
    order = kernel.target.platform.byteorder
    data = value if isinstance(value, bytes) else value.to_bytes(member.size_, order)
    kernel.target.write(member.address_, data)


def found(kernel: PatchedKernel, **wanted: object) -> int:
    """Return the address of the first socket that is as wanted."""
    reading = SocketReading(kernel, Troubles())
    for item in without_notes(listed_sockets(kernel)):
        facts = reading.of(item.address_)
        if all(getattr(facts, name) == value for name, value in wanted.items()):
            return facts.address
    raise LookupError(wanted)


def told(kernel: PatchedKernel, address: int):
    troubles = Troubles()
    facts = SocketReading(kernel, troubles).of(address)
    return facts, troubles.taken()


def test_ipv6(kernel):
    address = found(kernel, family=2, state=1)
    common = value_at(kernel, "struct sock", address).member_("__sk_common")
    before, _ = told(kernel, address)
    put(kernel, common.skc_family, 10)
    put(kernel, common.skc_v6_rcv_saddr, LOCAL.packed)
    put(kernel, common.skc_v6_daddr, REMOTE.packed)
    facts, _ = told(kernel, address)
    port = before.local.partition(":")[2]
    assert facts.local == f"[2001:db8::1]:{port}"
    assert facts.remote == f"[fe80::2]:{before.remote.partition(':')[2]}"
    assert (facts.protocol, facts.recvq) == ("TCP", before.recvq)


def test_what_waits_after_the_end_of_a_connection_has_little(kernel):
    """struct inet_timewait_sock: what lies behind it is anything, and not read."""
    address = found(kernel, family=2, state=1)
    wait = value_at(kernel, "struct inet_timewait_sock", address)
    put(kernel, wait.member_("__tw_common").skc_state, 6)
    put(kernel, wait.tw_substate, 5)
    facts, troubles = told(kernel, address)
    assert (facts.kind, facts.state, facts.protocol) == ("time-wait", 5, "TCP")
    assert (facts.recvq, facts.sendq, facts.inode) == (0, 0, None)
    assert not troubles


def test_a_connection_that_is_being_opened(kernel):
    """struct request_sock."""
    address = found(kernel, family=2, state=1)
    common = value_at(kernel, "struct sock", address).member_("__sk_common")
    put(kernel, common.skc_state, 12)
    facts, troubles = told(kernel, address)
    assert (facts.kind, facts.state, facts.type) == ("request", 12, 1)
    assert facts.local.startswith("127.0.0.1:")
    assert not troubles


def test_raw_sockets_have_no_ports(kernel):
    address = found(kernel, family=2, state=7)
    sock = value_at(kernel, "struct sock", address)
    put(kernel, sock.sk_type, 3)
    put(kernel, sock.sk_protocol, 1)
    facts, _ = told(kernel, address)
    assert (facts.local, facts.protocol) == ("127.0.0.1", "ICMP")


def test_names_of_unix_sockets(kernel):
    address = found(kernel, family=1, state=10)
    own = value_at(kernel, "struct unix_sock", address)
    name = own.addr.name.address_ + 2
    kernel.target.write(name, b"\0tmp")
    assert told(kernel, address)[0].local.startswith("@tmp")
    put(kernel, own.addr.len, 2)
    assert told(kernel, address)[0].local is None
    put(kernel, own.addr.len, 1 << 20)
    assert told(kernel, address)[0].local is None


def test_a_peer_that_has_a_name_is_called_by_it(kernel):
    listener = value_at(kernel, "struct unix_sock", found(kernel, family=1, state=10))
    address = found(kernel, family=1, state=1)
    put(kernel, value_at(kernel, "struct unix_sock", address).peer, listener.address_)
    assert told(kernel, address)[0].remote == "/tmp/data/delta.sock"


def test_netlink_and_packet_sockets(kernel):
    address = found(kernel, family=16)
    own = value_at(kernel, "struct netlink_sock", address)
    put(kernel, own.portid, 4711)
    assert told(kernel, address)[0].local == "4711"
    sock = value_at(kernel, "struct sock", address)
    put(kernel, sock.member_("__sk_common").skc_family, 17)
    packet = value_at(kernel, "struct packet_sock", address)
    put(kernel, packet.num, (3).to_bytes(2, "big"))
    put(kernel, packet.ifindex, 2)
    facts, _ = told(kernel, address)
    assert (facts.protocol, facts.local) == ("ALL", "ifindex 2")
    put(kernel, packet.ifindex, 0)
    assert told(kernel, address)[0].local == "any"
