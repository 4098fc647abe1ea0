"""Names of what sockets are, as the kernel has them in enums and macros."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._meaning.addresses import INET, INET6
from btfdump._meaning.names import table as names_of
from btfdump._system.sockets.facts import LISTEN

if TYPE_CHECKING:
    from btfdump._system.sockets.facts import SocketFacts

STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW_SYN_RECV",
    13: "BOUND_INACTIVE",
}
"""include/net/tcp_states.h, which all families use (net/unix/af_unix.c, net/vmw_vsock)."""
TYPES = {
    1: "STREAM",
    2: "DGRAM",
    3: "RAW",
    4: "RDM",
    5: "SEQPACKET",
    6: "DCCP",
    10: "PACKET",
}
"""include/linux/net.h: enum sock_type."""


def described(facts: SocketFacts) -> str:
    """Return a socket in one line: `TCP 127.0.0.1:4242 LISTEN`, `UNIX STREAM -> inode 12`.

    The state of a socket that is neither connected nor listens is told only of TCP.
    """
    family = names_of("address_family").names.get(facts.family or 0, "").removeprefix("AF_")
    words = [facts.protocol or ""]
    if facts.family not in (INET, INET6):
        words = [family or f"family {facts.family}", *words, TYPES.get(facts.type or 0, "")]
    words.append(facts.local or "")
    if facts.remote is not None:
        words += ["->", facts.remote]
    if facts.state == LISTEN or facts.protocol == "TCP":
        words.append(STATES.get(facts.state or 0, ""))
    return " ".join(filter(None, words))
