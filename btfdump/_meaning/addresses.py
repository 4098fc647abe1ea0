"""Addresses of networks and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

UNIX, INET, INET6, NETLINK, PACKET = 1, 2, 10, 16, 17
"""Address families (include/linux/socket.h)."""


def ipv4(data: bytes) -> str:
    """Return an IPv4 address, given in network order."""
    return ".".join(map(str, data[:4]))


def ipv6(data: bytes) -> str:
    """Return an IPv6 address."""
    from socket import AF_INET6, inet_ntop  # few dumps show one, and it takes milliseconds

    return inet_ntop(AF_INET6, data[:16]) if len(data) >= 16 else ""


def mac(data: bytes) -> str:
    """Return a hardware address: `f6:4f:e0:33:a1:a9`."""
    return data.hex(":")


def uuid(data: bytes) -> str:
    """Return a UUID as it is written."""
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def sockaddr(data: bytes, byteorder: Literal["little", "big"]) -> str:
    """Return the address in a `struct sockaddr` of any family, or its family alone."""
    family = int.from_bytes(data[:2], byteorder)
    if family == INET and len(data) >= 8:
        return f"{ipv4(data[4:8])}:{int.from_bytes(data[2:4], 'big')}"
    if family == INET6 and len(data) >= 24:
        return f"[{ipv6(data[8:24])}]:{int.from_bytes(data[2:4], 'big')}"
    if family == UNIX:
        path = data[2:]
        is_abstract = path[:1] == b"\0"
        text = path.lstrip(b"\0").split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
        return ("@" if is_abstract else "") + text if text else "unnamed"
    return f"family {family}" if family else "unspecified"
