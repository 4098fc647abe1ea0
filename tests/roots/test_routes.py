"""The table of routes, against the devices' addresses and the kernel's own counts."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import Query, table_of
from btfdump.errors import MissingDataError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

EVERY = ("tagged", "stock", "stock-7.3", "s390x", "garden")
UNICAST, LOCAL, BROADCAST = 1, 2, 3
HOST, LINK = 254, 253


def rows(kernel: Kernel, *patterns: str, table: str = "routes") -> list[dict[str, Any]]:
    kind = table_of(table)
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query(patterns)).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found


@pytest.mark.parametrize("name", EVERY)
def test_routes_are_those_of_the_devices_addresses(opened, name):
    """fib_add_ifaddr() (net/ipv4/fib_frontend.c): all that the guests have."""
    kernel = opened(name)
    expected = set()
    for device in rows(kernel, table="net"):
        for address in (ip_interface(text) for text in device["addresses"] if ":" not in text):
            net, own = address.network, f"{address.ip}"
            is_loop = address.ip.is_loopback
            expected.add((f"{own}/32", device["name"], LOCAL, HOST, own))
            expected.add((f"{net.broadcast_address}/32", device["name"], BROADCAST, LINK, own))
            kind = (LOCAL, HOST) if is_loop else (UNICAST, LINK)
            expected.add((f"{net}", device["name"], *kind, own))
    told = {
        (row["dst"], row["dev"], row["type"], row["scope"], row["src"])
        for row in rows(kernel)
        if row["family"] == 2
    }
    assert told == expected


@pytest.mark.parametrize("name", EVERY)
def test_as_many_as_the_kernel_counts(opened, name):
    kernel = opened(name)
    found = rows(kernel)
    for net in kernel["net_namespace_list"].walk_():
        own = [row for row in found if row["netns"] == int(net.ns.inum)]
        if net.has_member_("ipv6"):
            six = {row["route"] for row in own if row["family"] == 10}
            assert len(six) == int(net.ipv6.rt6_stats.fib_rt_entries)
        if net.ipv4.has_member_("fib_info_cnt"):
            four = [row["route"] for row in own if row["family"] == 2]
            infos = {int(value_at(kernel, "struct fib_alias", one).fa_info) for one in four}
            assert len(infos) == int(net.ipv4.fib_info_cnt)


def test_ipv6(opened):
    found = {row["dst"]: row for row in rows(opened("stock")) if row["family"] == 10}
    assert found["::1/128"]["dev"] == "lo"
    assert found["::1/128"]["type"] == LOCAL
    assert (found["fe80::/64"]["dev"], found["fe80::/64"]["metric"]) == ("dum0", 256)
    assert found["fe80::/64"]["rt_table"] == 254
    assert found["ff00::/8"]["rt_table"] == 255


def test_arguments_are_prefixes_or_devices(opened):
    kernel = opened("stock")
    assert {row["dev"] for row in rows(kernel, "lo")} == {"lo"}
    assert [row["dev"] for row in rows(kernel, "10.9.8.0/*")] == ["dum0"]


def test_a_kernel_without_networking_says_so():
    kind = table_of("routes")
    assert kind is not None
    with pytest.raises(MissingDataError, match="without networking"):
        kind.table(World().kernel(), Query())
