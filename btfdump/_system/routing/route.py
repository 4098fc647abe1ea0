"""A route as IPv4 and IPv6 have them, and its next hops (include/net/ip_fib.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._meaning.addresses import INET, INET6, ipv4, ipv6
from btfdump._system.members import Members
from btfdump.errors import UnknownTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles

_MOST_HOPS = 1 << 10
_COMMON = {
    "dev": "nhc_dev.name",
    "index": "nhc_oif",
    "family": "nhc_gw_family",
    "gateway4": "nhc_gw.ipv4",
    "gateway6": "nhc_gw.ipv6.in6_u.u6_addr8",
    "weight": "nhc_weight",
}
_OBJECT = {"is_group": "is_group", "hop": "nh_info", "group": "nh_grp"}
_GROUP = {"length": "num_nh"}
_ENTRY = {"hop": "nh", "weight": "weight"}


class Route(NamedTuple):
    """One way of a route. `route` is the address of its `struct fib_alias` or `fib6_info`.

    `dst` is "default" for all addresses. What a route does not have, and what could not be read, is
    None.
    """

    family: int
    dst: str
    gateway: str | None
    dev: str | None
    metric: int | None
    rt_table: int | None
    type: int | None
    scope: int | None
    protocol: int | None
    src: str | None
    weight: int | None
    netns: int | None
    route: int


class Hop(NamedTuple):
    """Where a route leads next."""

    gateway: str | None = None
    dev: str | None = None
    weight: int | None = None


class RouteReading:
    """Reads what routes and their next hops are made of; what is lacking goes to `troubles`."""

    def __init__(self, kernel: Context, troubles: Troubles) -> None:
        self._kernel = kernel
        self._troubles = troubles
        self._order = kernel.layouts.byteorder
        self._readers: dict[str, Members | None] = {}

    def read(self, struct: str, paths: Mapping[str, str], address: int) -> dict[str, Any]:
        """Return members of a struct; all are None where the kernel has no such struct."""
        if struct not in self._readers:
            try:
                self._readers[struct] = Members(self._kernel, struct, paths, self._troubles)
            except UnknownTypeError:
                self._readers[struct] = None
        reader = self._readers[struct]
        return reader.of(address) if reader is not None else dict.fromkeys(paths)

    def number4(self, number: int | None) -> str | None:
        """Return an address of IPv4, which was read as a number; None for no address."""
        return ipv4(number.to_bytes(4, self._order)) if number else None

    def hops(self, start: int, struct: str, count: int, shared: int | None) -> Iterator[Hop]:
        """Yield next hops: `count` of a struct at an address, or those of a `struct nexthop`.

        A route without one, such as an unreachable one, has none.
        """
        if shared:
            yield from self._of_object(shared)
            return
        size = self._kernel.struct(struct).size
        offset = self._kernel.struct(struct).offset("nh_common")
        if not 0 <= count <= _MOST_HOPS:
            self._troubles.add(struct, f"{count} next hops", start)
            count = 0
        for number in range(count):
            yield self._hop(start + number * size + offset)

    def _of_object(self, address: int) -> Iterator[Hop]:
        """Yield the hops of a nexthop object (net/ipv4/nexthop.c), or of its group."""
        known = self.read("nexthop", _OBJECT, address)
        if not known["is_group"]:
            if known["hop"]:
                yield self._hop(known["hop"] + self._kernel.struct("nh_info").offset("fib_nhc"))
            return
        if not known["group"]:
            return
        length = self.read("nh_group", _GROUP, known["group"])["length"] or 0
        if length > _MOST_HOPS:
            self._troubles.add("nh_group", f"{length} next hops", known["group"])
            return
        entries = known["group"] + self._kernel.struct("nh_group").offset("nh_entries")
        for number in range(length):
            at = entries + number * self._kernel.struct("nh_grp_entry").size
            entry = self.read("nh_grp_entry", _ENTRY, at)
            member = self.read("nexthop", _OBJECT, entry["hop"]) if entry["hop"] else {}
            if member.get("hop") and not member["is_group"]:
                start = self._kernel.struct("nh_info").offset("fib_nhc")
                yield self._hop(member["hop"] + start)._replace(weight=entry["weight"])

    def _hop(self, address: int) -> Hop:
        known = self.read("fib_nh_common", _COMMON, address)
        gateway = None
        if known["family"] == INET:
            gateway = self.number4(known["gateway4"])
        elif known["family"] == INET6 and known["gateway6"]:
            gateway = ipv6(bytes(known["gateway6"]))
        return Hop(gateway, known["dev"] or None, known["weight"])
