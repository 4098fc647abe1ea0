"""Columns of network devices: what ip(8) prints of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._meaning.addresses import INET, INET6, ipv4, ipv6
from btfdump._meaning.addresses import mac as spelled
from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MOST_ADDRESSES = 1 << 10
_VALID = 0xDE
"""include/net/neighbour.h: NUD_VALID: permanent, no ARP, reachable, probed, stale, delayed."""
_MAX_ADDRESS = 32
"""Bytes of a hardware address (include/linux/netdevice.h: MAX_ADDR_LEN)."""


@column()
def mac(kernel: Context) -> Callable[[Value], str | None]:
    """A device's hardware address: `dev_addr`, of which it has `addr_len` bytes.

    It was an array in the device until 5.17 (adeef3e32146: net: constify netdev->dev_addr).
    """

    def of(device: Value) -> str | None:
        length = int(device.addr_len)
        if not 0 < length <= _MAX_ADDRESS:
            return None
        address = device.dev_addr
        start = int(address) if address.is_pointer_ else address.address_
        return spelled(kernel.target.read(start, length))

    return of


@column()
def addresses(kernel: Context) -> Callable[[Value], list[str]]:
    """A device's IPv4 and IPv6 addresses, with the lengths of their prefixes: `10.9.8.7/24`."""
    del kernel

    def of(device: Value) -> list[str]:
        found: list[str] = []
        if device.ip_ptr:
            for one in device.ip_ptr.ifa_list.walk_():
                if len(found) == _MOST_ADDRESSES:
                    return found
                found.append(f"{ipv4(one.ifa_local.bytes_())}/{int(one.ifa_prefixlen)}")
        if device.has_member_("ip6_ptr") and device.ip6_ptr:
            for one in device.ip6_ptr.addr_list.walk_():
                if len(found) == _MOST_ADDRESSES:
                    return found
                found.append(f"{ipv6(one.addr.bytes_())}/{int(one.prefix_len)}")
        return found

    return of


@column()
def neighbour_address(kernel: Context) -> Callable[..., str | None]:
    """The address of a neighbour in the network: IPv4, IPv6, or the bytes of another kind.

    The arguments are a `struct neighbour`, and `family` and `key_len` of its table.
    """

    def of(neighbour: Value, family: int | None, length: int | None) -> str | None:
        if length is None or not 0 < length <= _MAX_ADDRESS:
            return None
        data = kernel.target.read(neighbour.primary_key.address_, length)
        if (family, length) == (INET, 4):
            return ipv4(data)
        return ipv6(data) if (family, length) == (INET6, 16) else data.hex(":")

    return of


@column()
def neighbour_mac(kernel: Context) -> Callable[[Value], str | None]:
    """The hardware address of a neighbour, as long as its device's; None where it is not valid."""

    def of(neighbour: Value) -> str | None:
        length = int(neighbour.dev.addr_len) if neighbour.dev else 0
        if not 0 < length <= _MAX_ADDRESS or not int(neighbour.nud_state) & _VALID:
            return None
        return spelled(kernel.target.read(neighbour.ha.address_, length))

    return of
